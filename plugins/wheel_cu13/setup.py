"""The version of refinemask-plugins-cu13, which is that of refinemask, and the tag of its wheel."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

VERSION_FILE = Path(__file__).resolve().parents[2] / "refinemask" / "version.py"
VERSION = runpy.run_path(str(VERSION_FILE))["__version__"]


class Wheel(bdist_wheel):
    """A wheel for every Python 3 of this platform."""

    def finalize_options(self) -> None:
        self.distribution.has_ext_modules = lambda: True
        super().finalize_options()

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


setup(
    version=VERSION,
    install_requires=[f"refinemask=={VERSION}"],
    cmdclass={"bdist_wheel": Wheel},
)
