"""What the tests of images share."""

import numpy as np
import pytest


@pytest.fixture
def photo():
    """Smooth enough for JPEG, with distinct corners and channels."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([4 * x, 5 * y, 200 - 2 * x - y], 2).astype(np.uint8)
