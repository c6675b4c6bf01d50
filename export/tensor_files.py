"""Write the inputs and reference outputs of images in the files of trtexec and Polygraphy.

A folder for each image holds

- for trtexec, each tensor as its raw bytes in C order, little-endian. That is what `--loadInputs`
  and, since TensorRT 11, `--loadRefOutputs` read, both as NAME:FILE,NAME:FILE (samples/common in
  NVIDIA's TensorRT repository: `loadFromFile` asks for a file of exactly the tensor's size). The
  names are those that trtexec's own `--dumpRawBindingsToFile` gives: tensor, input or output,
  shape, type.
- for Polygraphy, `inputs.json` and `outputs.json`, for `polygraphy run` with `--load-inputs` and
  `--load-outputs` (polygraphy/json/serde.py and polygraphy/comparator/struct.py there). Inputs are
  a list with a dictionary of arrays for each run; outputs are a `RunResults`: a list of runners,
  each with a list of `IterationResult`. An array is what `numpy.save` writes, as Base64, and
  objects carry the name of their class as `polygraphy_class`.
"""

import base64
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinemask.export.layer_runs import graph_inputs, run_model
from refinemask.export.subjects import Subject
from refinemask.files import atomic_path, to_json, write_text
from refinemask.inference.metadata import ArtifactMetadata
from refinemask.models import Detector

_RUNNER = "PyTorch"
_TYPES = {"float32": "fp32"}
"""Types that trtexec calls otherwise than NumPy."""


def saved(
    subjects: Iterable[Subject], folder: Path, model: Detector, metadata: ArtifactMetadata
) -> Iterator[Subject]:
    """Yield images after writing the inputs of an artifact for them, and what it should return.

    Args:
        subjects: the images; the third, of the file a.jpg, gets the folder `3_a.jpg`.
        folder: of the folders of all images.
        model: the reference, with the samples of RoIAlign that the artifact has.
        metadata: of the artifact.

    Raises:
        RefineMaskError: a file cannot be written.
    """
    for number, subject in enumerate(subjects, 1):
        inputs = graph_inputs(metadata, subject)
        outputs, _ = run_model(model, metadata, inputs)
        write_tensors(folder / f"{number}_{_safe(subject.name)}", inputs, outputs)
        yield subject


def write_tensors(
    folder: Path, inputs: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]
) -> None:
    """Write the tensors of one run, by name, in the files of trtexec and of Polygraphy."""
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for name, values in tensors.items():
            with atomic_path(folder / raw_name(name, kind, values)) as path:
                path.write_bytes(_little_endian(values).tobytes())
    write_text(folder / "inputs.json", to_json([_arrays(inputs)]))
    result = _typed("IterationResult", outputs=_arrays(outputs), runtime=None, runner_name=_RUNNER)
    write_text(folder / "outputs.json", to_json(_typed("RunResults", lst=[[_RUNNER, [result]]])))


def raw_name(name: str, kind: str, values: NDArray[Any]) -> str:
    """Return the file name of a tensor, such as `images.input.1.384.512.3.uint8.raw`."""
    dtype = _TYPES.get(values.dtype.name, values.dtype.name)
    return ".".join([name, kind, *map(str, values.shape), dtype, "raw"])


def _safe(name: str) -> str:
    """Return a name without what separates names and files on trtexec's command line."""
    return re.sub(r"[^\w.-]", "_", name)


def _little_endian(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"))


def _arrays(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    return {name: _array(values) for name, values in tensors.items()}


def _array(values: NDArray[Any]) -> dict[str, Any]:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return _typed("ndarray", array=base64.b64encode(file.getvalue()).decode("ascii"))


def _typed(kind: str, **values: Any) -> dict[str, Any]:
    return values | {"polygraphy_class": kind}
