"""`refinemask bench` and `refinemask report`: speed of artifacts and models side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from refinemask.cli import options
from refinemask.cli.selection import engine_device, torch_device
from refinemask.console import note, setup, show

Artifacts = Annotated[
    list[str] | None,
    typer.Option(
        "--artifact",
        metavar="FILE[@RUNTIME]",
        help="What to measure; may be repeated. Ratios are to the first.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="CHECKPOINT|NAME",
        help="A model to measure in PyTorch, after the artifacts; may be repeated. One that needs "
        "--bn-eps is exported with it, and given as an artifact.",
    ),
]
Images = Annotated[
    list[Path],
    typer.Option(metavar="DIR", help="A folder of images, or an image; may be repeated."),
]
DefaultRuntime = Annotated[
    options.RuntimeName, typer.Option(help="What runs an --artifact that names no runtime.")
]
WarmUp = Annotated[
    int | None,
    typer.Option(min=0, help="Runs before measuring, per target; one of each image by default."),
]
Iterations = Annotated[int, typer.Option(min=1, help="Measured runs per target.")]
Device = Annotated[str, typer.Option(metavar="cpu|cuda:N", help="Where all of it runs.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads of one inference.")]

Evaluations = Annotated[
    list[Path] | None,
    typer.Option(
        "--eval",
        metavar="FILE.json",
        help="What `refinemask eval --json` wrote, for the table of accuracy; may be repeated.",
    ),
]
Photos = Annotated[int, typer.Option(min=1, help="Show at most so many of the images.")]


def bench(
    images: Images,
    artifact: Artifacts = None,
    model: Models = None,
    runtime: DefaultRuntime = "onnxruntime",
    warm_up: WarmUp = None,
    iterations: Iterations = 20,
    device: Device = "cpu",
    threads: Threads = None,
    json: options.Json = None,
) -> None:
    """Measure latency, throughput and memory, interleaving what is compared."""
    targets = _targets(artifact, model)
    result = _measure(targets, images, runtime, warm_up, iterations, device, threads)
    from refinemask.benchmarks.latency.bench import format_table

    show(format_table(result), result, json)


def report(
    images: Images,
    output: Annotated[Path, typer.Option(metavar="FILE.html", help="The report to write.")],
    artifact: Artifacts = None,
    model: Models = None,
    runtime: DefaultRuntime = "onnxruntime",
    warm_up: WarmUp = None,
    iterations: Iterations = 20,
    device: Device = "cpu",
    threads: Threads = None,
    evaluation: Evaluations = None,
    photos: Photos = 12,
    title: Annotated[str, typer.Option(help="The heading.")] = "Instance segmentation, compared",
) -> None:
    """Measure as `bench` does and write a page with pictures to look at."""
    targets = _targets(artifact, model)
    from refinemask.benchmarks.report.contents import read_evaluation, report_on
    from refinemask.benchmarks.report.page import render
    from refinemask.benchmarks.report.photos import plain_photos
    from refinemask.files import check_destination, write_text
    from refinemask.inference.images import list_images

    # What can fail at once comes before what takes long.
    check_destination(output)
    shown = plain_photos(list_images(images)[:photos])
    accuracy = {name: read_evaluation(path) for name, path in _named(evaluation or []).items()}
    result = _measure(targets, images, runtime, warm_up, iterations, device, threads)
    write_text(output, render(report_on(title, result, shown, accuracy, setup())))
    typer.echo(f"wrote {output}")


def _named(files: list[Path]) -> dict[str, Path]:
    """Name files by their stems, or by their whole paths where two share a stem."""
    stems = {path.stem: path for path in files}
    return stems if len(stems) == len(files) else {str(path): path for path in files}


def _targets(artifacts: list[str] | None, models: list[str] | None) -> list[str]:
    targets = [*(artifacts or []), *(f"{model}@torch" for model in models or [])]
    if not targets:
        raise typer.BadParameter("give at least one --artifact FILE or --model CHECKPOINT|NAME")
    return targets


def _measure(
    targets: list[str],
    images: list[Path],
    runtime: str,
    warm_up: int | None,
    iterations: int,
    device: str,
    threads: int | None,
) -> dict[str, Any]:
    on_torch = runtime == "torch" or any(target.endswith("@torch") for target in targets)
    device = torch_device(device) if on_torch else engine_device(device)
    from refinemask.benchmarks.latency.bench import bench as measure
    from refinemask.inference.images import list_images

    return measure(
        targets,
        list_images(images),
        runtime=runtime,
        warm_up=warm_up,
        iterations=iterations,
        device=device,
        threads=threads,
        progress=note,
    )
