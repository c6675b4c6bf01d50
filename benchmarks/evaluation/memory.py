"""How much memory an evaluation takes: `python -m refinemask.benchmarks.evaluation.memory`.

Random detections on generated images are evaluated in this process, and the peak of its resident
memory is read before the evaluation, after the last prediction, and at the end.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, write_result


def memory(
    images: Annotated[int, Option(min=1, help="Generated images.")] = 2000,
    detections: Annotated[int, Option(min=1, help="Detections in each image.")] = 100,
    output: Annotated[
        Path | None, Option(metavar="DIR", help="Also write the predictions to this folder.")
    ] = None,
    json: Json = None,
) -> None:
    """Measure the peak memory of an evaluation without a model."""
    found = measure(images, detections, output)
    setup = current_setup("python -m refinemask.benchmarks.evaluation.memory")
    write_result(format_table(found, detections), found | {"setup": setup}, json)


def measure(images: int, detections: int, output: Path | None = None) -> dict[str, int]:
    """Evaluate random detections on generated images in this process.

    Args:
        images: number of images.
        detections: number of detections in each image.
        output: folder to write predictions to; None keeps them in memory only.

    Returns:
        `images`; the peak resident memory of the process in bytes before the evaluation,
        `before_bytes`, after the last prediction, `predicted_bytes`, and at the end,
        `measured_bytes`; and what the masks would take as bitmaps, `bitmap_bytes`.
    """
    from refinemask.benchmarks.evaluation.random_predictor import RandomPredictor
    from refinemask.benchmarks.latency.peak_memory import peak_resident
    from refinemask.data.open import open_dataset
    from refinemask.evaluation import PredictionLog, describe_images, evaluate

    dataset = open_dataset(f"shapes:{images}")
    height, width = dataset.load_image(0).shape[:2]
    predictor = RandomPredictor(dataset.class_names, (height, width), detections)
    log = None
    if output is not None:
        log = PredictionLog(output, {"dataset": describe_images(dataset, None)}, resume=False)
    before = predicted = peak_resident()

    def follow(done: int, total: int) -> None:
        nonlocal predicted
        if done == total:
            predicted = peak_resident()

    with log or nullcontext():
        found = evaluate(predictor, dataset, progress=follow, log=log)
    return {
        "images": found["images"],
        "before_bytes": before,
        "predicted_bytes": predicted,
        "measured_bytes": peak_resident(),
        "bitmap_bytes": images * detections * height * width,
    }


def format_table(found: dict[str, int], detections: int) -> str:
    """Return the result of `measure` as text."""
    rows = (
        ("peak memory before the evaluation", "before_bytes"),
        ("peak memory after predicting", "predicted_bytes"),
        ("peak memory after measuring", "measured_bytes"),
        ("the masks as bitmaps would take", "bitmap_bytes"),
    )
    lines = [f"{found['images']} images, {detections} detections each"]
    lines += [f"{title + ':':<36}{found[name] // 2**20:>7} MiB" for title, name in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    new_program(memory=memory)()
