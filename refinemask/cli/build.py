"""`refinemask build`: the TensorRT engine of an artifact."""

import json as json_module
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import progress_bar, refuse_to_overwrite, write_result
from refinemask.engines.tensorrt.options import BuildOptions


def build(
    artifact: Annotated[
        Path, typer.Argument(metavar="ARTIFACT", help="An artifact of the form fused or static.")
    ],
    output: Annotated[Path, Option(metavar="FILE.engine", help="The engine to write.")],
    options: BuildOptions,
    json: Json = None,
) -> None:
    """Build a TensorRT engine of an artifact."""
    from refinemask.engines.tensorrt.build_lock import log_path
    from refinemask.engines.tensorrt.engine_file import build_artifact
    from refinemask.engines.tensorrt.profile import described
    from refinemask.inference.artifact import Artifact
    from refinemask.inference.metadata import sidecar_path

    written = [output, sidecar_path(output), log_path(output), json, options.timing_cache]
    refuse_to_overwrite([artifact], written)
    opened = Artifact.open(artifact)
    with progress_bar("building") as advance:
        built, record = build_artifact(opened, output, options, progress=advance)
    kinds = Counter(layer.kind for layer in built.layers)
    result = json_module.loads(record.to_json()) | {
        "engine": str(output),
        "bytes": len(built.data),
        "seconds": built.seconds,
        "layers": dict(kinds.most_common()),
    }
    title = f"{record.flavour.title} {record.runtime_version}"
    shapes = "".join(
        f"\n  {name}: {described(shapes)}" for name, shapes in record.profile.shapes.items()
    )
    write_result(
        f"wrote {output} ({len(built.data) / 1e6:.1f} MB) for {title} in {built.seconds:.1f} s, "
        f"its record {sidecar_path(output)}, and what was logged{shapes}",
        result,
        json,
    )
