"""Fixtures that every test may use."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.shared_files import shared_in

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

if "PYTEST_XDIST_WORKER" in os.environ:  # before PyTorch: the workers share the CPU cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what is in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("tests", deadline=None)  # a slow machine is not an error
settings.load_profile("tests")


SLOWEST_FIRST = ("export", "tensorrt", "examples", "packaging", "training", "engines")
"""Folders whose files take longest; any of them at the end would leave other processes idle."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest folders first, and skip OpenVINO where oneDNN is restricted to SSE 4.1.

    OpenVINO has its own oneDNN, which obeys PyTorch's variable but cannot compile every layer then.
    """
    items.sort(key=_place)
    if os.environ.get("ONEDNN_MAX_CPU_ISA") == "SSE41":
        skip = pytest.mark.skip(reason="OpenVINO does not compile with ONEDNN_MAX_CPU_ISA=SSE41")
        for item in items:
            if "openvino" in item.name:
                item.add_marker(skip)


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
    return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the processes of the run shared: after a failure, too, when pytest keeps more."""
    if not hasattr(session.config, "workerinput"):  # not in the processes of pytest-xdist
        base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        shutil.rmtree(shared_in(base), ignore_errors=True)


def shared_folder() -> Path:
    return Path(os.environ.get("REFINEMASK_SHARED") or ROOT.parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of golden vectors and data: $REFINEMASK_SHARED, else beside the checkout.

    Without it the test skips, but on CI, where it must be there, the test fails.
    """
    folder = shared_folder()
    if folder.is_dir():
        return folder
    reason = f"no shared folder at {folder}; set REFINEMASK_SHARED to where it is"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder of golden vectors: all of them, or the subset in the repository."""
    folder = shared_folder() / "golden"
    return folder if folder.is_dir() else Path(__file__).parent / "golden" / "subset"


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bright picture, of which the toy artifact finds the top left quarter."""
    path = tmp_path_factory.mktemp("picture") / "bright.ppm"
    path.write_bytes(b"P6\n96 64\n255\n" + bytes([200]) * (64 * 96 * 3))
    return path
