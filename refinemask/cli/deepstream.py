"""`refinemask deepstream`: a folder from which NVIDIA DeepStream runs an artifact."""

from pathlib import Path
from typing import Annotated

from refinemask.configs.options import Option
from refinemask.configs.shared_options import Json
from refinemask.console import refuse_to_overwrite, write_result
from refinemask.export.deepstream.options import DeepStreamOptions


def deepstream(
    artifact: Annotated[
        Path, Option(metavar="FILE", help="An artifact of the form static, which detects.")
    ],
    output: Annotated[Path, Option(metavar="DIR", help="Folder for the files.")],
    options: DeepStreamOptions,
    json: Json = None,
) -> None:
    """Write what NVIDIA DeepStream needs to run an artifact.

    The folder gets the network as nvinfer feeds it, its configuration, the labels and the library
    that makes objects with masks of the outputs. It may be moved as a whole.
    """
    from refinemask.export.deepstream.folder import CONFIGURATION, FILES, write_folder
    from refinemask.inference.artifact import Artifact

    refuse_to_overwrite([artifact], [json, *(output / name for name in FILES)])
    refuse_to_overwrite([output / name for name in FILES], [json])
    opened = Artifact.open(artifact)
    written = write_folder(opened, output, options)
    height, width = written.canvas
    write_result(
        f"wrote {', '.join(FILES)} into {output}, for frames of {options.frame_width} x "
        f"{options.frame_height} pixels and a network of {width} x {height}; give nvinfer "
        f"config-file-path={output / CONFIGURATION}",
        {
            "configuration": str(output / CONFIGURATION),
            "files": [str(path) for path in written.paths],
            "network": {"height": height, "width": width},
            "frame": {"height": written.scaled[0], "width": written.scaled[1]},
        },
        json,
    )
