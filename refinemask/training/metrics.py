"""The record of a run: one line of JSON for every iteration and every evaluation."""

import json
import time
from pathlib import Path
from typing import Any

from refinemask.files import write_text


class MetricsLog:
    """Appends lines to a file, each with the seconds since this part of the run began."""

    def __init__(self, path: Path, iteration: int) -> None:
        """Open the log of a run that continues after so many iterations.

        Lines of iterations that are about to be repeated are dropped: a run that was killed has
        logged more than it saved.
        """
        self._path = path
        self._started = time.monotonic()
        lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
        write_text(path, "".join(f"{line}\n" for line in lines if _is_done(line, iteration)))

    def write(self, values: dict[str, Any]) -> None:
        """Append one line; `values` has the number of iterations as "iteration"."""
        line = json.dumps(values | {"seconds": round(time.monotonic() - self._started, 2)})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _is_done(line: str, iteration: int) -> bool:
    try:
        values = json.loads(line)
        # A run is saved just before it is evaluated.
        return bool(values["iteration"] + ("validation" in values) <= iteration)
    except (ValueError, RecursionError, TypeError, KeyError):  # cut short, or no line of ours
        return False
