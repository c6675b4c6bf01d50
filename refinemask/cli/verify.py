"""`refinemask verify`: the parity gate for an artifact and the model it was exported from."""

from pathlib import Path
from typing import Annotated

from refinemask.cli.selection import ModelChoice
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import progress_bar, refuse_to_overwrite, write_result
from refinemask.engines.runtimes import ARTIFACT_RUNTIMES
from refinemask.errors import GateFailed
from refinemask.models.device import engine_device
from refinemask.printable import counted


def verify(
    artifact: Annotated[Path, Option(metavar="FILE", help="The artifact to check.")],
    images: Annotated[
        tuple[Path, ...],
        Option(metavar="DIR", help="An image, or a folder of images; may be repeated."),
    ],
    choice: ModelChoice,
    runtime: Annotated[
        str, Option(choices=ARTIFACT_RUNTIMES, help="What runs the artifact.")
    ] = ARTIFACT_RUNTIMES[0],
    device: Annotated[
        str,
        Option(metavar="cpu|cuda:N", help="Where the artifact runs; PyTorch runs on the CPU."),
    ] = "cpu",
    json: Json = None,
) -> None:
    """Compare an artifact with its PyTorch model; exit with 3 if they differ too much."""
    choice.check()
    device = engine_device(device)
    from refinemask.inference.images import list_images

    paths = list_images(images)
    refuse_to_overwrite([*paths, artifact, choice.model], [json])
    reference = choice.load("cpu")
    from refinemask.export.verify import verify_artifact

    with progress_bar("images") as advance:
        report = verify_artifact(
            artifact, reference, paths, runtime=runtime, device=device, progress=advance
        )
    write_result(report.table(), report.to_dict(), json)
    if not report.passed:
        raise GateFailed(
            f"{artifact} does not give the numbers of its model on "
            f"{counted(len(paths), 'image')}; see the table, and export it again"
        )
