"""The outputs of the official implementation, and how near to them ours must come.

`tests/golden/subset/` has enough of them to prove that models, losses and targets match the
official ones. `make_subset.py` makes it from the folder of all of them, which is too large for the
repository. Of large arrays it has every n-th value, under a name like "fpn/P2[::499]".
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from refinemask.checkpoints.synthetic import synthetic_tensor
from refinemask.configs.config import ModelConfig
from refinemask.export.tolerances import BOX_TOLERANCE, SCORE_TOLERANCE, STAGE_LOGIT_TOLERANCE
from refinemask.models import Detector, build_model

SUBSET = Path(__file__).parent / "subset"

STAGE: dict[str, Any] = {"atol": STAGE_LOGIT_TOLERANCE, "rtol": 0}
"""One stage from golden inputs."""
BOXES: dict[str, Any] = {"atol": BOX_TOLERANCE, "rtol": 0}
"""Boxes end to end, in pixels."""
SCORES: dict[str, Any] = {"atol": SCORE_TOLERANCE, "rtol": 0}
LOGITS: dict[str, Any] = {"atol": 1e-3, "rtol": 0}
"""Mask logits end to end."""

ROUNDING_FACTOR = 4
"""Our float32 may differ from float64 by so many times what the official float32 does."""


class Vectors(dict[str, Tensor]):
    """The arrays of one .npz file."""

    def __missing__(self, name: str) -> Tensor:
        pytest.skip(f"{name} is not in the subset; set REFINEMASK_SHARED to the folder of all")

    def joined(self, others: Mapping[str, Tensor]) -> "Vectors":
        return Vectors({**self, **others})

    def sampled(self, name: str, found: Tensor) -> tuple[Tensor, Tensor]:
        """Return those values of an array that there are, and the same ones of ours.

        Args:
            name: of the array.
            found: ours, of the same shape as the whole array.
        """
        if name in self:
            return self[name], found
        for key, values in self.items():
            if match := re.fullmatch(rf"{re.escape(name)}\[::(\d+)\]", key):
                return values, found.flatten()[:: int(match[1])]
        return self[name], found

    def assert_close(self, name: str, found: Tensor, atol: float, rtol: float = 0) -> None:
        """Compare our output with the official one or, in the subset, with what there is of it."""
        expected, found = self.sampled(name, found)
        torch.testing.assert_close(found, expected.to(found.dtype), atol=atol, rtol=rtol)

    def assert_rounds_alike(self, name: str, found: Tensor, exact: Tensor, atol: float) -> None:
        """Compare our float32 and float64 outputs from the same inputs with the official one.

        Our float64 output, which is the same on every CPU, must be within `atol` of the official
        float32 one. How far it is says how much float32 rounds here, so our float32 output may be
        `ROUNDING_FACTOR` times as far from it.
        """
        self.assert_close(name, exact, atol)
        official, exact = self.sampled(name, exact)
        rounding = (official - exact).abs().max()
        _, found = self.sampled(name, found)
        assert (found - exact).abs().max() <= ROUNDING_FACTOR * rounding, name


def tensors(path: Path) -> Vectors:
    """Read every array of an .npz file."""
    if SUBSET in path.parents and not path.exists():
        pytest.skip(f"{path.name} is not in the subset; set REFINEMASK_SHARED to the folder of all")
    with np.load(path) as file:
        return Vectors({name: torch.from_numpy(file[name]) for name in file.files})


def official_shapes(vectors: Path, name: str) -> dict[str, tuple[int, ...]]:
    """Return the parameter names and shapes of an official model."""
    listed = json.loads((vectors / "detector" / f"{name}.state_dict.json").read_text())
    return {key: tuple(shape) for key, (shape, _) in listed.items()}


def official_model(vectors: Path, name: str, config: ModelConfig) -> Detector:
    """Build our model with the recipe weights under the official names."""
    weights = {
        key: torch.from_numpy(synthetic_tensor(key, shape))
        for key, shape in official_shapes(vectors, name).items()
    }
    with torch.device("meta"):
        model = build_model(config)
    model.load_state_dict(weights, assign=True)
    return model


def unpack(packed: Tensor, width: int) -> Tensor:
    """Return the bool maps (..., width) that were packed into bits along their last axis."""
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)[..., :width]).bool()
