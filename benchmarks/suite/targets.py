"""The targets of the suite: what was asked for, what was found, and whether that is enough."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from refinemask.benchmarks.suite.latency import FEW, MANY
from refinemask.engines.runtimes import RUNTIMES

AT_MOST, AT_LEAST = "at most", "at least"
RATIOS = {
    "exact": {str(MANY): 1.6, str(FEW): 1.42},
    "adaptive depth": {str(MANY): 1.45, str(FEW): 1.3},
    "lite": {str(MANY): 1.15, str(FEW): 1.15},
}
"""RefineMask over Mask R-CNN by the variant of its export and the number of boxes."""
STEEPER = 1.1
"""What `growth` may be of a curve that is a line but for noise."""


@dataclass(frozen=True)
class Target:
    """One figure and its limit.

    Attributes:
        number: in the list of targets; several figures may belong to one.
        what: was measured.
        where: runtime, or other subject.
        bound: `AT_MOST` or `AT_LEAST`.
        limit: that is allowed.
        found: that was measured.
    """

    number: int
    what: str
    where: str
    bound: str
    limit: float
    found: float

    @property
    def met(self) -> bool:
        """Whether the figure is within the limit."""
        return self.found <= self.limit if self.bound == AT_MOST else self.found >= self.limit

    @property
    def verdict(self) -> str:
        """Met, or missed by how much."""
        if self.met:
            return "met"
        return f"missed by {abs(self.found - self.limit) / self.limit:.0%}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {"met": self.met, "verdict": self.verdict}


def targets(results: Mapping[str, Mapping[str, Any]]) -> list[Target]:
    """Compare results with the targets.

    Args:
        results: of `latency`, `peers` and `scaling` by name, as far as they were measured.
    """
    found = [
        *_latency(results.get("latency", {})),
        *_peers(results.get("peers", {})),
        *_scaling(results.get("scaling", {})),
    ]
    return sorted(found, key=lambda target: target.number)


def _latency(result: Mapping[str, Any]) -> Iterator[Target]:
    for name, found in result.get("runtimes", {}).items():
        runtime = RUNTIMES[name].title
        refinemask, maskrcnn = found["peak_memory_bytes"]
        branch, profile = found["mask_branch"]["speed_up"], found["profile"][refinemask]
        yield Target(1, "mask branch, times faster by the rewrites", runtime, AT_LEAST, 1.6, branch)
        for variant, of_variant in found["ratios"].items():
            for count, one in of_variant.items():
                what = f"RefineMask over Mask R-CNN, {variant}, {count} detections"
                limit, predicted = RATIOS[variant][count], one["ratio"] / one["counted"]
                yield Target(2, what, runtime, AT_MOST, limit, one["ratio"])
                what = f"that over what multiply-adds predict, {variant}, {count} detections"
                yield Target(2, what, runtime, AT_MOST, 1.1, predicted)
        share = profile["gflops"] / result["ceiling"]["best"]
        yield Target(4, "share of the machine's ceiling", runtime, AT_LEAST, 0.8, share)
        share = found["around"][refinemask]["share"]
        yield Target(5, "pre- and postprocessing over inference", runtime, AT_MOST, 0.03, share)
        memory = found["peak_memory_bytes"]
        ratio = memory[refinemask] / memory[maskrcnn]
        yield Target(6, "peak memory over Mask R-CNN's", runtime, AT_MOST, 1.2, ratio)


def _peers(result: Mapping[str, Any]) -> Iterator[Target]:
    ours = {
        name.removeprefix("RefineMask, "): one["ratio"]
        for name, one in result.get("ratios", {}).items()
        if name.startswith("RefineMask, ") and "PyTorch" not in name
    }
    if ours:
        best = min(ours, key=ours.__getitem__)
        what = "RefineMask over torchvision's Mask R-CNN in PyTorch"
        yield Target(3, what, best, AT_MOST, 0.78, ours[best])


def _scaling(result: Mapping[str, Any]) -> Iterator[Target]:
    for what in ("boxes", "pixels"):
        for name, steeper in result.get(what, {}).get("growth", {}).items():
            yield Target(
                7,
                f"time of the most {what} over the line through others",
                name,
                AT_MOST,
                STEEPER,
                steeper,
            )


def markdown(found: Sequence[Target]) -> str:
    """Return the targets as a table in Markdown."""
    rows = [
        f"| {one.number} | {one.what} | {one.where} | {one.bound} {one.limit:g} "
        f"| {one.found:.3g} | {one.verdict if one.met else f'**{one.verdict}**'} |"
        for one in found
    ]
    head = ("| | Target | Where | Limit | Found | |", "|---|---|---|---|---|---|")
    return "\n".join([*head, *rows])
