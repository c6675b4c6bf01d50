"""The Python examples of README and guides run as they stand, on real artifacts and photographs."""

import re
import shutil
from pathlib import Path

import pytest

from refinemask.inference import native
from refinemask.inference.photographs import verification_photos
from refinemask.inference.structures import Detections

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/index.md", "docs/python.md", "docs/operators.md")


def examples(*, building):
    """Return the examples that build an engine, or the others."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)):
            if ("build_engine" in code) == building:
                found.append(pytest.param(code, id=f"{document}-{number}-{runtime_of(code)}"))
    return found


def runtime_of(code):
    """Return the module of the runtime that an example uses; ids have it, for tests that skip."""
    return "openvino" if "openvino" in code else "onnxruntime"


def run(code):
    """Run an example; return its names."""
    names: dict[str, object] = {}
    exec(compile(code, "example", "exec"), names)
    return names


@pytest.mark.parametrize("code", examples(building=False))
def test_prediction(code, exported, tmp_path, monkeypatch):
    pytest.importorskip(runtime_of(code))
    shutil.copy(exported.path, tmp_path / "refinemask.onnx")
    shutil.copy(verification_photos()[0].path, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    assert isinstance(run(code)["detections"], Detections)


@pytest.mark.tensorrt
@pytest.mark.parametrize("code", examples(building=True))
def test_building_an_engine(code, exported_as, tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx_bindings")
    if native.library("trt") is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")
    shutil.copy(exported_as("fused").path, tmp_path / "fused.onnx")
    monkeypatch.chdir(tmp_path)
    run(code)
    assert (tmp_path / "fused.engine").stat().st_size > 1 << 20
