"""What a user gets from each kind of install, with no network."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from refinemask.console import EXTRAS

ROOT = Path(__file__).resolve().parents[2]

INSTALLS = {
    "lenient": ["--editable"],
    "strict": ["--config-settings", "editable_mode=strict", "--editable"],
    "wheel": [],
}


@dataclass(frozen=True)
class Install:
    """An environment in which a checkout is installed."""

    checkout: Path
    environment: Path

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"


QUICK_BUILD = {
    "CMAKE_BUILD_TYPE": "Debug",
    "REFINEMASK_OPENVINO": "OFF",
    "REFINEMASK_TORCH": "OFF",
}
HEADERS = ROOT / "build" / "headers" / "onnxruntime"
"""Fetched when this checkout was built; without them the operator library is left out."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy this checkout; its native libraries are built once, for all kinds of install.

    Of these, the ones for OpenVINO and PyTorch, which take long to compile, are left out: they are
    built by the same command, in this checkout.
    """
    copy = tmp_path_factory.mktemp("copy") / "checkout"
    made = shutil.ignore_patterns(
        ".*", "build", "dist", "demo", "runs", "*.egg-info", "__pycache__", "tests", "lib"
    )
    shutil.copytree(ROOT, copy, symlinks=True, ignore=made)
    cache = copy / "build" / "setup" / "CMakeCache.txt"
    cache.parent.mkdir(parents=True)
    cache.write_text("".join(f"{name}:STRING={value}\n" for name, value in QUICK_BUILD.items()))
    return copy


@pytest.fixture(scope="module", params=INSTALLS)
def install(
    request: pytest.FixtureRequest, checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> Install:
    """Install the checkout in an environment that borrows our dependencies."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = folder / "environment"
    venv.EnvBuilder(symlinks=True).create(environment)
    result = Install(checkout, environment)
    # A .pth line adds a folder, but not the .pth files in it: our own editable install stays out.
    site = subprocess.check_output(
        [result.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    pip = ["-m", "pip", "install", "--quiet", *offline, *INSTALLS[request.param]]
    run([result.python, *pip, checkout], folder)
    return result


def run(command: list[str | Path], folder: Path, **variables: str) -> str:
    """Run `command` in `folder` and return its standard output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean.pop("REFINEMASK_LIBRARY_DIR", None)
    # Compiled for CUDA once is enough: where this checkout itself was built.
    clean |= {"REFINEMASK_NATIVE": "auto", "REFINEMASK_CUDA": "0", "ONNXRUNTIME_ROOT": str(HEADERS)}
    clean |= variables
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


LEFT_OUT = {"__pycache__", "deeplab_training"}
"""Folders inside the package that wheels do not contain."""


def package_files(package: Path) -> set[str]:
    """Return the files that belong to the package, through its links."""
    kept = (".py", ".typed", ".safetensors", ".md", ".txt", ".json", ".jinja", ".css")
    return {
        str(Path(folder, name).relative_to(package))
        for folder, _, names in os.walk(package, followlinks=True)
        for name in names
        if name.endswith(kept) and not LEFT_OUT & set(Path(folder).parts)
    }


@pytest.mark.parametrize("place", ["root", "elsewhere"])
@pytest.mark.parametrize("module", ["refinemask", "refinemask.export"])
def test_modules_run_from_anywhere(
    install: Install, module: str, place: str, tmp_path: Path
) -> None:
    folder = install.checkout if place == "root" else tmp_path
    text = run([install.python, "-m", module, "--help"], folder)
    program = "refinemask" if module == "refinemask" else "refinemask-export"
    assert text.startswith(f"Usage: {program} [OPTIONS]")


@pytest.mark.parametrize("program", ["refinemask", "refinemask-export"])
def test_programs_are_installed(install: Install, program: str, tmp_path: Path) -> None:
    text = run([install.environment / "bin" / program, "--help"], tmp_path)
    assert text.startswith(f"Usage: {program} [OPTIONS]")


def test_every_file_is_installed(install: Install, tmp_path: Path) -> None:
    code = "import refinemask; print(refinemask.__file__)"
    package = Path(run([install.python, "-c", code], tmp_path).strip()).parent
    folders = (install.checkout, install.environment)
    assert any(package.is_relative_to(folder) for folder in folders)
    expected = package_files(install.checkout / "refinemask")
    assert {"export/__main__.py", "engines/base.py", "benchmarks/__init__.py"} <= expected
    assert {"py.typed", "benchmarks/report/templates/report.html.jinja"} <= expected
    assert "benchmarks/suite/layout.json" in expected
    assert expected <= package_files(package)


LIBRARIES = """
from pathlib import Path
import numpy as np
from refinemask.inference import native, pasting
native.require("runtime", "this test")
assert pasting.paste_mask(np.ones((2, 2)), np.array([0, 0, 9, 9]), 9, 9)[4, 4]
print(native.library("runtime"))
print(native.library("ort"))
"""


def test_native_libraries_are_installed(install: Install, tmp_path: Path) -> None:
    runtime, operators = map(Path, run([install.python, "-c", LIBRARIES], tmp_path).split())
    folders = (install.checkout, install.environment)
    assert any(runtime.is_relative_to(folder) for folder in folders)
    if HEADERS.is_dir():
        assert operators == runtime.with_name("librefinemask_ort.so")


def build_wheel(checkout: Path, folder: Path, **variables: str) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    run([*command, "--no-build-isolation", "--wheel-dir", folder, checkout], folder, **variables)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_extras_in_error_messages_exist(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_with_libraries_is_of_this_platform(checkout: Path, tmp_path: Path) -> None:
    wheel = build_wheel(checkout, tmp_path)
    platform = sysconfig.get_platform().replace("-", "_")
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    names = names_in(wheel)
    assert {"refinemask/__init__.py", "refinemask/lib/librefinemask.so"} <= names


def test_wheel_without_libraries_is_of_any_platform(checkout: Path, tmp_path: Path) -> None:
    wheel = build_wheel(checkout, tmp_path, REFINEMASK_NATIVE="0")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names_in(wheel) if name.endswith(".so")]


def test_what_trains_the_baseline_runs_in_a_checkout_only(checkout: Path, tmp_path: Path) -> None:
    module = "refinemask.benchmarks.figure1.deeplab_training"
    text = run([sys.executable, "-m", module, "--help"], checkout)
    assert text.startswith(f"Usage: python -m {module}")
    names = names_in(build_wheel(checkout, tmp_path, REFINEMASK_NATIVE="0"))
    assert "refinemask/benchmarks/figure1/deeplab.py" in names
    assert not [name for name in names if "deeplab_training" in name]


NO_COMPILER = {"CXX": "/nonexistent/c++"}


def copy_without_build(checkout: Path, folder: Path) -> Path:
    copy = folder / "checkout"
    made = shutil.ignore_patterns("build", "lib", "*.egg-info")
    shutil.copytree(checkout, copy, symlinks=True, ignore=made)
    return copy


def test_a_failed_build_leaves_a_pure_package(checkout: Path, tmp_path: Path) -> None:
    copy = copy_without_build(checkout, tmp_path)
    wheel = build_wheel(copy, tmp_path, **NO_COMPILER)
    assert wheel.name.endswith("-py3-none-any.whl")


def test_a_failed_build_is_an_error_if_asked_for(checkout: Path, tmp_path: Path) -> None:
    copy = copy_without_build(checkout, tmp_path)
    with pytest.raises(AssertionError, match="the native libraries could not be built"):
        build_wheel(copy, tmp_path, REFINEMASK_NATIVE="1", **NO_COMPILER)
    with pytest.raises(
        AssertionError, match=r"no onnxruntime_cxx_api\.h below /nonexistent, which"
    ):
        build_wheel(copy, tmp_path, REFINEMASK_NATIVE="1", ONNXRUNTIME_ROOT="/nonexistent")
    with pytest.raises(AssertionError, match="REFINEMASK_NATIVE must be auto, 0 or 1, got 'yes'"):
        build_wheel(copy, tmp_path, REFINEMASK_NATIVE="yes")


def test_source_distribution_has_the_plugins(checkout: Path, tmp_path: Path) -> None:
    run([sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", tmp_path], checkout)
    (archive,) = tmp_path.glob("*.tar.gz")
    listed = run(["tar", "-tzf", archive], tmp_path).splitlines()
    inside = {name.partition("/")[2] for name in listed}
    plugins = checkout / "plugins"
    expected = {
        str(path.relative_to(checkout))
        for path in plugins.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"plugins/CMakeLists.txt", "plugins/kernels/host_device.h"} <= expected
    assert expected <= inside
