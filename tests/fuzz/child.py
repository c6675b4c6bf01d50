"""Run a reader on inputs in a child process that may not take much time or memory."""

import contextlib
import faulthandler
import os
import re
import resource
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from refinemask.errors import RefineMaskError

ROOT = Path(__file__).resolve().parents[2]

Reader = Callable[[bytes, Path], None]
"""Reads an input, with an empty folder for the files that it needs."""


@dataclass(frozen=True)
class Limits:
    """What reading one input may take."""

    seconds: float = 60
    """Of wall-clock time."""
    resident_bytes: int = 4 * 2**30
    """Of memory at the peak, all of the process."""
    virtual_bytes: int = 12_000_000 * 2**10


@dataclass(frozen=True)
class Failure:
    """What happened to an input that was neither read nor refused.

    Attributes:
        name: what happened and where; equal for inputs that show the same fault.
        report: the traceback or the stack.
    """

    name: str
    report: str


class TooMuchMemory(Exception):
    """The memory of the child was above the limit while it read an input."""


def find_failure(
    read: Reader, inputs: Iterable[bytes], limits: Limits
) -> tuple[int, Failure | None]:
    """Read inputs in one child process until one is neither read nor refused by a RefineMaskError.

    Returns:
        The number of inputs before that one, and what happened to it; None if they are all good.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as report:
        progress, started = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(progress)
            _be_the_child(read, inputs, Path(folder), report, started, limits)
        os.close(started)
        count, hangs = _follow(progress, limits.seconds)
        os.close(progress)
        if hangs:
            _stop(pid)
        _, status = os.waitpid(pid, 0)
        report.seek(0)
        text = report.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if hangs:
        return count - 1, Failure(f"more than {limits.seconds:g} s in {_place(text)}", text)
    if code < 0:
        return count - 1, Failure(f"{signal.Signals(-code).name} in {_place(text)}", text)
    if code:
        kind = text.strip().splitlines()[-1].partition(":")[0]
        return count - 1, Failure(f"{kind} in {_place(text)}", text)
    return count, None


def _be_the_child(
    read: Reader,
    inputs: Iterable[bytes],
    folder: Path,
    report: IO[bytes],
    started: int,
    limits: Limits,
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limits.virtual_bytes,) * 2)
        faulthandler.enable(report.fileno(), all_threads=False)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        for data in inputs:
            os.write(started, b".")
            _read_one(read, data, folder / "input", limits)
        code = 0
    except BaseException:
        report.write(traceback.format_exc().encode(errors="backslashreplace"))
        report.flush()
    finally:
        os._exit(code)


def _read_one(read: Reader, data: bytes, folder: Path, limits: Limits) -> None:
    folder.mkdir()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    with contextlib.suppress(RefineMaskError):
        read(data, folder)
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    if peak is None or int(peak[1]) * 2**10 > limits.resident_bytes:
        raise TooMuchMemory(f"{peak and peak[0]}")
    shutil.rmtree(folder)


def _follow(progress: int, seconds: float) -> tuple[int, bool]:
    """Return how many inputs a child started, and whether the last took too long."""
    count = 0
    while select.select([progress], [], [], seconds)[0]:
        begun = os.read(progress, 4096)
        if not begun:
            return count, False
        count += len(begun)
    return count, True


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGABRT)  # the fault handler writes where it is
    time.sleep(0.2)
    os.killpg(pid, signal.SIGKILL)


def _place(report: str) -> str:
    """Return the innermost line of the repository in a traceback, or in a fault handler's stack."""
    found = re.findall(r'File "([^"]+)", line (\d+)', report)
    if report.startswith("Fatal Python error"):
        found.reverse()  # its innermost call comes first
    places = [(path.removeprefix(f"{ROOT}{os.sep}"), line) for path, line in found]
    inside = [(path, line) for path, line in places if path.startswith(f"refinemask{os.sep}")]
    return ":".join((inside or places or [("an unknown place", "?")])[-1])
