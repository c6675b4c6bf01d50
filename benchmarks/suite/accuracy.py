"""Accuracy and latency of the same artifacts, and accuracy of any file of COCO results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refinemask import engines, evaluation
from refinemask.benchmarks.latency.interleave import PHASES, interleave, timed
from refinemask.benchmarks.suite.accuracy_options import AccuracyOptions
from refinemask.benchmarks.suite.graphs import code_version
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.benchmarks.suite.session import Note, Session
from refinemask.benchmarks.suite.timing import summary
from refinemask.checkpoints import load_model
from refinemask.checkpoints.shipped import find_checkpoint, shipped_models
from refinemask.console import progress_bar
from refinemask.data.dataset import EvaluationDataset
from refinemask.data.open import open_dataset
from refinemask.errors import WrongUsage
from refinemask.export import export_model
from refinemask.export.options import ExportOptions
from refinemask.files import make_folder, sha256


def accuracy(options: SuiteOptions, what: AccuracyOptions, note: Note) -> dict[str, Any]:
    """Export the models in the form fused, and measure accuracy and latency of the artifacts.

    Returns:
        The head of `Session` with trained weights; `datasets`: for each by name, `images` and, for
        each model and file of results by name, what `evaluate` returns; `latency`: for each model
        the end-to-end `median`, `min` and `spread` in milliseconds on images of the first dataset.

    Raises:
        RefineMaskError: a model, dataset or file cannot be used.
    """
    if not what.dataset:
        raise WrongUsage("no dataset to measure accuracy on; give --dataset ANNOTATIONS.json")
    session = Session(options, note)
    datasets = {name: open_dataset(name) for name in what.dataset}
    runtime = options.runtimes[0]
    opened = {
        name: engines.open(_artifact(name, options.output / "graphs", note), runtime)
        for name in what.model or shipped_models()
    }
    found: dict[str, Any] = {}
    for name, dataset in datasets.items():
        measured = {model: _evaluate(engine, dataset, what) for model, engine in opened.items()}
        for file in what.results:
            measured[str(file)] = evaluation.measure_file(file, dataset, what.limit)
        found[name] = measured
    return session.head() | {
        "weights": "trained",
        "images": "those of the first dataset",
        "runtime": runtime,
        "datasets": found,
        "latency": _latency(opened, next(iter(datasets.values())), session),
        "warnings": session.warnings(),
    }


def _artifact(model: str, folder: Path, note: Note) -> Path:
    checkpoint = find_checkpoint(model)
    path = folder / f"{checkpoint.stem}-{sha256(checkpoint)[:12]}-{code_version()}.onnx"
    if not path.exists():
        note(f"exporting {model}")
        make_folder(folder)
        options = ExportOptions(form="fused")
        export_model(load_model(model), path, options, checkpoint=checkpoint, progress=note)
    return path


def _evaluate(
    engine: engines.Engine, dataset: EvaluationDataset, what: AccuracyOptions
) -> dict[str, Any]:
    with progress_bar(f"{engine.source}: images") as advance:
        return evaluation.evaluate(engine, dataset, what.limit, advance)


def _latency(
    opened: Mapping[str, engines.Engine], dataset: EvaluationDataset, session: Session
) -> dict[str, Any]:
    count = min(session.turns, len(dataset.image_ids))
    images = [dataset.load_image(index) for index in range(count)]
    subjects = [timed(engine) for engine in opened.values()]
    samples = interleave(subjects, images, session.options.warm_up, session.turns)
    return {
        name: summary([1e3 * seconds for seconds in one.phase(PHASES[-1])])
        for name, one in zip(opened, samples, strict=True)
    }
