"""Files that the processes of one test run share: whichever needs them first makes them."""

import fcntl
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def shared_in(base: Path) -> Path:
    """Return the folder of shared files from the folder in which a process makes its own.

    pytest-xdist gives its processes folders in that of the process that started them.
    """
    return (base.parent if base.name.startswith("popen-") else base) / "shared"


def made_once(base: Path, name: str, make: Callable[[Path], T]) -> tuple[Path, T]:
    """Return a folder that one process fills, and what that process returned.

    Args:
        base: the folder of this process, `tmp_path_factory.getbasetemp()`.
        name: the name of the folder, which differs wherever its files do.
        make: called with the empty folder if no process has done so. What it returns is pickled.
            Its files are for reading: a test that changes one takes a copy.
    """
    shared = shared_in(base)
    shared.mkdir(exist_ok=True)
    folder, unfinished = shared / name, shared / f"{name}.unfinished"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            (unfinished / "files").mkdir(parents=True)
            returned = make(unfinished / "files")
            (unfinished / "returned").write_bytes(pickle.dumps(returned))
            unfinished.rename(folder)
    return folder / "files", pickle.loads((folder / "returned").read_bytes())
