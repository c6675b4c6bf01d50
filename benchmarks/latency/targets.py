"""Targets of `bench` and `report`: an artifact or a checkpoint, and the runtime that runs it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refinemask import engines
from refinemask.engines.runtimes import find_runtime, runtime_names
from refinemask.engines.tensorrt.record import ENGINE_SUFFIXES, read_record
from refinemask.errors import RefineMaskError
from refinemask.printable import one_line


@dataclass(frozen=True)
class Target:
    """A file, or the name of a shipped model, and its runtime."""

    path: str
    runtime: str

    def __str__(self) -> str:
        return f"{self.path}@{self.runtime}"

    def open(self, device: str = "cpu", threads: int | None = None) -> engines.Engine:
        """Open the engine; see `refinemask.engines.open`."""
        return engines.open(self.path, self.runtime, device, threads)

    @property
    def runs_in_pytorch(self) -> bool:
        """Whether it is a checkpoint or a shipped model."""
        return find_runtime(self.runtime).runs_checkpoints

    def file(self) -> Path:
        """Return the artifact or checkpoint, also of a shipped model.

        Raises:
            RefineMaskError: the checkpoint does not exist.
        """
        if not self.runs_in_pytorch:
            return Path(self.path)
        from refinemask.checkpoints.shipped import find_checkpoint

        return find_checkpoint(self.path)


def parse_target(text: str, runtime: str) -> Target:
    """Parse `FILE[@RUNTIME]`; `runtime` is the default, but for engines, which have one.

    Raises:
        RefineMaskError: the part after the @ is not a runtime, or an engine is not as it was built.
    """
    path, separator, suffix = text.rpartition("@")
    if separator and path and suffix.partition(":")[0] in engines.RUNTIMES:
        find_runtime(suffix)
        return Target(path, suffix)
    if separator and not {"/", "."} & set(suffix) and not Path(text).exists():
        raise RefineMaskError(
            f"unknown runtime {suffix!r} in {text!r}; write FILE@RUNTIME with one of "
            f"{runtime_names()}"
        )
    if Path(text).suffix in ENGINE_SUFFIXES:
        return Target(text, read_record(Path(text)).runtime)
    return Target(text, runtime)


def target_names(targets: Sequence[Target], presets: Sequence[str]) -> list[str]:
    """Return a short name for each target, different from the others.

    Args:
        targets: the targets.
        presets: the preset of each target's model.
    """
    candidates = (
        list(presets),
        [f"{preset} {one.runtime}" for preset, one in zip(presets, targets, strict=True)],
        [one_line(f"{Path(one.path).stem} {one.runtime}") for one in targets],
    )
    distinct = (names for names in candidates if max(Counter(names).values()) == 1)
    return next(distinct, [one_line(str(one)) for one in targets])
