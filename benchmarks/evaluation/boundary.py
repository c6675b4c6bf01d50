"""How fast boundary AP is: `python -m refinemask.benchmarks.evaluation.boundary`.

The baseline is the loop over instances that defines it (`instance_loop`). Both take the same
annotations and results in COCO's format and must give the same figures to the last digit.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.console import current_setup, say
from refinemask.errors import RefineMaskError

Measurement = dict[str, list[float]]


def boundary(
    dataset: Annotated[Path, Option(metavar="FILE.json", help="Annotations in COCO's format.")],
    results: Annotated[
        Path | None,
        Option(
            metavar="FILE.json", help="COCO results with masks; default: perturbed annotations."
        ),
    ] = None,
    limit: Annotated[int | None, Option(min=1, help="Use only the first images.")] = None,
    repeats: Annotated[int, Option(min=1, help="Measurements of each.")] = 5,
) -> None:
    """Measure boundary AP against a loop over instances, in one thread."""
    import cv2

    from refinemask.benchmarks.evaluation.perturbed_annotations import perturbed_truth
    from refinemask.data.coco_json import read_coco_json

    truth = _first_images(read_coco_json(dataset), limit)
    if results is None:
        detections, origin = perturbed_truth(truth), "perturbed annotations"
    else:
        detections, origin = json.loads(results.read_text(encoding="utf-8")), str(results)
    cv2.setNumThreads(1)
    setup = current_setup("python -m refinemask.benchmarks.evaluation.boundary")
    say(json.dumps(setup, indent=2))
    say(
        f"{len(truth['images'])} images, {len(truth['annotations'])} annotations, "
        f"{len(detections)} detections ({origin}); one thread; load average before: "
        f"{os.getloadavg()[0]:.2f}"
    )
    say(format_table(compare(truth, detections, repeats)))


def compare(
    truth: dict[str, Any], results: list[dict[str, Any]], repeats: int
) -> dict[str, Measurement]:
    """Time the loop and our implementation in turn on the same input.

    Returns:
        For "loop" and "refinemask" the `wall` and `cpu` seconds of each repeat.

    Raises:
        RefineMaskError: their figures differ.
    """
    from refinemask.benchmarks.evaluation.instance_loop import loop_metrics
    from refinemask.evaluation import coco_metrics

    implementations: dict[str, Callable[[], dict[str, float]]] = {
        "loop": lambda: loop_metrics(truth, results),
        "refinemask": lambda: coco_metrics(truth, results, ["boundary"])["boundary"],
    }
    times: dict[str, Measurement] = {name: {"wall": [], "cpu": []} for name in implementations}
    for _ in range(repeats):
        figures = []
        for name, implementation in implementations.items():
            wall, cpu = time.perf_counter(), time.process_time()
            figures.append(implementation())
            times[name]["wall"].append(time.perf_counter() - wall)
            times[name]["cpu"].append(time.process_time() - cpu)
        if figures[0] != figures[1]:
            raise RefineMaskError(
                f"the figures of the loop {figures[0]} differ from ours {figures[1]}; report this "
                "as a bug"
            )
    return times


def format_table(times: dict[str, Measurement]) -> str:
    """Return the medians of `compare` and their ratios as text."""
    lines = []
    for clock, title in (("cpu", "CPU time"), ("wall", "wall time")):
        loop, ours = (median(times[name][clock]) for name in ("loop", "refinemask"))
        repeats = len(times["loop"][clock])
        lines.append(
            f"{title}, medians of {repeats} in turn: loop {loop:.2f} s, refinemask {ours:.2f} s, "
            f"{loop / ours:.2f}× faster"
        )
    return "\n".join(lines)


def _first_images(truth: dict[str, Any], limit: int | None) -> dict[str, Any]:
    images = truth["images"][:limit]
    kept = {image["id"] for image in images}
    annotations = [one for one in truth["annotations"] if one["image_id"] in kept]
    return truth | {"images": images, "annotations": annotations}


if __name__ == "__main__":
    new_program(boundary=boundary)()
