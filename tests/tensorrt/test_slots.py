"""The tables of plugins/runtime/tensorrt_slots.h are those of the installed TensorRT-RTX."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.conftest import ROOT
from tests.tensorrt.conftest import require_rtx

pytestmark = pytest.mark.tensorrt

_ROW = re.compile(r"X\((\w+), (-?\d+), (-?\d+), (-?\d+)\)")


def expected(column: int) -> dict[str, int]:
    text = (ROOT / "plugins/runtime/tensorrt_slots.h").read_text(encoding="utf-8")
    return {row[0]: int(row[column]) for row in _ROW.findall(text)}


def test_tensorrt_rtx():
    require_rtx()
    slots = expected(3)
    callbacks = [slots.pop(name) for name in ("loggerLog", "allocatorReallocate")]
    callbacks.append(slots.pop("allocatorNotifyShape"))
    command = [sys.executable, "-m", "tests.tensorrt.slots", "tensorrt_rtx_bindings"]
    done = subprocess.run(
        [*command, *map(str, callbacks)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["entries"] == slots
    assert found["answered"] == [[1, "hello"], ["boxes", 0, 100, 256, 77], ["boxes", 3, 4]]


def test_the_installed_release_is_one_that_the_library_takes():
    require_rtx()
    text = (ROOT / "plugins/runtime/tensorrt_interface.cpp").read_text(encoding="utf-8")
    ((major, first, last),) = re.findall(r"kTensorRtx, (\d+), (\d+), (\d+),", text)
    here = [int(part) for part in version("tensorrt-rtx-cu13-bindings").split(".")]
    assert here[0] == int(major) and int(first) <= here[1] <= int(last)
