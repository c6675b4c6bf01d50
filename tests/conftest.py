"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of golden vectors and data: $REFINEMASK_SHARED, else beside the checkout.

    Without it the test skips, but on CI, where it must be there, the test fails.
    """
    folder = Path(os.environ.get("REFINEMASK_SHARED") or ROOT.parent / "shared")
    if folder.is_dir():
        return folder
    reason = f"no shared folder at {folder}; set REFINEMASK_SHARED to where it is"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
