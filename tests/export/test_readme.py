"""The README's Python example runs as it stands, on a real artifact and a real photograph."""

import re
import shutil
from pathlib import Path

import pytest

from refinemask.export.photographs import shipped_photographs
from refinemask.structures import Detections

README = Path(__file__).resolve().parents[2] / "README.md"


def test_python_example(exported, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)
    shutil.copy(exported.path, tmp_path / "refinemask.onnx")
    shutil.copy(shipped_photographs()[0], tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert isinstance(names["detections"], Detections)
