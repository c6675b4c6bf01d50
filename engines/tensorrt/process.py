"""Run a task of `worker` in a process of its own: what NVIDIA's libraries refuse may end it."""

import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from refinemask.child_process import module_command, module_environment
from refinemask.engines.tensorrt.flavours import Flavour
from refinemask.errors import RefineMaskError

Progress = Callable[[int, int], None]
"""Called with the steps that are done, and their number."""

_SHOWN = 4000
"""Characters of the log that an error repeats."""
_NO_MEMORY = ("OutOfMemory", "bad_alloc", "MemoryError")
"""What the log has where memory ran out."""
_LESS_MEMORY = (
    "memory ran out: use smaller --max-shapes, or a limit such as --memory-pool-size workspace:1G"
)


def run_worker(
    flavour: Flavour,
    purpose: str,
    task: str,
    request: dict[str, Any],
    timeout: float,
    log: Path | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Run a task; return its reply and its data. Ctrl-C ends it.

    Args:
        flavour: what runs it.
        purpose: what it is for, as errors name it: "could not {purpose}".
        task: a task of `worker`.
        request: what it gets.
        timeout: seconds after which it is ended.
        log: a file that gets what NVIDIA's libraries log; None drops that unless it fails.
        progress: see `Progress`.

    Raises:
        RefineMaskError: it is not installed, or the process failed, was ended or took too long.
    """
    flavour.require()
    with tempfile.TemporaryDirectory() as folder:
        data_file, log = Path(folder) / "data", log or Path(folder) / "log"
        worker = f"{__package__}.worker"
        command = module_command(worker, flavour.module, task, str(data_file))
        environment = module_environment() | flavour.environment(Path(folder))
        with (
            log.open("wb") as errors,
            _started(command, environment, errors, timeout) as (child, late),
        ):
            reply = _converse(child, request, progress)
            code = child.wait()
        if code == 0 and reply is not None:
            return reply, data_file.read_bytes() if data_file.exists() else b""
        if late.is_set():
            raise RefineMaskError(
                f"{flavour.title} did not {purpose} within {timeout:.0f} seconds; allow more"
            )
        reason = _reason(code, log.read_text(encoding="utf-8", errors="replace"))
    raise RefineMaskError(f"{flavour.title} could not {purpose}:\n{reason}")


@contextmanager
def _started(
    command: list[str], environment: dict[str, str], errors: Any, timeout: float
) -> Iterator[tuple["subprocess.Popen[str]", threading.Event]]:
    """Start a process, which Ctrl-C in the terminal does not reach, and end it at the end."""
    late = threading.Event()
    with (
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as child,
        ExitStack() as at_end,
    ):
        at_end.callback(child.kill)

        def end() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(timeout, end)
        timer.daemon = True  # Ctrl-C may come while it starts
        at_end.callback(timer.cancel)
        timer.start()
        yield child, late


def _converse(
    child: "subprocess.Popen[str]", request: dict[str, Any], progress: Progress | None
) -> dict[str, Any] | None:
    """Send a request; return the reply, if there is one."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):  # a process that is gone already has logged why
        child.stdin.write(json.dumps(request))
        child.stdin.close()
    reply: dict[str, Any] | None = None
    for line in child.stdout:
        message = json.loads(line)
        reply = message.get("reply", reply)
        if progress is not None and "progress" in message:
            progress(*message["progress"])
    return reply


def _reason(code: int, log: str) -> str:
    lines = [line for line in log.splitlines() if not line.startswith("[WARNING]")]
    reason = "\n".join(lines).strip()[-_SHOWN:] or "it logged no error"
    if code < 0:
        reason = f"the process was ended by {signal.Signals(-code).name}\n{reason}"
    # The system ends a process with this signal when memory runs out.
    if code == -signal.SIGKILL or any(text in log for text in _NO_MEMORY):
        reason = f"{reason}\n{_LESS_MEMORY}"
    return reason
