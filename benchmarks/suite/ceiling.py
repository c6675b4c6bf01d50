"""How fast this machine multiplies at best: a large matrix product and a 3x3 convolution."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Run = Callable[[NDArray[np.float32]], Any]


@dataclass(frozen=True)
class Product:
    """A constant weight that an input is multiplied by.

    Attributes:
        name: what it is.
        kind: the ONNX operator.
        input: shape of the input.
        weight: shape of the weight.
        multiply_adds: that it takes.
    """

    name: str
    kind: str
    input: tuple[int, ...]
    weight: tuple[int, ...]
    multiply_adds: int


def products(quick: bool) -> tuple[Product, Product]:
    """Return the matrix product and the convolution, of a size that keeps a CPU busy for long."""
    side = 512 if quick else 2048
    channels, height, width = (64, 96, 128) if quick else (256, 200, 336)
    convolved = (1, channels, height, width), (channels, channels, 3, 3)
    return (
        Product("matrix product", "MatMul", (side, side), (side, side), side**3),
        Product("3x3 convolution", "Conv", *convolved, 9 * channels**2 * height * width),
    )


def measure_ceiling(runtimes: tuple[str, ...], iterations: int, quick: bool) -> dict[str, Any]:
    """Run both products in PyTorch and each runtime in turn.

    Returns:
        `products`, for each by name and runtime the median of 10^9 operations a second, of which
        each multiply-add is two; `best`, the greatest of them.
    """
    found: dict[str, dict[str, float]] = {}
    rng = np.random.default_rng(0)
    for product in products(quick):
        given = rng.standard_normal(product.input, np.float32)
        weight = rng.standard_normal(product.weight, np.float32)
        runs = {name: _open(name, product, weight) for name in ("torch", *runtimes)}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(iterations + 1):
            for name, run in runs.items():
                start = time.perf_counter()
                run(given)
                seconds[name].append(time.perf_counter() - start)
        found[product.name] = {
            name: 2e-9 * product.multiply_adds / float(np.median(times[1:]))
            for name, times in seconds.items()
        }
    return {"products": found, "best": max(max(by.values()) for by in found.values())}


def _open(runtime: str, product: Product, weight: NDArray[np.float32]) -> Run:
    if runtime == "torch":
        return _torch(product, torch.from_numpy(weight))
    graph = _graph(product, weight)
    return _onnxruntime(graph) if runtime == "onnxruntime" else _openvino(graph)


def _torch(product: Product, weight: torch.Tensor) -> Run:
    @torch.inference_mode()
    def run(values: NDArray[np.float32]) -> torch.Tensor:
        given = torch.from_numpy(values)
        if product.kind == "MatMul":
            return given @ weight
        return torch.nn.functional.conv2d(given, weight, padding=1)

    return run


def _onnxruntime(graph: onnx.ModelProto) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda values: session.run(None, {"x": values})


def _openvino(graph: onnx.ModelProto) -> Run:
    from refinemask.engines.openvino import read_onnx, shared_core
    from refinemask.engines.openvino_settings import cpu_settings

    with TemporaryDirectory() as folder:
        path = Path(folder, "product.onnx")
        onnx.save(graph, path)
        model = shared_core().compile_model(read_onnx(path), "CPU", cpu_settings(None))
    request = model.create_infer_request()
    return lambda values: request.infer({"x": values})


def _graph(product: Product, weight: NDArray[np.float32]) -> onnx.ModelProto:
    padded: dict[str, Any] = {"pads": [1, 1, 1, 1]} if product.kind == "Conv" else {}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", product.input), ("y", None))
    ]
    graph = helper.make_graph(
        [helper.make_node(product.kind, ["x", "w"], ["y"], **padded)],
        "product",
        values[:1],
        values[1:],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
