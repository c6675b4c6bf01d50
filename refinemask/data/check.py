"""Read all of a dataset, as training and evaluation will, and find what is there twice."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from refinemask.data.dataset import InstanceDataset
from refinemask.data.summary import LeftOut
from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Findings:
    """What reading a dataset found.

    Attributes:
        failures: a line for each image that cannot be used.
        duplicates: by their kind, how many there are beside the first, and the id of one.
    """

    failures: tuple[str, ...]
    duplicates: Mapping[str, LeftOut]


def read_dataset(
    dataset: InstanceDataset,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Read every image of a dataset with its instances, several at a time.

    Args:
        dataset: any.
        threads: how many images are read at a time; None for one for each core.
        progress: called after each image with the number done and the total.
    """
    failures: list[str] = []
    digests: list[bytes | None] = []
    with ThreadPoolExecutor(threads) as pool:
        outcomes = pool.map(lambda index: _read(dataset, index), range(len(dataset)))
        for done, (failure, digest) in enumerate(outcomes, start=1):
            failures += [] if failure is None else [failure]
            digests.append(digest)
            if progress is not None:
                progress(done, len(dataset))
    duplicates = {
        "images of the same file": _repeated(dataset.image_ids, _paths(dataset)),
        "images with the same content": _repeated(dataset.image_ids, digests),
        "annotations with the same box and mask": _repeated_annotations(dataset.ground_truth),
    }
    return Findings(tuple(failures), {kind: found for kind, found in duplicates.items() if found})


def _read(dataset: InstanceDataset, index: int) -> tuple[str | None, bytes | None]:
    """Return why an image cannot be used, and the digest of its file."""
    path = dataset.image_path(index)
    try:
        _ = dataset[index]
        digest = hashlib.blake2b(path.read_bytes()).digest() if path.is_file() else None
    except (RefineMaskError, OSError) as error:
        return str(error), None
    return None, digest


def _paths(dataset: InstanceDataset) -> list[Hashable]:
    return [dataset.image_path(index) for index in range(len(dataset))]


def _repeated_annotations(ground_truth: Mapping[str, Any]) -> LeftOut | None:
    annotations = ground_truth["annotations"]
    keys = [
        (a["image_id"], a["category_id"], tuple(a["bbox"]), _mask_key(a["segmentation"]))
        for a in annotations
    ]
    return _repeated([annotation["id"] for annotation in annotations], keys)


def _mask_key(segmentation: Any) -> Hashable:
    if isinstance(segmentation, list):
        return tuple(map(tuple, segmentation))
    counts = segmentation["counts"]
    return tuple(counts) if isinstance(counts, list) else counts


def _repeated(ids: Sequence[int | str], keys: Sequence[Hashable]) -> LeftOut | None:
    """Count the ids whose key an earlier one has; None stands for no key."""
    first: dict[Hashable, int | str] = {}
    repeated = [
        id_
        for id_, key in zip(ids, keys, strict=True)
        if key is not None and first.setdefault(key, id_) != id_
    ]
    return LeftOut(len(repeated), repeated[0]) if repeated else None
