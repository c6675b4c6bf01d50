"""Trying a runtime, and a library in it, in a process that may fail or crash."""

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.child_process import module_command, module_environment
from refinemask.inference import native
from refinemask.printable import one_line

TIMEOUT = 120.0
"""Seconds after which a runtime or a library is taken for hanging."""


@dataclass(frozen=True)
class Trial:
    """How a runtime, and a library in it, did in a process of their own.

    Attributes:
        replies: what the runtime said, then what the library did; of those that loaded.
        problem: why there is no more of them, in one line; None if everything loaded.
        stderr: the last line that the process wrote on standard error.
    """

    replies: tuple[dict[str, Any], ...]
    problem: str | None
    stderr: str = ""


def try_runtime(
    runtime: str,
    kind: native.Kind | None = None,
    path: Path | None = None,
    timeout: float = TIMEOUT,
) -> Trial:
    """Import a runtime in a new process, and load a library into it."""
    library = [] if kind is None else [kind, str(path)]
    try:
        done = subprocess.run(
            module_command("refinemask.engines.probes", runtime, *library),
            env=module_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial((), f"it did not load within {timeout:.0f} seconds")
    replies = tuple(json.loads(line) for line in done.stdout.splitlines())
    said = one_line((done.stderr.strip().splitlines() or [""])[-1])
    if len(replies) == (1 if kind is None else 2):
        return Trial(replies, None, said)
    if done.returncode < 0:
        said = f"loading it ended the process by {signal.Signals(-done.returncode).name}"
    return Trial(replies, said or f"loading it ended the process with {done.returncode}", said)
