"""`refinemask::nonzero_places` -> NonZero, whose columns are the places."""

from typing import Any

from refinemask.export.forms.portable.operators import op


def nonzero_places(mask: Any) -> Any:
    """Emit the nodes; argument and result as those of the operator of the same name."""
    return op.Transpose(op.NonZero(mask), perm=[1, 0])
