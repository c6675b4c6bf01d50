"""`refinemask verify`: the parity gate for an artifact and the model it was exported from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from refinemask.cli.selection import ModelChoice
from refinemask.configs.options import Option, read_names
from refinemask.configs.shared_options import Json
from refinemask.console import progress_bar, refuse_to_overwrite, write_result
from refinemask.engines.runtimes import (
    ARTIFACT_RUNTIMES,
    check_comparable,
    find_runtime,
    runtime_names,
)
from refinemask.errors import GateFailed, WrongUsage
from refinemask.models.device import engine_device
from refinemask.printable import counted

if TYPE_CHECKING:
    from refinemask.export.parity import ParityReport
    from refinemask.export.runtime_matrix import RuntimeMatrix


def verify(
    artifact: Annotated[Path, Option(metavar="FILE", help="The artifact to check.")],
    images: Annotated[
        tuple[Path, ...],
        Option(metavar="DIR", help="An image, or a folder of images; may be repeated."),
    ],
    choice: ModelChoice,
    runtime: Annotated[
        str | None,
        Option(
            metavar="NAME[:PROVIDER]",
            help=f"What runs the artifact: {', '.join(ARTIFACT_RUNTIMES)}; default: "
            f"{ARTIFACT_RUNTIMES[0]}.",
        ),
    ] = None,
    runtimes: Annotated[
        tuple[str, ...] | None,
        Option(
            metavar="NAME,NAME,...",
            read=read_names,
            help=f"Compare two or more runtimes with each other: {runtime_names()}.",
        ),
    ] = None,
    layers: Annotated[
        bool, Option(help="With --runtimes: find the first layer where two of them part.")
    ] = False,
    save_tensors: Annotated[
        Path | None,
        Option(
            metavar="DIR",
            help="Write the inputs and PyTorch's outputs of each image for trtexec and Polygraphy.",
        ),
    ] = None,
    device: Annotated[
        str,
        Option(metavar="cpu|cuda:N", help="Where the artifact runs; PyTorch runs on the CPU."),
    ] = "cpu",
    json: Json = None,
) -> None:
    """Compare an artifact with its PyTorch model; exit with 3 if they differ too much."""
    choice.check()
    device = engine_device(device)
    _check_runtimes(runtime, runtimes, layers)
    from refinemask.files import check_writable
    from refinemask.inference.images import list_images

    paths = list_images(images)
    refuse_to_overwrite([*paths, artifact, choice.model], [json])
    if save_tensors is not None:
        check_writable(save_tensors)
    reference = choice.load("cpu")
    report: ParityReport | RuntimeMatrix
    with progress_bar("images") as advance:
        if runtimes is not None:
            from refinemask.export.runtime_matrix import verify_runtimes

            report = verify_runtimes(
                artifact,
                reference,
                runtimes,
                paths,
                device=device,
                layers=layers,
                progress=advance,
                save_tensors=save_tensors,
            )
        else:
            from refinemask.export.verify import verify_artifact

            report = verify_artifact(
                artifact,
                reference,
                paths,
                runtime=runtime or ARTIFACT_RUNTIMES[0],
                device=device,
                progress=advance,
                save_tensors=save_tensors,
            )
    write_result(report.table(), report.to_dict(), json)
    if not report.passed:
        what = "the same numbers in every runtime" if runtimes else "the numbers of its model"
        raise GateFailed(
            f"{artifact} does not give {what} on {counted(len(paths), 'image')}; see the table, "
            "and export it again"
        )


def _check_runtimes(runtime: str | None, runtimes: tuple[str, ...] | None, layers: bool) -> None:
    if runtime is not None and find_runtime(runtime).runs_checkpoints:
        raise WrongUsage(
            f"--runtime must be one of {', '.join(ARTIFACT_RUNTIMES)}, got {runtime!r}, which runs "
            "checkpoints"
        )
    if runtimes is None:
        if layers:
            raise WrongUsage("--layers requires --runtimes NAME,NAME,...")
        return
    if runtime is not None:
        raise WrongUsage("give --runtime or --runtimes, not both")
    check_comparable(runtimes)
