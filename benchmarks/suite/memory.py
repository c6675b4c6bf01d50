"""Peak memory of one graph, measured in a process of its own.

`python -m refinemask.benchmarks.suite.memory` is that process: it reads what to run as JSON from
standard input and prints the number of bytes.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from refinemask.benchmarks.latency.peak_memory import in_child, peak_resident
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import ArtifactMetadata

MODULE = "refinemask.benchmarks.suite.memory"


def peak_memory(
    artifact: Artifact, runtime: str, count: int, images: Path | None, scenes: int
) -> int:
    """Return the peak resident memory in bytes of a process that loads a graph and runs scenes.

    Args:
        artifact: of `suite.graphs`.
        runtime: what runs it.
        count: boxes of each scene.
        images: see `layout.scenes`.
        scenes: how many.

    Raises:
        RefineMaskError: the process failed.
    """
    work = {
        "path": str(artifact.path),
        "metadata": artifact.metadata.to_json(),
        "runtime": runtime,
        "count": count,
        "images": None if images is None else str(images),
        "scenes": scenes,
    }
    return in_child(MODULE, work, f"{artifact.metadata.preset} in {runtime}")


def _main() -> None:
    from refinemask.benchmarks.suite.candidates import GraphNetwork
    from refinemask.benchmarks.suite.layout import scenes

    work: dict[str, Any] = json.load(sys.stdin)
    metadata = ArtifactMetadata.from_json(work["metadata"])
    network = GraphNetwork(Artifact(Path(work["path"]), "onnx", metadata, ""), work["runtime"])
    limits, images = metadata.input_limits, work["images"] and Path(work["images"])
    run = network.timed(work["count"])
    for scene in scenes(limits.short_side, limits.long_side, images, count=work["scenes"]):
        run(scene, time.perf_counter)
    sys.stdout.write(str(peak_resident()))


if __name__ == "__main__":
    _main()
