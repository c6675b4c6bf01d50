"""The forms of an exported graph, one folder each."""

from refinemask.export.forms.form import Form
from refinemask.export.forms.fused import FUSED
from refinemask.export.forms.portable import PORTABLE
from refinemask.export.forms.static import STATIC

FORMS: dict[str, Form] = {form.name: form for form in (PORTABLE, FUSED, STATIC)}
"""Every form by its name. The runtimes that take it: `refinemask.engines.runtimes`."""
