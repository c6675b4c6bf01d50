"""What commands read, which they never write over."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from refinemask.console import refuse_to_overwrite

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset


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
