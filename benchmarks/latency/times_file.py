"""The file of `--export-times`: every measured run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refinemask.benchmarks.latency.interleave import Samples
from refinemask.files import to_json, write_text


def write_times(
    destination: Path,
    entries: Sequence[dict[str, Any]],
    samples: Sequence[Samples],
    images: Sequence[Path],
) -> None:
    """Write the seconds of each phase of each run.

    Args:
        destination: the JSON file: `artifacts`, for each target `target`, `name`, `runtime` and
            `runs`, of which each has `image`, `stream` and the seconds of each of `PHASES`.
        entries: of the result of `bench`.
        samples: the runs of each.
        images: what the runs' indices of images refer to.

    Raises:
        RefineMaskError: the file cannot be written.
    """
    artifacts = [
        {
            **{name: entry[name] for name in ("target", "name", "runtime")},
            "runs": [
                {"image": str(images[run.image]), "stream": run.stream, **run.seconds}
                for run in one.runs
            ],
        }
        for entry, one in zip(entries, samples, strict=True)
    ]
    write_text(destination, to_json({"artifacts": artifacts}) + "\n")
