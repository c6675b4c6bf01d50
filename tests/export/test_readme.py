"""The README's Python examples run as they stand, on real artifacts and a real photograph."""

import re
import shutil
from pathlib import Path

import pytest

from refinemask.export.photographs import shipped_photographs
from refinemask.inference import native
from refinemask.inference.structures import Detections

README = Path(__file__).resolve().parents[2] / "README.md"


def run_example(word):
    """Run the one example in which a word occurs; return its names."""
    examples = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)
    (code,) = [example for example in examples if word in example]
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


def test_prediction(exported, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    shutil.copy(exported.path, tmp_path / "refinemask.onnx")
    shutil.copy(shipped_photographs()[0], tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    assert isinstance(run_example("engine.predict")["detections"], Detections)


@pytest.mark.tensorrt
def test_building_an_engine(exported_as, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx_bindings")
    if native.library("trt") is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")
    shutil.copy(exported_as("fused").path, tmp_path / "fused.onnx")
    monkeypatch.chdir(tmp_path)
    run_example("build_engine")
    assert (tmp_path / "fused.engine").stat().st_size > 1 << 20
