"""The forms of an exported graph, one folder each."""

from refinemask.export.forms.form import Form
from refinemask.export.forms.fused import FUSED
from refinemask.export.forms.portable import PORTABLE

FORMS: dict[str, Form] = {form.name: form for form in (PORTABLE, FUSED)}
"""Every form by its name. The runtimes that take it: `refinemask.engines.runtimes`."""
