"""What the tests of commands share."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    return path
