"""`refinemask data`: check a dataset, or convert a download into the splits of our figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from refinemask.cli.inputs import refuse_to_overwrite_dataset
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import note, progress_bar, say, write_result
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.printable import counted

if TYPE_CHECKING:
    from refinemask.data.dataset import InstanceDataset

_SHOWN = 20
"""Images that cannot be used and are listed; `--json` has all."""


def data(
    task: Annotated[
        Literal["check", "pennfudan", "coco-mini"],
        typer.Argument(help="check, or the dataset to convert."),
    ],
    spec: Annotated[
        str | None, typer.Argument(metavar="[SPEC]", help="The dataset to check, as for train.")
    ] = None,
    source: Annotated[
        Path | None, Option(metavar="DIR", help="The unpacked download to convert.")
    ] = None,
    output: Annotated[Path | None, Option(metavar="DIR", help="Folder for the splits.")] = None,
    threads: Annotated[
        int | None, Option(min=1, help="Images to check at a time; default: one for each core.")
    ] = None,
    json: Json = None,
) -> None:
    """Check a dataset without a model, or convert a download into the splits of our figures.

    check prints what training and evaluation use and leave out, reads every image, and exits with 1
    if something would fail later. JSON: "training" and "evaluation", the summaries; "failures", a
    line for each; "duplicates", by kind. pennfudan and coco-mini need --source and --output.
    """
    if task == "check":
        if spec is None or source is not None or output is not None:
            raise WrongUsage("write: refinemask data check SPEC, without --source and --output")
        _check(spec, threads, json)
        return
    if source is None or output is None or (spec, threads, json) != (None, None, None):
        raise WrongUsage(f"write: refinemask data {task} --source DIR --output DIR")
    from refinemask.data.splits import convert

    convert(task, source, output)
    say(f"wrote the training and validation splits of {task} to {output}")


def _check(spec: str, threads: int | None, json: str | None) -> None:
    from refinemask.data.check import read_dataset
    from refinemask.data.open import open_dataset
    from refinemask.evaluation import summarise

    dataset = open_dataset(spec)
    refuse_to_overwrite_dataset(spec, dataset, [json])
    evaluation = summarise(spec, dataset)
    training, failures = _check_uses(dataset)
    with progress_bar("images") as advance:
        found = read_dataset(dataset, threads, advance)
    failures += found.failures
    lines = [f"to evaluate: {evaluation}"]
    lines += [] if training is None else [f"to train: {training}"]
    lines += [
        f"duplicates, {kind}: {one.count} (such as {kind.split('s ')[0]} {one.example})"
        for kind, one in found.duplicates.items()
    ]
    lines += failures[:_SHOWN]
    lines += [f"... and {len(failures) - _SHOWN} more"] if len(failures) > _SHOWN else []
    result: dict[str, Any] = {
        "training": training and training.to_dict(),
        "evaluation": evaluation.to_dict(),
        "failures": failures,
        "duplicates": {
            kind: {"count": one.count, "example": one.example}
            for kind, one in found.duplicates.items()
        },
    }
    write_result("\n".join(lines), result, json)
    if failures:
        raise RefineMaskError(
            f"{spec} has {counted(len(failures), 'problem')}; repair or remove it"
        )
    note(f"{spec}: no problem found")


def _check_uses(dataset: "InstanceDataset") -> tuple[Any, list[str]]:
    """Return the summary of training, and why training or evaluation would fail at the start."""
    from refinemask.evaluation.measure import check_masks

    training, failures = None, []
    try:
        training = dataset.for_training().summary
    except RefineMaskError as error:
        failures.append(f"train: {error}")
    try:
        check_masks(dataset, dataset.image_ids, set(dataset.category_ids))
    except RefineMaskError as error:
        failures.append(f"eval: {error}")
    return training, failures
