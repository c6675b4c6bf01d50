"""Toy artifacts and photographs for the benchmarks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.engines.conftest import make_artifact, metadata

__all__ = ["artifacts", "make_artifact", "metadata", "photographs"]


@pytest.fixture
def artifacts(make_artifact: Callable[..., Path], tmp_path: Path) -> list[str]:
    """Two toy artifacts, which detect a class whose name is a script."""
    first = make_artifact(class_names=("<script>cat & dog</script>",))
    second = tmp_path / "second.onnx"
    shutil.copy(first, second)
    return [f"{first}@onnxruntime", f"{second}@onnxruntime"]


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """A bright image, in which the toy detects something, and a dark one."""
    paths = [tmp_path / "<script>bright.png", tmp_path / "dark.png"]
    for path, value in zip(paths, (200, 10), strict=True):
        noise = np.random.default_rng(value).integers(0, 20, (64, 96, 3), np.uint8)
        cv2.imwrite(str(path), noise + np.uint8(value))
    return paths
