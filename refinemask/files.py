"""Write files whole or not at all, and identify them."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refinemask.errors import RefineMaskError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


@contextmanager
def atomic_path(destination: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `destination` that replaces it if the block succeeds.

    Raises:
        RefineMaskError: `destination` cannot be written: see `check_destination`, or the disk is
            full or fails while the block writes.
    """
    destination = Path(destination)
    check_destination(destination)
    make_folder(destination.parent)
    temporary = destination.parent / f".{destination.name}.{secrets.token_hex(4)}"
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {destination}: {error.strerror or error}; choose a writable folder"
        ) from error
    try:
        yield temporary
        temporary.replace(destination)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise RefineMaskError(
            f"cannot write {destination}: {error.strerror}; make room or choose another disk"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_destination(destination: Path) -> None:
    """Check that a file may be written or replaced at `destination`.

    Raises:
        RefineMaskError: it is a folder or a device, or its folder is a file or not writable.
    """
    if os.path.exists(destination) and not os.path.isfile(destination):
        kind = "a folder" if os.path.isdir(destination) else "no regular file"
        raise RefineMaskError(f"cannot write {destination}: it is {kind}; choose another path")
    parent = next(folder for folder in destination.absolute().parents if os.path.exists(folder))
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


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
