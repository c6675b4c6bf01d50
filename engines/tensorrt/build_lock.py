"""The lock of an engine, so that one process at a time builds it.

The file that is locked is the log of the build. The system frees the lock when its process ends,
however it ends.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from refinemask.errors import RefineMaskError
from refinemask.files import make_folder

logger = logging.getLogger(__name__)


def log_path(engine: Path) -> Path:
    """Return the path of the file that has what NVIDIA's libraries logged during the build."""
    return Path(f"{engine}.log")


@contextmanager
def alone(engine: Path) -> Iterator[Path]:
    """Yield the path of the log of an engine, locked.

    Raises:
        RefineMaskError: another process is building the engine, or the log cannot be written.
    """
    with _opened(engine) as file:
        if not _locked_at_once(file):
            raise RefineMaskError(
                f"another process is building {engine}; wait until it is done, or choose another "
                "--output"
            )
        yield log_path(engine)


@contextmanager
def in_turn(engine: Path) -> Iterator[Path]:
    """Yield the path of the log of an engine, locked, when no other process builds the engine.

    Raises:
        RefineMaskError: the log cannot be written.
    """
    with _opened(engine) as file:
        if not _locked_at_once(file):
            logger.warning("waiting for another process, which is building %s", engine)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield log_path(engine)


def _opened(engine: Path) -> BinaryIO:
    log = log_path(engine)
    make_folder(log.parent)
    try:
        return log.open("ab")
    except OSError as error:
        raise RefineMaskError(
            f"cannot write {log}: {error.strerror or error}; choose a writable folder"
        ) from error


def _locked_at_once(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
