"""Predictions written to disk image by image, so that an interrupted evaluation can continue.

`predictions.jsonl` begins with a line that says what made it: `made_by`, and then has one line for
each image: `image_id`, and its COCO `results` without it.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from io import BufferedRandom
from pathlib import Path
from typing import Any, Self

from refinemask.data.dataset import EvaluationDataset
from refinemask.errors import RefineMaskError
from refinemask.files import check_writable, make_folder

logger = logging.getLogger(__name__)

FILE_NAME = "predictions.jsonl"


class PredictionLog:
    """The predictions of one evaluation, on disk.

    The folder and the file are made when the first image is added. Each image is in the file when
    `add` returns; a line that was cut off by an interruption is dropped when the file is read.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any], resume: bool) -> None:
        """Begin, or read what an earlier evaluation left.

        Args:
            folder: where `predictions.jsonl` is or will be.
            made_by: what the predictions depend on, as JSON values: model, dataset, options.
            resume: continue the file in the folder, if there is one.

        Raises:
            RefineMaskError: the folder has predictions already and `resume` is false; or they were
                made by something else, or are damaged.
        """
        self._path = folder / FILE_NAME
        self._made_by = dict(made_by)
        self._found: dict[int | str, list[dict[str, Any]]] = {}
        self._file: BufferedRandom | None = None
        self._length = 0
        if not self._path.exists():
            check_writable(folder)
            return
        if not resume:
            raise RefineMaskError(
                f"{folder} has the predictions of an earlier evaluation; continue with them by "
                "--resume, or choose another folder"
            )
        self._read()
        if self._found:
            logger.warning("resuming: %d images are done", len(self._found))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, image_id: int | str) -> list[dict[str, Any]] | None:
        """Return the results of an image that an earlier evaluation did, else None; once only."""
        results = self._found.pop(image_id, None)
        if results is None:
            return None
        return [{"image_id": image_id, **result} for result in results]

    def add(self, image_id: int | str, results: Sequence[Mapping[str, Any]]) -> None:
        """Write the results of an image.

        Raises:
            RefineMaskError: the disk is full or not writable.
        """
        plain = [{k: v for k, v in result.items() if k != "image_id"} for result in results]
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(_line({"image_id": image_id, "results": plain}))
            self._file.flush()
        except OSError as error:
            raise RefineMaskError(
                f"cannot write {self._path}: {error.strerror or error}; make room, then continue "
                "with --resume"
            ) from error

    def _open(self) -> BufferedRandom:
        if self._length:
            file = self._path.open("r+b")
            file.truncate(self._length)
            file.seek(self._length)
            return file
        make_folder(self._path.parent)
        file = self._path.open("w+b")
        file.write(_line({"made_by": self._made_by}))
        return file

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        break  # Cut off while it was written.
                    self._take(number, line)
                    self._length += len(line)
        except OSError as error:
            raise RefineMaskError(f"cannot read {self._path}: {error.strerror or error}") from error

    def _take(self, number: int, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if number == 1:
                self._check(entry["made_by"])
            else:
                self._found[entry["image_id"]] = entry["results"]
        except (ValueError, KeyError, TypeError) as error:
            raise RefineMaskError(
                f"line {number} of {self._path} is damaged; evaluate into another folder"
            ) from error

    def _check(self, made_by: Mapping[str, Any]) -> None:
        wanted = json.loads(json.dumps(self._made_by))
        differing = sorted(
            key for key in {*wanted, *made_by} if wanted.get(key) != made_by.get(key)
        )
        if differing:
            key = differing[0]
            raise RefineMaskError(
                f"{self._path} cannot be resumed: its {' and '.join(differing)} differ, {key} is "
                f"{made_by.get(key)} there and {wanted.get(key)} now; repeat the command that made "
                "it, or choose another folder"
            )


def describe_images(dataset: EvaluationDataset, limit: int | None) -> dict[str, Any]:
    """Return what predictions on a dataset depend on: its images and its classes, as a hash.

    Args:
        dataset: any; its annotations may change without a change of the hash.
        limit: only the first so many images; None for all.
    """
    image_ids = list(dataset.image_ids)[:limit]
    sizes = {image["id"]: image for image in dataset.ground_truth["images"]}
    digest = hashlib.sha256()
    digest.update(json.dumps([dataset.class_names, dataset.category_ids]).encode())
    for image_id in image_ids:
        image = sizes[image_id]
        name = image.get("file_name", image.get("coco_url"))
        digest.update(json.dumps([image_id, name, image["height"], image["width"]]).encode())
    return {"images": len(image_ids), "sha256": digest.hexdigest()}


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
