"""Make wheels for other machines of the libraries that are in refinemask/lib (`make wheel`).

    python plugins/build_wheels.py [--output dist]

writes that of refinemask, with the libraries of the CPU, and that of refinemask-plugins-cu13, with
those that have CUDA kernels, and prints their paths. auditwheel chooses the tag of each: that of
the oldest glibc which has all that the libraries ask for.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ROOT / "refinemask" / "lib"
CPU_LIBRARIES = ("refinemask", "refinemask_deepstream", "refinemask_openvino", "refinemask_ort")
CUDA_LIBRARIES = (
    "refinemask_cuda",
    "refinemask_ort_cuda",
    "refinemask_trt",
    "refinemask_trt_auto",
)
CUDA_MAJOR = "13"
HOST_LIBRARIES = ("libopenvino*.so*", "libtbb.so*")
"""Those that a process with OpenVINO has loaded before ours."""


class WheelError(Exception):
    """Why a wheel cannot be made."""


def main() -> int:
    """Make both wheels, or the first alone where the other cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the wheels")
    output = parser.parse_args().output.resolve()
    try:
        if find_spec("auditwheel") is None:
            raise WheelError("auditwheel is not installed; install it with: pip install auditwheel")
        check_built(CPU_LIBRARIES)
        print(make_wheel(ROOT, output))  # noqa: T201
    except WheelError as error:
        print(f"no wheel of refinemask: {error}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        check_cuda()
        check_built(CUDA_LIBRARIES)
        print(make_wheel(ROOT / "plugins" / "wheel_cu13", output))  # noqa: T201
    except WheelError as error:
        print(f"no wheel of refinemask-plugins-cu13: {error}", file=sys.stderr)  # noqa: T201
    return 0


def check_built(names: tuple[str, ...]) -> None:
    """Check that the libraries are there.

    Raises:
        WheelError: one is not.
    """
    missing = [f"lib{name}.so" for name in names if not (LIBRARIES / f"lib{name}.so").is_file()]
    if missing:
        raise WheelError(
            f"{', '.join(missing)} not in {LIBRARIES}; build with: make native "
            "(what it leaves out, and why, is in its output)"
        )


def check_cuda() -> None:
    """Check that the CUDA libraries are built for the CUDA of the wheel's name.

    Raises:
        WheelError: there is no nvcc, or it is of another major version.
    """
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if nvcc is None:
        raise WheelError("nvcc was not found; put it on the PATH or name it in CUDACXX")
    said = run([nvcc, "--version"], ROOT)
    release = re.search(r"release (\d+)\.", said)
    if release is None or release[1] != CUDA_MAJOR:
        raise WheelError(f"{nvcc} must be of CUDA {CUDA_MAJOR}, it says: {said.strip()}")


def make_wheel(project: Path, output: Path) -> Path:
    """Make the wheel of a project and return its path.

    Raises:
        WheelError: a program failed; it says which, and what that printed.
    """
    with tempfile.TemporaryDirectory(prefix="refinemask-wheel-") as folder:
        # Apart from build/: what an earlier build left there would be in the wheel.
        build = ["build", "--build-base", f"{folder}/build", "egg_info", "--egg-base", folder]
        wheel = ["bdist_wheel", "--bdist-dir", f"{folder}/bdist", "--dist-dir", f"{folder}/dist"]
        run([sys.executable, "setup.py", "--quiet", *build, *wheel], project)
        (raw,) = Path(folder, "dist").glob("*.whl")
        audit = ["repair", "--plat", "auto", "--patcher", "none", "--wheel-dir", f"{folder}/tagged"]
        excluded = [f"--exclude={name}" for name in HOST_LIBRARIES]
        run([sys.executable, "-m", "auditwheel", *audit, *excluded, str(raw)], project)
        (tagged,) = Path(folder, "tagged").glob("*.whl")
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(tagged, output))


def run(command: list[str], folder: Path) -> str:
    """Run a program in a folder and return its standard output.

    Raises:
        WheelError: it cannot be started, or failed.
    """
    environment = {**os.environ, "REFINEMASK_WHEEL": "1", "REFINEMASK_NATIVE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise WheelError(str(error)) from error
    if done.returncode != 0:
        raise WheelError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
