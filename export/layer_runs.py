"""Run a model and its artifact so that their layers can be seen."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from refinemask import engines
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.errors import RefineMaskError
from refinemask.export.calls import calls_of
from refinemask.export.forms import FORMS
from refinemask.export.layer_differences import Tensors
from refinemask.export.layers import MODULES, PREFIX, layers
from refinemask.export.subjects import Subject
from refinemask.files import sha256
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.models import Detector
from refinemask.models.detector import normalise


def graph_inputs(metadata: ArtifactMetadata, subject: Subject) -> Inputs:
    """Return the inputs of an artifact for one image, which fills a fixed batch.

    An artifact that is given boxes gets those that the model detected.
    """
    count = metadata.input_limits.batch or 1
    prepared, found = subject.prepared, subject.reference.outputs
    inputs: dict[str, NDArray[Any]] = {
        "images": np.stack([prepared.image] * count),
        "image_sizes": np.array([prepared.size] * count, np.int64),
    }
    if metadata.outputs == "masks":
        index = np.zeros((len(found.boxes), 1), np.float32)
        inputs |= {"rois": np.hstack([index, found.boxes]), "labels": found.labels}
    return inputs


@contextmanager
def layer_runs(
    artifact: Path, model: Detector, runtimes: Sequence[str], device: str
) -> Iterator[Callable[[Subject], dict[str, Tensors]]]:
    """Yield a function that returns the layers of an image by runtime.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: what PyTorch runs.
        runtimes: names of `engines.RUNTIMES`.
        device: where the artifact runs.

    Raises:
        RefineMaskError: the artifact does not name its layers, or a runtime does not show them.
    """
    with with_layers(Artifact.open(artifact)) as (copy, names):
        opened = {name: _open(copy, name, device) for name in runtimes if name != "torch"}

        def run(subject: Subject) -> dict[str, Tensors]:
            inputs = graph_inputs(copy.metadata, subject)
            found = {name: run_engine(engine, names, inputs) for name, engine in opened.items()}
            if "torch" in runtimes:
                found["torch"] = run_model(model, copy.metadata, inputs)[1]
            return found

        yield run


def _open(artifact: Artifact, runtime: str, device: str) -> GraphEngine:
    engine = engines.open(artifact, runtime, device)
    assert isinstance(engine, GraphEngine)  # as those of artifacts are
    return engine


@torch.inference_mode()
def run_model(
    model: Detector, metadata: ArtifactMetadata, inputs: Inputs
) -> tuple[dict[str, NDArray[Any]], Tensors]:
    """Return what the model returns in the form of its artifact, by name, and its layers."""
    given = {name: torch.from_numpy(values).to(model.device) for name, values in inputs.items()}
    images = normalise(given["images"], given["image_sizes"], model.config.input)
    with calls_of(*(model.get_submodule(name) for name in MODULES)) as calls:
        if metadata.outputs == "masks":
            features = model.features(images)
            masks = model.segment_rois(features, given["rois"], given["labels"])
            returned = {"masks": masks}
        else:
            form = FORMS[metadata.form]
            names = form.outputs(model.config, len(images))
            results = form.detect(model, images, given["image_sizes"])
            returned = dict(zip(names, results, strict=True))
    found = layers(
        {name: call for name, call in zip(MODULES, calls, strict=True) if call.result is not None}
    )
    outputs, tensors = (
        {name: values.cpu().numpy() for name, values in named.items()}
        for named in (returned, found)
    )
    return outputs, tensors | _rows_of_detections(outputs)


@contextmanager
def with_layers(artifact: Artifact) -> Iterator[tuple[Artifact, tuple[str, ...]]]:
    """Yield a temporary copy of an artifact whose layers are outputs, and their names.

    Raises:
        RefineMaskError: the artifact does not name its layers.
    """
    model = onnx.load(artifact.path)
    values = (name for node in model.graph.node for name in node.output)
    names = tuple(name.removeprefix(PREFIX) for name in values if name.startswith(PREFIX))
    if not names:
        raise RefineMaskError(
            f"{artifact.path} does not name its layers, as an earlier version exported it; export "
            "it again with refinemask-export"
        )
    for name in names:
        output = onnx.helper.make_tensor_value_info(PREFIX + name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(output)
    with TemporaryDirectory() as folder:
        path = Path(folder, artifact.path.name)
        onnx.save(model, path)
        yield dataclasses.replace(artifact, path=path, sha256=sha256(path)), names


def run_engine(engine: GraphEngine, names: tuple[str, ...], inputs: Inputs) -> Tensors:
    """Return the layers of an engine of an artifact of `with_layers`."""
    outputs = ("masks",) if "rois" in inputs else ("scores", "labels", "masks")
    found = engine.inspect([*(PREFIX + name for name in names), *outputs], inputs)
    tensors = {name: found[PREFIX + name] for name in names}
    if "rois" in inputs:
        tensors["detections"] = inputs["rois"]
    return tensors | _rows_of_detections({name: found[name] for name in outputs})


def _rows_of_detections(outputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the scores, labels and masks of all slots of all images, where they are padded."""
    side = outputs["masks"].shape[-1]
    rows = {name: outputs[name].reshape(-1) for name in ("scores", "labels") if name in outputs}
    return rows | {"masks": outputs["masks"].reshape(-1, side, side)}
