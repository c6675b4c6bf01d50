"""How far an operator may be from its reference, in every host, by the type of its elements.

What is selected (BatchedNMS), which stage is taken (BoundaryRefine) and which pixels are set
(PasteMasks) is decided in float32 whatever the type, and equal everywhere.
"""

from typing import Any

_ROUNDING = {"float16": 1e-3, "bfloat16": 8e-3}
"""A unit in the last place of numbers of order 1, where the rounding turns."""
TOLERANCES = {
    # Features are of order 1; torchvision adds in another order.
    "MultiScaleRoIAlign": {"float32": 2e-6, **_ROUNDING},
    "BoundaryRefine": {"float32": 1e-6, **_ROUNDING},
    # Sums of up to some hundred products of order 1.
    "ConvAtPlaces": {"float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2},
}


def close(operator: str, dtype: object) -> dict[str, Any]:
    """Return `atol` and `rtol` for a type of NumPy or PyTorch."""
    name = str(dtype).rpartition(".")[2]
    tolerance = TOLERANCES[operator][name]
    return {"atol": tolerance, "rtol": tolerance}
