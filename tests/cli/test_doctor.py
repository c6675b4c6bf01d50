"""What `refinemask doctor` reports of a whole, an empty and a broken installation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refinemask.inference import native
from tests.packaging.test_imports import NOT_IN_BASE


def doctor(*arguments: str, **environment: str) -> str:
    """Run the command in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "refinemask", "doctor", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "loading each runtime and library in a process of its own\n"
    return done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Return what the command says of this installation, as text and as JSON."""
    path = tmp_path_factory.mktemp("doctor") / "doctor.json"
    return doctor("--json", str(path)), json.loads(path.read_text())


def test_what_is_installed_works(whole):
    text, found = whole
    onnxruntime = found["runtimes"]["onnxruntime"]
    assert onnxruntime["installed"] and onnxruntime["problem"] is None
    assert "CPUExecutionProvider" in onnxruntime["details"]["providers"]
    assert {"portable", "static"} <= set(onnxruntime["forms"]["cpu"])
    for name in ("torch", "torch_compiled"):
        assert found["runtimes"][name]["forms"]["cpu"] == ["checkpoint"]
    assert f"ONNX Runtime {onnxruntime['version']}" in text
    assert found["setup"].keys() == {"command", "versions", "machine"}
    assert all(name in text for name in found["setup"]["machine"]["processor_features"])


@pytest.mark.parametrize("kind", native.STEMS)
def test_every_library_that_is_built_loads_in_its_runtimes(kind, whole):
    text, found = whole
    path, library = native.library(kind), found["libraries"][kind]
    assert library["path"] == (None if path is None else str(path))
    assert library["problems"] == {}
    assert all(library["loads"].values())
    assert f"lib{native.STEMS[kind]}.so" in text


def test_fused_artifacts_need_the_library(whole):
    _, found = whole
    for runtime, kind in (("onnxruntime", "ort"), ("openvino", "openvino")):
        state = found["runtimes"][runtime]
        if state["installed"]:
            there = found["libraries"][kind]["path"] is not None
            assert ("fused" in state["forms"]["cpu"]) is there


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a base installation with an OpenVINO and a library that crash."""
    absent = {*NOT_IN_BASE, "tensorrt", "tensorrt_rtx_bindings"} - {"openvino"}
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({sorted(absent)}))"
    )
    (tmp_path / "openvino.py").write_text("import os\nos.abort()")
    libraries = tmp_path / "lib"
    libraries.mkdir()
    (libraries / "librefinemask.so").write_text("not a library")
    (libraries / "librefinemask_torch.so").write_text("not a library either")
    return {"PYTHONPATH": str(tmp_path), "REFINEMASK_LIBRARY_DIR": str(libraries)}


def test_a_crash_is_a_line_and_what_is_missing_a_command(broken):
    text = doctor(**broken)
    assert "problem: loading it ended the process by SIGABRT" in text
    assert "ONNX Runtime" in text and "  pip install 'refinemask[runtime]'\n" in text
    assert "invalid ELF header" in text or "file too short" in text
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line.startswith("lib")]
    states = dict(rows)
    assert states["librefinemask.so"].endswith("does not load in Python")
    assert states["librefinemask_torch.so"].endswith("nothing that loads it works here")
    assert states["librefinemask_ort.so"].endswith("missing")
    assert f"  {native.BUILD_COMMAND}\n" in text


def test_it_is_reported_as_json_too(broken):
    found = json.loads(doctor("--json", "-", **broken))
    installed = {name for name, one in found["runtimes"].items() if one["installed"]}
    assert installed == {"openvino"}
    assert found["runtimes"]["openvino"]["forms"] == {}
    commands = {one["command"] for one in found["missing"]}
    assert {"pip install 'refinemask[torch]'", native.BUILD_COMMAND} <= commands
    (libraries,) = [m["what"] for m in found["missing"] if m["command"] == native.BUILD_COMMAND]
    assert "librefinemask.so, librefinemask_openvino.so" in libraries
