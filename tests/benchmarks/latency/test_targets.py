"""What is compared, and its names."""

from pathlib import Path

import pytest

from refinemask.benchmarks.latency.targets import Target, parse_target, target_names
from refinemask.errors import RefineMaskError


@pytest.mark.parametrize(
    ("text", "path", "runtime"),
    [
        ("model.onnx", "model.onnx", "onnxruntime"),
        ("model.onnx@openvino", "model.onnx", "openvino"),
        ("refinemask_small@torch", "refinemask_small", "torch"),
        ("refinemask_small@torch_compiled", "refinemask_small", "torch_compiled"),
        ("model.onnx@onnxruntime:openvino", "model.onnx", "onnxruntime:openvino"),
        ("runs@home/model.onnx", "runs@home/model.onnx", "onnxruntime"),
        ("runs@home/model.onnx@openvino", "runs@home/model.onnx", "openvino"),
        ("model@2.onnx", "model@2.onnx", "onnxruntime"),
    ],
)
def test_the_runtime_follows_the_last_at_sign(text: str, path: str, runtime: str) -> None:
    assert parse_target(text, "onnxruntime") == Target(path, runtime)


def test_an_unknown_runtime_is_an_error() -> None:
    with pytest.raises(RefineMaskError, match=r"unknown runtime 'tensorflow' .* onnxruntime"):
        parse_target("model.onnx@tensorflow", "onnxruntime")
    with pytest.raises(RefineMaskError, match="OpenVINO has no providers"):
        parse_target("model.onnx@openvino:gpu", "onnxruntime")


def test_a_file_may_end_like_a_runtime(tmp_path: Path) -> None:
    (tmp_path / "a@b").touch()
    text = str(tmp_path / "a@b")
    assert parse_target(text, "openvino") == Target(text, "openvino")


@pytest.mark.parametrize(
    ("targets", "presets", "names"),
    [
        ("a.onnx@x b.onnx@x", "refine mask", "refine,mask"),
        ("a.onnx@x a.onnx@y", "refine refine", "refine x,refine y"),
        ("a.onnx@x b.onnx@x", "refine refine", "a x,b x"),
        ("a/m.onnx@x b/m.onnx@x", "refine refine", "a/m.onnx@x,b/m.onnx@x"),
    ],
)
def test_names_are_short_and_differ(targets: str, presets: str, names: str) -> None:
    parsed = [Target(*text.split("@")) for text in targets.split()]
    assert target_names(parsed, presets.split()) == names.split(",")
