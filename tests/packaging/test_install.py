"""What a user gets from each kind of install, with no network."""

import os
import shutil
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module", params=INSTALLS)
def install(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Install a copy of this checkout in an environment that borrows our dependencies."""
    folder = tmp_path_factory.mktemp(request.param)
    checkout = folder / "checkout"
    made = shutil.ignore_patterns(
        ".*", "build", "dist", "demo", "runs", "*.egg-info", "__pycache__", "tests"
    )
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
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


def run(command: list[str | Path], folder: Path) -> str:
    """Run `command` in `folder` and return its standard output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def package_files(package: Path) -> set[str]:
    """Return the files that belong to the package, through its links."""
    kept = (".py", ".safetensors", ".md", ".txt")
    return {
        str(Path(folder, name).relative_to(package))
        for folder, _, names in os.walk(package, followlinks=True)
        for name in names
        if name.endswith(kept) and "__pycache__" not in folder
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
    assert package.is_relative_to(install.checkout.parent)
    expected = package_files(install.checkout / "refinemask")
    assert {"export/__main__.py", "engines/onnxruntime.py", "benchmarks/__init__.py"} <= expected
    assert expected <= package_files(package)
