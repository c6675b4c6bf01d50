"""The native libraries of RefineMask Deploy; its metadata is in pyproject.toml.

CMake builds `plugins/` into `refinemask/lib`. Environment variables say how much:

    REFINEMASK_NATIVE   auto: what can be built, the package works without; 1: a failure is an
                        error; 0: nothing
    REFINEMASK_CUDA     the same for what has CUDA kernels, which need nvcc
    REFINEMASK_WHEEL    1: a wheel for other machines, of what has been built already; libraries
                        with CUDA kernels have a wheel of their own (plugins/build_wheels.py), and
                        that for PyTorch, whose operators run without it too, is left out
"""

import importlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

LIBRARIES = Path("refinemask", "lib")
WITH_CUDA = (
    "refinemask_cuda",
    "refinemask_ort_cuda",
    "refinemask_torch",
    "refinemask_trt",
    "refinemask_trt_auto",
)
BUILD_TREE = Path("build", "setup")  # kept: the next build compiles only what has changed


def switch(name: str) -> str:
    """Return the value of an environment variable that is auto, 0 or 1."""
    value = os.environ.get(name, "auto")
    if value not in ("auto", "0", "1"):
        raise SystemExit(f"{name} must be auto, 0 or 1, got {value!r}")
    return value


class BuildNative(Command):
    """Build the native libraries into `refinemask/lib` and copy them into the wheel."""

    description = "build the native libraries with CMake"
    user_options: ClassVar = [
        ("build-lib=", None, "folder that the package is copied to"),
        ("inplace", "i", "build into refinemask/lib and copy nothing"),
    ]
    boolean_options: ClassVar = ["inplace"]
    editable_mode = False  # set by setuptools, for both kinds of editable install
    build_lib: str | None

    def initialize_options(self) -> None:
        self.build_lib = None
        self.inplace = False

    def finalize_options(self) -> None:
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        native, cuda = switch("REFINEMASK_NATIVE"), switch("REFINEMASK_CUDA")
        if native != "0" and switch("REFINEMASK_WHEEL") != "1":
            try:
                build_libraries(native == "1", cuda)
            except (OSError, subprocess.CalledProcessError) as error:
                if "1" in (native, cuda):
                    raise SystemExit(f"the native libraries could not be built: {error}") from error
                logging.warning("the native libraries are left out: %s", error)
        if not (self.editable_mode or self.inplace):
            target = Path(self.build_lib, LIBRARIES)
            shutil.rmtree(target, ignore_errors=True)  # an earlier build's
            for library in built_libraries():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(library, target)

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs of `plugins/`."""
        files = Path("plugins").rglob("*")
        return sorted(str(f) for f in files if f.is_file() and "__pycache__" not in f.parts)

    def get_outputs(self) -> list[str]:
        return [str(Path(self.build_lib, library)) for library in built_libraries()]

    def get_output_mapping(self) -> dict[str, str]:
        """Return what an editable install links to instead of copying it."""
        if not self.editable_mode:
            return {}
        return {str(Path(self.build_lib, library)): str(library) for library in built_libraries()}


def built_libraries() -> list[Path]:
    """Return the libraries that belong into the package, relative to the repository."""
    if switch("REFINEMASK_NATIVE") == "0":
        return []
    left_out = WITH_CUDA if switch("REFINEMASK_WHEEL") == "1" else ()
    found = sorted(LIBRARIES.glob("*.so"))
    return [library for library in found if library.stem.removeprefix("lib") not in left_out]


def build_libraries(strict: bool, cuda: str) -> None:
    """Build what can be built; remove from `refinemask/lib` what cannot.

    Raises:
        OSError: there is no CMake.
        subprocess.CalledProcessError: the configuration failed, or with `strict` a compiler did.
    """
    cmake, ninja = program("cmake", "CMAKE_BIN_DIR"), program("ninja", "BIN_DIR")
    if cmake is None:
        raise FileNotFoundError("cmake was not found; install it with: pip install cmake ninja")
    modes = {"auto": "AUTO", "0": "OFF", "1": "ON"}
    options = {
        "REFINEMASK_ORT": "ON" if strict else "AUTO",
        "REFINEMASK_RUNTIME": "ON" if strict else "AUTO",
        "REFINEMASK_CUDA": modes[cuda],
        "Python3_EXECUTABLE": sys.executable,
    }
    configure = [cmake, "-S", "plugins", "-B", str(BUILD_TREE)]
    if ninja is not None:  # By its path: it may lie in an environment made for this build alone.
        configure += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    subprocess.run([*configure, *(f"-D{k}={v}" for k, v in options.items())], check=True)
    names = (BUILD_TREE / "libraries.txt").read_text(encoding="utf-8").split()
    for library in built_libraries():
        if library.stem.removeprefix("lib") not in names:
            library.unlink()
    for name in names:
        command = [cmake, "--build", str(BUILD_TREE), "--parallel", str(os.cpu_count() or 1)]
        try:
            subprocess.run([*command, "--target", name], check=True)
        except subprocess.CalledProcessError:
            if strict or (cuda == "1" and name in WITH_CUDA):
                raise
            Path(LIBRARIES, f"lib{name}.so").unlink(missing_ok=True)
            logging.warning("%s is left out: it does not compile here", name)


def program(name: str, folder: str) -> str | None:
    """Return the path of a program from the Python package of its name, or else on the PATH."""
    try:
        inside = Path(getattr(importlib.import_module(name), folder), name)
    except (ImportError, AttributeError):
        inside = None
    return str(inside) if inside is not None and inside.is_file() else shutil.which(name)


class Build(build):
    """The build of the package, native libraries included."""

    sub_commands: ClassVar = [*build.sub_commands, ("build_native", None)]


class Wheel(bdist_wheel):
    """A wheel for every Python 3: of this platform if it holds libraries, else of all."""

    def run(self) -> None:
        self.run_command("build_native")
        self.root_is_pure = not built_libraries()
        # Asked where the files of the package go: beside each other, in what depends on a platform.
        self.distribution.has_ext_modules = lambda: not self.root_is_pure
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", "any" if self.root_is_pure else super().get_tag()[2])


setup(cmdclass={"build": Build, "build_native": BuildNative, "bdist_wheel": Wheel})
