"""The library of compiled kernels, and the code that stands in for it."""

from collections.abc import Callable
from typing import Any

import pytest

from refinemask.inference import native

needs_library = pytest.mark.skipif(
    native.library("runtime") is None,
    reason="librefinemask.so is not built; build it with: make native",
)


def with_numpy(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` as if no library had been built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "kernels", lambda: None)
        return function(*arguments)
