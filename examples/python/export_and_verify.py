"""Export a model to ONNX, then verify the artifact on images of your own.

    python export_and_verify.py refinemask_small refinemask.onnx photos/

Needs refinemask[torch,runtime].
"""

from pathlib import Path

import typer

import refinemask
from refinemask.export import ExportOptions, export_model, verify_artifact
from refinemask.inference.images import list_images


def main(model: str, artifact: Path, photos: Path, form: str = "portable") -> None:
    reference = refinemask.load_model(model)  # a checkpoint, or the name of a shipped model
    options = ExportOptions(form=form)
    metadata = export_model(reference, artifact, options, progress=typer.echo)
    typer.echo(f"{artifact} detects {', '.join(metadata.class_names)}")

    report = verify_artifact(artifact, reference, list_images([photos]))
    typer.echo(report.table())
    if not report.passed:
        raise typer.Exit(3)


if __name__ == "__main__":
    typer.run(main)
