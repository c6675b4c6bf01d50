"""`refinemask export` and `refinemask-export`: a model becomes a verified ONNX artifact."""

from pathlib import Path
from typing import Annotated

from refinemask.cli.selection import ModelChoice
from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import note, refuse_to_overwrite, write_result
from refinemask.export.options import ExportOptions


def export(
    output: Annotated[Path, Option(metavar="FILE.onnx", help="The artifact to write.")],
    choice: ModelChoice,
    options: ExportOptions,
    json: Json = None,
) -> None:
    """Export a model to ONNX and verify it against PyTorch."""
    choice.check()
    from refinemask.inference.images import list_images
    from refinemask.inference.metadata import sidecar_path

    sidecar = sidecar_path(output)
    images = list_images(options.images)
    refuse_to_overwrite([choice.model, *images], [output, sidecar, json])
    model = choice.load("cpu")
    from refinemask.export.artifact import export_model

    metadata = export_model(
        model,
        output,
        options,
        weights=choice.weights or "trained",
        checkpoint=choice.checkpoint(),
        progress=note,
    )
    result = {"artifact": str(output), "parity": metadata.parity}
    write_result(f"wrote {output} and its metadata {sidecar}", result, json)
