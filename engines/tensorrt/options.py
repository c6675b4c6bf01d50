"""The options of a build, spelled as those of trtexec."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from refinemask.configs.options import Option, check_options, flag
from refinemask.engines.tensorrt.flavours import FLAVOURS, Flavour
from refinemask.engines.tensorrt.profile import Shape, spelled
from refinemask.errors import WrongUsage

Shapes = tuple[tuple[str, Shape], ...]
"""Names of inputs, and a shape for each."""

_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_POOLS = {"workspace": "WORKSPACE", "tacticSharedMem": "TACTIC_SHARED_MEMORY"}


def read_shapes(text: str) -> Shapes:
    """Read shapes as trtexec does: `images:1x320x320x3,image_sizes:1x2`."""
    found = []
    for part in text.split(","):
        name, _, sizes = part.strip().rpartition(":")
        if not name or not re.fullmatch(r"\d{1,9}(x\d{1,9})*", sizes):
            raise WrongUsage(
                f"shapes are given as NAME:SIZExSIZE, such as images:1x800x1344x3, got {part!r}"
            )
        found.append((name, tuple(map(int, sizes.split("x")))))
    if len(dict(found)) != len(found):
        raise WrongUsage(f"the shapes {text!r} name an input twice; leave one out")
    return tuple(found)


def read_pools(text: str) -> tuple[tuple[str, int], ...]:
    """Read limits of memory as trtexec does, in MiB where there is no unit: `workspace:2G`."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"(\w+):(\d{1,15}(?:\.\d{1,6})?)([BKMG]?)", part.strip())
        if match is None or match[1] not in _POOLS:
            raise WrongUsage(
                f"--memory-pool-size is given as {' or '.join(_POOLS)}, a colon and a size, such "
                f"as workspace:2G, got {part!r}"
            )
        found.append((match[1], int(float(match[2]) * _UNITS[match[3] or "M"])))
    return tuple(found)


def _read_capabilities(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not re.fullmatch(r"\d{1,2}\.\d", name):
            raise WrongUsage(f"compute capabilities are given as 8.6,8.9, got {text!r}")
    return names


_SHAPES = Option(metavar="NAME:SHAPE,...", read=read_shapes)


@dataclass(frozen=True)
class BuildOptions:
    """How an engine is built, and for which shapes."""

    runtime: Annotated[str, Option(choices=tuple(FLAVOURS))]
    """What the engine is for. TensorRT-RTX builds without a GPU."""
    min_shapes: Annotated[Shapes | None, _SHAPES] = None
    """Smallest shapes of the dynamic inputs, such as images:1x320x320x3; default: from the
    artifact's limits."""
    opt_shapes: Annotated[Shapes | None, _SHAPES] = None
    """Shapes that the engine is tuned for; default: one image of the size that the model sees."""
    max_shapes: Annotated[Shapes | None, _SHAPES] = None
    """Largest shapes; default: four images of the model's longer side, squared."""
    memory_pool_size: Annotated[
        tuple[tuple[str, int], ...] | None, Option(metavar="POOL:SIZE,...", read=read_pools)
    ] = None
    """Limits of memory while running, in MiB or with K, M or G, such as workspace:2G."""
    builder_optimization_level: Annotated[int | None, Option(min=0, max=5)] = None
    """How long the builder searches for faster kernels; default: its own."""
    timing_cache: Annotated[Path | None, Option(metavar="FILE")] = None
    """File of measured times of kernels: read if it is there, and written, for TensorRT, whose
    next builds are faster."""
    hardware_compatibility: Literal["none", "ampere_plus", "same_compute_capability"] = "none"
    """Which other GPUs an engine of TensorRT runs on."""
    version_compatible: bool = False
    """Build an engine that later versions of TensorRT run as well. It contains the runtime of this
    one, which is code, so that opening it must be allowed."""
    compute_capabilities: Annotated[
        tuple[str, ...] | None, Option(metavar="8.6,8.9", read=_read_capabilities)
    ] = None
    """GPUs that an engine of TensorRT-RTX is for; default: all that it supports from 8.0 on."""
    strip_weights: bool = False
    """Leave out the weights, which are taken from the artifact when the engine is opened. Needs a
    GPU, also for TensorRT-RTX."""

    def __post_init__(self) -> None:
        check_options(self)
        others = {
            "--timing-cache": self.timing_cache is not None,
            "--hardware-compatibility": self.hardware_compatibility != "none",
            "--version-compatible": self.version_compatible,
        }
        if not self.flavour.portable:
            others = {"--compute-capabilities": bool(self.compute_capabilities)}
        if self.version_compatible and self.strip_weights:
            raise WrongUsage(
                "the runtime in an engine of --version-compatible takes no weights; leave out "
                "--strip-weights"
            )
        for name, given in others.items():
            if given:
                other = next(f for f in FLAVOURS.values() if f.portable != self.flavour.portable)
                raise WrongUsage(
                    f"{name} is an option of {other.title}, not of {self.flavour.title}; leave it "
                    f"out, or build with --runtime {other.name}"
                )

    @property
    def flavour(self) -> Flavour:
        """The TensorRT that is asked for."""
        return FLAVOURS[self.runtime]

    def settings(self) -> dict[str, Any]:
        """Return the settings of `worker.configure`, but for the cache of times."""
        flags = {"VERSION_COMPATIBLE": self.version_compatible, "STRIP_PLAN": self.strip_weights}
        return {
            "flags": [name for name, wanted in flags.items() if wanted],
            "memory_pools": {_POOLS[name]: size for name, size in self.memory_pool_size or ()},
            "level": self.builder_optimization_level,
            "hardware_compatibility": self.hardware_compatibility,
            "compute_capabilities": list(self.compute_capabilities or ()),
        }

    def words(self) -> tuple[str, ...]:
        """Return the options that decide what is built as words of the command line."""
        words: list[str] = []
        for name in ("min_shapes", "opt_shapes", "max_shapes"):
            shapes = [f"{input}:{spelled(shape)}" for input, shape in getattr(self, name) or ()]
            words += [flag(name), ",".join(shapes)] if shapes else []
        if self.memory_pool_size:
            pools = [f"{name}:{size}B" for name, size in self.memory_pool_size]
            words += ["--memory-pool-size", ",".join(pools)]
        if self.builder_optimization_level is not None:
            words += ["--builder-optimization-level", str(self.builder_optimization_level)]
        if self.hardware_compatibility != "none":
            words += ["--hardware-compatibility", self.hardware_compatibility]
        if self.compute_capabilities:
            words += ["--compute-capabilities", ",".join(self.compute_capabilities)]
        words += ["--version-compatible"] * self.version_compatible
        words += ["--strip-weights"] * self.strip_weights
        return tuple(words)
