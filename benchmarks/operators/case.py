"""What the operators are compared on: sessions of one node, cases, random boxes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

HEIGHT, WIDTH = 800, 1333
OURS = "refinemask"
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One operator on one input."""

    name: str
    target: float
    """How many times faster than each rival in `contenders` but those marked as shown only."""
    bytes: int
    """What must be read and written at least."""
    contenders: Mapping[str, Callable[[], Any]]
    """What is timed: ours first."""
    agree: Callable[[Any, Any], bool]
    """Whether ours and a rival's result are the same."""
    shown_only: Sequence[str] = ()


class Operators:
    """Makes sessions of one node; all have the same number of threads."""

    def __init__(self, library: str, threads: int) -> None:
        self._library = library
        self._threads = threads

    def runner(
        self, nodes: Sequence[Any], inputs: Arrays, outputs: Mapping[str, str]
    ) -> Callable[[], list[Any]]:
        """Return a function that runs a graph on `inputs`, copying neither them nor the outputs."""
        graph = helper.make_graph(
            list(nodes),
            "graph",
            [
                helper.make_tensor_value_info(name, TYPES[array.dtype.name], array.shape)
                for name, array in inputs.items()
            ],
            [
                helper.make_tensor_value_info(name, getattr(TensorProto, kind), None)
                for name, kind in outputs.items()
            ],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("refinemask", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.register_custom_ops_library(self._library)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        feeds = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in inputs.items()
        }
        return lambda: session.run_with_ort_values(list(outputs), feeds)

    def ours(
        self, operator: str, inputs: Arrays, outputs: Mapping[str, str], **attributes: Any
    ) -> Callable[[], list[Any]]:
        node = helper.make_node(
            operator, list(inputs), list(outputs), domain="refinemask", **attributes
        )
        return self.runner([node], inputs, outputs)


def random_boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return float32 (count, 4) xyxy boxes in an image of `HEIGHT` × `WIDTH` pixels.

    Sides are from 16 to 512 pixels, uniform in the logarithm and independent of each other; centres
    are anywhere in the image, to which the boxes are clipped.
    """
    sides = np.exp(rng.uniform(np.log(16), np.log(512), (count, 2)))
    centres = rng.uniform(0, 1, (count, 2)) * (WIDTH, HEIGHT)
    boxes = np.concatenate((centres - sides / 2, centres + sides / 2), 1)
    return boxes.clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(np.float32)
