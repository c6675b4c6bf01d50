"""Predictions written to disk image by image, so that an interrupted command can continue.

`predictions.jsonl` begins with a line that says what made it: `made_by`, and then has one line for
each image: `image_id`, and its COCO `results` without it.
"""

import fcntl
import json
import logging
import os
from collections.abc import Mapping, Sequence
from io import BufferedRandom
from pathlib import Path
from typing import Any, Self

from refinemask.errors import RefineMaskError
from refinemask.files import check_writable, make_folder, to_json

logger = logging.getLogger(__name__)

FILE_NAME = "predictions.jsonl"
_FINISHED = b'{"finished": true}\n'


class PredictionLog:
    """The predictions of one command, on disk; in memory is only where each image's are.

    The folder and the file are made when the first image is added. Each image is in the file when
    `add` returns; a line that was cut off by an interruption is dropped when the file is read.
    """

    def __init__(
        self, folder: Path, made_by: Mapping[str, Any], resume: bool, name: str = FILE_NAME
    ) -> None:
        """Begin, or read what an earlier command left.

        Args:
            folder: where the file is or will be.
            made_by: what the predictions depend on, as JSON values: model, dataset, options.
            resume: continue the file in the folder, if there is one.
            name: the name of the file.

        Raises:
            RefineMaskError: the folder has unfinished predictions and `resume` is false; or they
                were made by something else, or are damaged.
        """
        self._path = folder / name
        self._made_by = dict(made_by)
        self._places: dict[int | str, int] = {}
        self._file: BufferedRandom | None = None
        self._length = 0
        if not self._path.exists():
            check_writable(folder)
            return
        if resume:
            self._read()
        elif not self._is_finished():
            raise RefineMaskError(
                f"{self._path} has the predictions of an earlier command; continue with them by "
                "--resume, remove them, or write elsewhere"
            )
        if self._places:
            logger.warning("resuming: %d images are done", len(self._places))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, image_id: int | str) -> bool:
        return image_id in self._places

    def get(self, image_id: int | str) -> list[dict[str, Any]] | None:
        """Return the results of an image if they are here, else None."""
        place = self._places.get(image_id)
        if place is None:
            return None
        file = self._opened()
        file.seek(place)
        results = json.loads(file.readline())["results"]
        return [{"image_id": image_id, **result} for result in results]

    def add(self, image_id: int | str, results: Sequence[Mapping[str, Any]]) -> None:
        """Write the results of an image.

        Raises:
            RefineMaskError: the disk is full or not writable, or a number is not finite.
        """
        plain = [{k: v for k, v in result.items() if k != "image_id"} for result in results]
        place = self._append(_line({"image_id": image_id, "results": plain}))
        self._places[image_id] = place

    def finish(self) -> None:
        """Note that nothing is left to do, so that the next command may begin anew."""
        self._append(_FINISHED)

    def remove(self) -> None:
        """Remove the file, whose predictions are elsewhere now."""
        self.__exit__()
        self._path.unlink(missing_ok=True)

    def _append(self, line: bytes) -> int:
        """Write a line at the end of the file and return where it begins."""
        if self._length == 0:
            header = _line({"made_by": self._made_by})
            self._write(header)
        return self._write(line)

    def _write(self, line: bytes) -> int:
        place = self._length
        try:
            file = self._opened()
            file.seek(place)
            file.write(line)
            file.flush()
        except OSError as error:
            raise RefineMaskError(
                f"cannot write {self._path}: {error.strerror or error}; make room, then continue "
                "with --resume"
            ) from error
        self._length += len(line)
        return place

    def _opened(self) -> BufferedRandom:
        """Return the file, without anything behind the lines that are known."""
        if self._file is None:
            make_folder(self._path.parent)
            self._file = self._open_locked()
            self._file.truncate(self._length)
        return self._file

    def _open_locked(self) -> BufferedRandom:
        file = open(self._path, "r+b", opener=_create)  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RefineMaskError(
                f"{self._path} is being written by another process; wait for it, or write elsewhere"
            ) from None
        except OSError:  # not every network disk has locks
            pass
        return file

    def _is_finished(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(max(self._path.stat().st_size - len(_FINISHED), 0))
            return file.read() == _FINISHED

    def _read(self) -> None:
        try:
            self._file = self._open_locked()
            for number, line in enumerate(self._file, 1):
                if not line.endswith(b"\n"):
                    break  # Cut off while it was written.
                self._take(number, line)
                self._length += len(line)
            self._file.truncate(self._length)
        except RefineMaskError:
            self.__exit__()
            raise
        except OSError as error:
            raise RefineMaskError(f"cannot read {self._path}: {error.strerror or error}") from error

    def _take(self, number: int, line: bytes) -> None:
        if line == _FINISHED and number > 1:
            return
        try:
            entry = json.loads(line)
            if number == 1:
                self._check(entry["made_by"])
            elif {type(result) for result in entry["results"]} <= {dict}:
                self._places[entry["image_id"]] = self._length
            else:
                raise TypeError(entry["results"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RefineMaskError(
                f"line {number} of {self._path} is damaged; remove the file, or write elsewhere"
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


def _create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o666)


def _line(entry: Mapping[str, Any]) -> bytes:
    return to_json(entry).encode() + b"\n"
