"""`refinemask bench` and `refinemask report`: speed of artifacts and models side by side."""

import dataclasses
from pathlib import Path
from typing import Annotated

from refinemask.benchmarks.latency.options import BenchOptions, RecordOptions
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import current_setup, note, refuse_to_overwrite, say, write_result
from refinemask.errors import WrongUsage
from refinemask.models.device import engine_device, torch_device


def bench(options: BenchOptions, record: RecordOptions, json: Json = None) -> None:
    """Measure latency, throughput and memory, interleaving what is compared."""
    from refinemask.benchmarks.latency.bench import bench as measure
    from refinemask.benchmarks.latency.table import format_table

    if json is not None and record.export_times == Path(json):
        raise WrongUsage(f"--json and --export-times are both {json}; write to two files")
    _refuse_inputs(options, (), json, record.export_times)
    result = measure(_with_device(options), note, record)
    write_result(format_table(result), result, json)


def report(
    output: Annotated[Path, Option(metavar="FILE.html", help="The report to write.")],
    options: BenchOptions,
    evaluation: Annotated[
        tuple[Path, ...],
        Option(
            flag="--eval",
            metavar="FILE.json",
            help="Output of refinemask eval --json, for the table of accuracy; may be repeated.",
        ),
    ] = (),
    photos: Annotated[int, Option(min=1, help="Maximum number of images to show.")] = 12,
    title: Annotated[str, Option(metavar="TEXT", help="The heading.")] = (
        "Instance segmentation, compared"
    ),
) -> None:
    """Measure like bench, and write a page with pictures."""
    from refinemask.benchmarks.latency.bench import bench as measure
    from refinemask.benchmarks.report.contents import check_inputs, read_evaluation, report_on
    from refinemask.benchmarks.report.page import render
    from refinemask.files import check_destination, write_text
    from refinemask.inference.images import list_images
    from refinemask.inference.photographs import Photo

    # What can fail at once comes before what takes long.
    check_destination(output)
    _refuse_inputs(options, evaluation, output)
    shown = [Photo(path, path.name) for path in list_images(options.images)[:photos]]
    accuracy = {name: read_evaluation(path) for name, path in _named(evaluation).items()}
    options = _with_device(options)
    check_inputs(options, shown)
    result = measure(options, note)
    write_text(output, render(report_on(title, result, shown, accuracy, current_setup())))
    say(f"wrote {output}")


def _refuse_inputs(
    options: BenchOptions, read: tuple[Path, ...], *outputs: str | Path | None
) -> None:
    """Check that no output is one of the files that are read."""
    from refinemask.benchmarks.latency.targets import parse_target
    from refinemask.inference.images import list_images

    targets = [parse_target(target, options.runtime).path for target in options.targets]
    refuse_to_overwrite([*read, *targets, *list_images(options.images)], outputs)


def _named(files: tuple[Path, ...]) -> dict[str, Path]:
    """Name files by their stems, or by their whole paths where two share a stem."""
    from refinemask.printable import one_line

    stems = {one_line(path.stem): path for path in files}
    return stems if len(stems) == len(files) else {one_line(str(path)): path for path in files}


def _with_device(options: BenchOptions) -> BenchOptions:
    """Check that the device is available."""
    from refinemask.benchmarks.latency.targets import parse_target

    targets = [parse_target(target, options.runtime) for target in options.targets]
    on_torch = any(target.runs_in_pytorch for target in targets)
    device = torch_device(options.device) if on_torch else engine_device(options.device)
    return dataclasses.replace(options, device=device)
