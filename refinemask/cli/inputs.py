"""What commands read, which they never write over."""

import os
from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from refinemask.console import refuse_to_overwrite
from refinemask.errors import RefineMaskError

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset


def expand_patterns(paths: Sequence[str | Path]) -> list[str]:
    """Replace patterns, such as "photos/**/*.jpg", by the files that match, in name order.

    A pattern has one of the characters * ? [ and is not the name of a file. Cameras and URLs are
    left as they are.

    Raises:
        RefineMaskError: nothing matches a pattern.
    """
    expanded: list[str] = []
    for path in map(str, paths):
        if "://" in path or not set(path) & set("*?[") or os.path.exists(path):
            expanded.append(path)
            continue
        found = sorted(glob(path, recursive=True))
        if not found:
            raise RefineMaskError(f"no file matches {path}; check the pattern")
        expanded += found
    return expanded


def refuse_to_overwrite_dataset(
    spec: str, dataset: "InstanceDataset", outputs: Iterable[str | Path | None]
) -> None:
    """Check that no output, None and "-" left out, would overwrite a file of a dataset.

    Args:
        spec: what the dataset was opened by.
        dataset: which may have many files; they are looked at only where an output exists.
        outputs: what is written.

    Raises:
        WrongUsage: one would.
    """
    from refinemask.data.open import dataset_files

    existing = [path for path in outputs if path not in (None, "-") and os.path.exists(path)]
    if existing:
        refuse_to_overwrite(dataset_files(spec, dataset), existing)
