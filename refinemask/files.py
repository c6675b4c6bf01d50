"""Write files whole or not at all, and identify them."""

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_TEMPORARY = re.compile(r"\..*\.refinemask-[0-9a-f]{8}", re.DOTALL)
_LONGEST_NAME = 200
"""Bytes of a destination's name in that of its temporary file, whose whole name may have 255."""


@contextmanager
def atomic_path(destination: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `destination` that replaces it if the block succeeds.

    Once the block is done the file is on the disk, not only in the system's memory. A symbolic link
    stays; what it leads to is replaced. What a process that was killed has left in the folder is
    removed. So the block must write into the file that is there, which is locked: another one that
    it moves to the temporary path has no lock, and any process may take it for abandoned.

    Raises:
        RefineMaskError: `destination` cannot be written: see `check_destination`, or the disk is
            full or fails while the block writes.
    """
    destination = Path(destination)
    check_destination(destination)
    target = Path(os.path.realpath(destination)) if destination.is_symlink() else destination
    make_folder(target.parent)
    _remove_abandoned(target.parent.absolute())
    try:
        temporary, lock = _new_temporary(target)
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {destination}: {error.strerror or error}; choose a writable folder"
        ) from error
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(target)
        _flush_to_disk(target.parent)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise RefineMaskError(
            f"cannot write {destination}: {error.strerror}; make room or choose another disk"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


def _new_temporary(target: Path) -> tuple[Path, int]:
    """Make an empty file beside `target`, locked for as long as this process lives and works."""
    name = os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])
    while True:
        path = target.parent / f".{name}.refinemask-{secrets.token_hex(4)}"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with suppress(OSError):  # not every network disk has locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return path, file
        os.close(file)  # taken for abandoned before it was locked


@lru_cache(maxsize=64)  # once per folder is enough, and a folder may hold many files
def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of processes that are no more: nobody holds their locks."""
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if _TEMPORARY.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_unless_locked(folder / name)


def _remove_unless_locked(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(file)


def _flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(file)


def check_destination(destination: Path) -> None:
    """Check that a file may be written or replaced at `destination`.

    Raises:
        RefineMaskError: it is a folder, a device or a loop of symbolic links, or its folder is a
            file or not writable.
    """
    if os.path.exists(destination) and not os.path.isfile(destination):
        kind = "a folder" if os.path.isdir(destination) else "not a regular file"
        raise RefineMaskError(f"cannot write {destination}: it is {kind}; choose another path")
    target = Path(os.path.realpath(destination))
    if target.is_symlink():  # where no file is at the end
        raise RefineMaskError(
            f"cannot write {destination}: it is a symbolic link that leads back to itself; "
            "choose another path"
        )
    parent = next(folder for folder in target.parents if os.path.exists(folder))
    if not os.path.isdir(parent):
        raise RefineMaskError(
            f"cannot write {destination}: {parent} is not a folder; choose another path"
        )
    if not os.access(parent, os.W_OK):
        raise RefineMaskError(
            f"cannot write {destination}: no permission to write into {parent}; "
            "choose a writable folder"
        )


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, if they are not there.

    Raises:
        RefineMaskError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefineMaskError(
            f"cannot create the folder {folder}: {error.strerror or error}; choose a writable one"
        ) from error


def check_writable(folder: Path) -> None:
    """Check that files can be written into a folder, which need not exist yet, without making it.

    Raises:
        RefineMaskError: it is a file, or it or the folder to make it in is not writable.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise RefineMaskError(
            f"cannot create the folder {folder}: {existing} is a file; choose another"
        )
    if not os.access(existing, os.W_OK):
        raise RefineMaskError(f"cannot write into the folder {folder}; choose a writable one")


def write_text(destination: str | Path, text: str) -> None:
    """Write UTF-8 `text` to `destination` atomically."""
    with atomic_path(destination) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_json(value: Any, indent: int | None = None) -> str:
    """Return JSON values as text.

    Raises:
        RefineMaskError: a number is infinite or NaN, for which JSON has no form.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError as error:
        raise RefineMaskError(
            "the result has a number that is infinite or not a number, which JSON cannot hold; "
            "check the model that it comes from"
        ) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
