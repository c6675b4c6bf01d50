"""Everything in one command: `python -m refinemask.benchmarks.demo --output demo`.

The models that ship are exported to ONNX, verified against PyTorch, run with ONNX Runtime on
photographs that installed packages contain, and compared; the result is `report.html`.
"""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from refinemask.commands import new_program
from refinemask.configs.options import Option
from refinemask.console import current_setup, note, progress_bar, say

if TYPE_CHECKING:
    from refinemask.benchmarks.report.contents import Subject
    from refinemask.inference.photographs import Photo

TITLE = "RefineMask and Mask R-CNN, exported and compared"


def demo(
    output: Annotated[
        Path, Option(metavar="DIR", help="Folder for artifacts, pictures and the report.")
    ],
    model: Annotated[
        tuple[str, ...],
        Option(
            metavar="CHECKPOINT|NAME",
            help="A model to compare, the baseline first; may be repeated; default: the shipped "
            "models.",
        ),
    ] = (),
    iterations: Annotated[int, Option(min=1, help="Measured runs of each.")] = 20,
) -> None:
    """Export, verify, run and compare the models that ship."""
    start = time.monotonic()
    from refinemask.benchmarks.latency.bench import bench
    from refinemask.benchmarks.latency.options import BenchOptions
    from refinemask.benchmarks.report.contents import Report, compare_photos
    from refinemask.benchmarks.report.page import render
    from refinemask.benchmarks.report.summary import summarise
    from refinemask.checkpoints.shipped import shipped_models
    from refinemask.files import write_text
    from refinemask.inference.photographs import demo_photos

    models = list(model or shipped_models())
    photos = demo_photos()
    exported = [
        _export(name, output / f"{stem}.onnx", photos)
        for name, stem in zip(models, _stems(models), strict=True)
    ]
    subjects = [subject for subject, _ in exported]
    for subject in subjects:
        _predict(subject, photos, output / "pictures" / subject.file.stem)
    options = BenchOptions(
        images=tuple(photo.path for photo in photos),
        artifacts=tuple(f"{subject.file}@onnxruntime" for subject in subjects),
        models=tuple(models),
        iterations=iterations,
    )
    result = bench(options, note)
    report = Report(
        title=TITLE,
        subjects=subjects,
        photos=photos,
        comparisons=compare_photos(subjects, photos),
        latency=result,
        parity={subject.name: figures for subject, figures in exported},
        accuracy={},
        setup=current_setup("python -m refinemask.benchmarks.demo"),
    )
    write_text(output / "report.html", render(report))
    say(f"{format_table(result)}\n\n{summarise(report)}")
    note(f"wrote {output / 'report.html'}: {time.monotonic() - start:.0f} s in all")


def format_table(result: dict[str, Any]) -> str:
    """Return the main figures of a result of `bench`, one line for each target."""
    lines = [f"{'':<30}{'median ms':>10}{'ratio':>8}{'images/s':>10}{'peak MiB':>10}"]
    for entry in result["artifacts"]:
        lines.append(
            f"{entry['name']:<30}{entry['end_to_end']['median']:>10.1f}{entry['ratio']:>8.2f}"
            f"{entry['throughput']:>10.2f}{entry['peak_memory_bytes'] / 2**20:>10.0f}"
        )
    return "\n".join(lines)


def _export(name: str, artifact: Path, photos: "list[Photo]") -> "tuple[Subject, dict[str, Any]]":
    """Export a model and verify it on all photos; return it and its parity figures."""
    from refinemask import engines
    from refinemask.benchmarks.report.contents import Subject
    from refinemask.checkpoints import load_model
    from refinemask.checkpoints.shipped import find_checkpoint
    from refinemask.errors import GateFailed
    from refinemask.export import export_model, verify_artifact

    note(f"{name}: exporting")
    model = load_model(name)
    export_model(model, artifact, checkpoint=find_checkpoint(name), progress=note)
    with progress_bar(f"{name}: verifying") as advance:
        parity = verify_artifact(artifact, model, [p.path for p in photos], progress=advance)
    if not parity.passed:
        raise GateFailed(f"{artifact} does not match {name} in PyTorch:\n{parity.table()}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    subject = Subject(artifact.stem, engines.open(artifact), artifact, parameters)
    return subject, parity.to_dict()


def _predict(subject: "Subject", photos: "list[Photo]", folder: Path) -> None:
    from refinemask.inference.options import PredictOptions
    from refinemask.inference.prediction import predict_images

    with progress_bar(f"{subject.name}: predicting") as advance:
        predict_images(
            subject.engine, [photo.path for photo in photos], PredictOptions(folder), advance
        )


def _stems(models: list[str]) -> list[str]:
    """Name the artifacts after the models, numbered if models share a name."""
    stems = [Path(name).stem for name in models]
    uses = Counter(stems)
    return [stem if uses[stem] == 1 else f"{stem}_{number}" for number, stem in enumerate(stems, 1)]


if __name__ == "__main__":
    new_program(demo=demo)()
