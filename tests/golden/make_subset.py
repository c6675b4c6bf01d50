"""Make `tests/golden/subset/`: python tests/golden/make_subset.py $REFINEMASK_SHARED/golden."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

LOSSES = (
    "RefineCrossEntropyLoss_case0",
    "generate_block_target",
    "get_targets",
    "train_step_mask_rcnn_r50_coco",
    "train_step_refinemask_r50_coco",
    "train_step_refinemask_r50_coco_faster_better",
)
FILES = (
    "heads/refine_mask_head_sigmoid",
    *(f"losses/{name}" for name in LOSSES),
    "detector/shared",
    "detector/refinemask_r50_coco",
    "detector/refinemask_r50_coco_faster_better",
    "detector/mask_rcnn_r50_coco",
)
INPUTS = ("in/", "sd/", "cfg/")
SAMPLE = 500
"""About how many values are kept of a large array of float32 outputs."""


def first_rows(file: str, name: str, array: np.ndarray) -> np.ndarray:
    """Keep the RoIs of the first of two images of a head, and the mask logits of one detection."""
    if file.startswith("heads/") and name.startswith(("in/", "out/")):
        return array[: 1 if "semantic" in name else 3]
    if file.startswith("detector/") and name.endswith("_logits"):
        return array[:1]
    return array


def sample(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Keep every n-th value of a large output; n is prime, so all rows and columns occur."""
    kept = name.startswith(INPUTS) or re.fullmatch("norescale/mask/.*_logits", name)
    if kept or array.dtype != np.float32 or array.size < 2 * SAMPLE:
        return name, array
    step = next(number for number in range(array.size // SAMPLE, array.size) if is_prime(number))
    return f"{name}[::{step}]", array.ravel()[::step]


def is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def make_subset(vectors: Path, output: Path) -> None:
    """Write the subset of the folder of all golden vectors.

    Args:
        vectors: the folder with `heads/`, `losses/` and `detector/`.
        output: the folder to write, whose files are replaced.
    """
    for name in FILES:
        target = (output / name).with_suffix(".npz")
        target.parent.mkdir(parents=True, exist_ok=True)
        with np.load((vectors / name).with_suffix(".npz")) as file:
            arrays = {key: first_rows(name, key, file[key]) for key in file.files}
        samples: dict[str, Any] = dict(sample(*item) for item in arrays.items())
        np.savez_compressed(target, **samples)
    lists = vectors.glob("detector/*.state_dict.json")
    for path in [
        *lists,
        vectors / "detector/recipe_check.json",
        vectors / "losses/train_step.json",
    ]:
        text = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
        (output / path.relative_to(vectors)).write_text(text + "\n")


if __name__ == "__main__":
    make_subset(Path(sys.argv[1]), Path(__file__).parent / "subset")
