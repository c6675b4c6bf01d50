"""Find images that cannot be read before training does, which may meet them hours later."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from refinemask.data.dataset import InstanceDataset
from refinemask.errors import RefineMaskError
from refinemask.files import write_text

logger = logging.getLogger(__name__)

FILE_NAME = "checked_images.json"


def check_images(
    datasets: Iterable[InstanceDataset],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Read every image once, in threads; those that cannot be used are logged.

    What was checked is noted in a file in `folder`: the same images, by path, size, time of change,
    and the height and width that their annotations give, are not read again.

    Args:
        datasets: their images are read; generated ones need not be.
        folder: of the run.
        progress: called after each image with the number done and of all.

    Raises:
        RefineMaskError: images cannot be read, or have other sizes than their dataset says.
    """
    loads = {
        (path, dataset.image_size(index)): (dataset, index)
        for dataset in datasets
        for index in range(len(dataset))
        if (path := dataset.image_path(index)).exists()
    }
    if not loads or _noted(folder / FILE_NAME) == (found := fingerprint(loads)):
        return
    executor = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    problems = []
    try:
        for done, problem in enumerate(executor.map(_problem, loads.values()), start=1):
            problems += [problem] if problem else []
            if progress is not None:
                progress(done, len(loads))
    finally:
        executor.shutdown(cancel_futures=True)
    for problem in problems:
        logger.warning("%s", problem)
    if problems:
        raise RefineMaskError(
            f"{len(problems)} of the {len(loads)} images of the run cannot be used; repair them, "
            "or remove them from the annotations"
        )
    write_text(folder / FILE_NAME, json.dumps({"images": len(loads), "sha256": found}))


def _problem(image: tuple[InstanceDataset, int]) -> str | None:
    dataset, index = image
    try:
        dataset.load_image(index)
    except RefineMaskError as error:
        return str(error)
    except MemoryError:
        return f"image {dataset.image_path(index)}: not enough memory"
    return None


def fingerprint(images: Iterable[tuple[Path, tuple[int, int] | None]]) -> str:
    """Return a hash of the paths, sizes and times of change of files, and the images' sizes."""
    digest = hashlib.sha256()
    for path, size in images:
        status = path.stat()
        digest.update(repr((str(path), size, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()


def _noted(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found.get("sha256") if isinstance(found, dict) else None
