"""Write files whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refinemask.errors import RefineMaskError


@contextmanager
def atomic_path(destination: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `destination` that replaces it if the block succeeds.

    Raises:
        RefineMaskError: the folder of `destination` cannot be created or written.
    """
    destination = Path(destination)
    make_folder(destination.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {destination}: {error.strerror or error}; choose a writable folder"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(destination)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


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
