"""The Python examples of README and guides run as they stand, on real artifacts and photographs."""

import re
import shutil
from pathlib import Path

import pytest

from refinemask.inference.photographs import verification_photos
from refinemask.inference.structures import Detections

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/index.md", "docs/python.md")


def examples():
    """Return the examples, each with a name."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)):
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


@pytest.mark.parametrize("code", examples())
def test_prediction(code, exported, tmp_path, monkeypatch):
    pytest.importorskip(runtime_of(code))
    shutil.copy(exported.path, tmp_path / "refinemask.onnx")
    for photo, name in zip(verification_photos(), ("photo.jpg", "street.jpg"), strict=False):
        shutil.copy(photo.path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert isinstance(run(code)["detections"], Detections)
