"""Write what an application of DeepStream needs to run an artifact, into one folder."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from refinemask.errors import RefineMaskError
from refinemask.export.deepstream.graph import deepstream_graph
from refinemask.export.deepstream.options import DeepStreamOptions
from refinemask.export.deepstream.sizes import Size, canvas_size, scaled_size
from refinemask.files import atomic_path, write_text
from refinemask.inference import native
from refinemask.inference.artifact import Artifact

CONFIGURATION, LABELS, NETWORK = "config_infer.txt", "labels.txt", "refinemask.onnx"
PARSER = f"lib{native.STEMS['deepstream']}.so"
FILES = (CONFIGURATION, LABELS, NETWORK, PARSER)
"""The names of what is written."""
FUNCTION = "NvDsInferParseCustomRefineMask"
"""The function of the parser that nvinfer calls for each frame."""


@dataclass(frozen=True)
class DeepStreamFolder:
    """What was written.

    Attributes:
        paths: the files.
        canvas: (height, width) of the input of the network, in pixels.
        scaled: (height, width) of the part of it that is a frame.
    """

    paths: tuple[Path, ...]
    canvas: Size
    scaled: Size


def write_folder(artifact: Artifact, folder: Path, options: DeepStreamOptions) -> DeepStreamFolder:
    """Write the network, the configuration of nvinfer, the labels and the parser.

    Raises:
        RefineMaskError: nvinfer cannot run the artifact, the parser was not built, or a file cannot
            be written.
    """
    _check(artifact)
    library = native.find("deepstream", "nvinfer")
    metadata = artifact.metadata
    frame = options.frame_height, options.frame_width
    canvas = canvas_size(frame, metadata.input_limits)
    scaled = scaled_size(frame, canvas)
    try:
        graph = deepstream_graph(onnx.load(artifact.path), canvas, scaled)
    except (OSError, onnx.checker.ValidationError) as error:
        raise artifact.load_error(error) from error
    onnx.helper.set_model_props(graph, {"refinemask_artifact_sha256": artifact.sha256})
    with atomic_path(folder / NETWORK) as path:
        path.write_bytes(graph.SerializeToString())
    with atomic_path(folder / PARSER) as path:
        shutil.copyfile(library, path)
    write_text(folder / LABELS, labels(metadata.class_names))
    write_text(folder / CONFIGURATION, configuration(len(metadata.class_names), canvas, options))
    return DeepStreamFolder(tuple(folder / name for name in FILES), canvas, scaled)


def labels(class_names: Sequence[str]) -> str:
    """Return the lines of the file of labels, which nvinfer splits at semicolons."""
    names = (name.replace(";", ",").strip() for name in class_names)
    return "".join(f"{name or f'class {label}'}\n" for label, name in enumerate(names))


def configuration(classes: int, canvas: Size, options: DeepStreamOptions) -> str:
    """Return the text of nvinfer's configuration; paths in it are relative to it."""
    batch = options.batch_size
    values = {
        "onnx-file": NETWORK,
        "model-engine-file": f"{NETWORK}_b{batch}_gpu0_fp32.engine",
        "labelfile-path": LABELS,
        "custom-lib-path": PARSER,
        "parse-bbox-instance-mask-func-name": FUNCTION,
        "batch-size": batch,
        "gie-unique-id": 1,
        "process-mode": 1,  # whole frames
        "network-mode": 0,  # float32
        "network-type": 3,  # instance segmentation
        "num-detected-classes": classes,
        "infer-dims": f"3;{canvas[0]};{canvas[1]}",
        "network-input-order": 0,  # NCHW
        "model-color-format": 0,  # RGB
        "net-scale-factor": 1.0,
        "maintain-aspect-ratio": 1,
        "symmetric-padding": 0,  # at the right and the bottom
        "scaling-filter": 1,  # bilinear
        "output-instance-mask": 1,
        "segmentation-threshold": 0.5,
        "cluster-mode": 4,  # none: the network has suppressed what overlaps
    }
    lines = [
        f"# Of `refinemask deepstream`, for frames of {options.frame_width} x "
        f"{options.frame_height} pixels:",
        "# nvstreammux must scale to this size.",
        "[property]",
        *(f"{key}={value}" for key, value in values.items()),
        "",
        "[class-attrs-all]",
        f"pre-cluster-threshold={options.score_threshold}",
        "topk=-1",
    ]
    return "\n".join(lines) + "\n"


def _check(artifact: Artifact) -> None:
    """Check that nvinfer can run an artifact.

    Raises:
        RefineMaskError: it cannot.
    """
    path, metadata = artifact.path, artifact.metadata
    if metadata.outputs != "detections":
        raise RefineMaskError(
            f"{path} takes the boxes of another detector, which nvinfer cannot give it; export one "
            "that detects, without --outputs masks"
        )
    if metadata.form != "static":
        raise RefineMaskError(
            f"{path} has the form {metadata.form}, whose outputs have a row for each object; "
            "nvinfer takes outputs of fixed size alone: export the model with --form static"
        )
    if metadata.input_limits.batch not in (None, 1):
        raise RefineMaskError(
            f"{path} takes {metadata.input_limits.batch} images at a time, neither more nor less, "
            "and nvinfer also runs fewer frames; export the model without --batch"
        )
