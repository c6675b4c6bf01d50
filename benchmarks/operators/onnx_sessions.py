"""ONNX Runtime sessions of small graphs, with our operator library registered."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

Arrays = dict[str, NDArray[Any]]

_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Sessions:
    """Makes runnable graphs that all use the same operator library and number of threads."""

    def __init__(self, library: str, threads: int) -> None:
        self._library = library
        self._threads = threads

    def graph(
        self, nodes: Sequence[Any], inputs: Arrays, outputs: Mapping[str, str]
    ) -> Callable[[], list[Any]]:
        """Return a function that runs `nodes` on `inputs`, copying neither them nor the outputs.

        Args:
            nodes: ONNX nodes.
            inputs: the graph's inputs by name.
            outputs: the graph's outputs by name, each with its ONNX type, such as "FLOAT".
        """
        graph = helper.make_graph(
            list(nodes),
            "graph",
            [
                helper.make_tensor_value_info(name, _TYPES[array.dtype.name], array.shape)
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

    def operator(
        self, name: str, inputs: Arrays, outputs: Mapping[str, str], **attributes: Any
    ) -> Callable[[], list[Any]]:
        """Return a function that runs one of our operators; see `graph`."""
        node = helper.make_node(
            name, list(inputs), list(outputs), domain="refinemask", **attributes
        )
        return self.graph([node], inputs, outputs)
