"""TensorRT and TensorRT-RTX: what their packages are called, and where they differ."""

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Flavour:
    """One of the two.

    Attributes:
        name: its name as a runtime, in options.
        title: its name in prose.
        module: its Python interface.
        distributions: the packages on PyPI, of which one is installed, whose version is its own.
        extra: the extra of this package that installs it.
        portable: whether an engine runs on every GPU it supports, and fits one release of it
            exactly; else it fits the GPU it was built on.
    """

    name: str
    title: str
    module: str
    distributions: tuple[str, ...]
    extra: str
    portable: bool

    def require(self) -> None:
        """Raise RefineMaskError unless it is installed; it is not imported, as it may abort."""
        if find_spec(self.module) is None:
            raise RefineMaskError(
                f"{self.title} is not installed; pip install 'refinemask[{self.extra}]'"
            )

    def version(self) -> str:
        """Return the version that is installed.

        Raises:
            RefineMaskError: none is.
        """
        self.require()
        for name in self.distributions:
            try:
                return version(name)
            except PackageNotFoundError:
                continue
        raise RefineMaskError(
            f"{self.title} is installed, but none of the packages {', '.join(self.distributions)}, "
            f"which have its version; pip install 'refinemask[{self.extra}]'"
        )

    def environment(self, folder: Path) -> dict[str, str]:
        """Return what the environment of a process that loads it needs.

        The ONNX parser of TensorRT-RTX looks for libtensorrt_rtx.so, while the package has only
        libtensorrt_rtx.so.1. A link of the first name, which is made in `folder`, makes up for it.
        """
        found = find_spec("tensorrt_rtx_libs") if self.portable else None
        if found is None or found.origin is None:
            return {}
        link = folder / "libtensorrt_rtx.so"
        link.symlink_to(Path(found.origin).parent / f"{link.name}.1")
        places = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
        return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, places))}


TENSORRT = Flavour(
    "tensorrt",
    "TensorRT",
    "tensorrt",
    ("tensorrt", "tensorrt-cu13", "tensorrt-cu12"),
    "tensorrt",
    portable=False,
)
TENSORRT_RTX = Flavour(
    "tensorrt_rtx",
    "TensorRT-RTX",
    "tensorrt_rtx_bindings",
    ("tensorrt-rtx-cu13-bindings", "tensorrt-rtx"),
    "tensorrt-rtx",
    portable=True,
)
FLAVOURS = {flavour.name: flavour for flavour in (TENSORRT, TENSORRT_RTX)}
