"""What the commands of the suite share: scenes, networks, and the head of their results."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from refinemask.benchmarks.suite import graphs
from refinemask.benchmarks.suite.candidates import GraphNetwork
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.layout import SEED, Scene, scenes
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.benchmarks.suite.timing import warnings
from refinemask.inference.artifact import Artifact
from refinemask.inference.sizes import DIVISOR, padded_side

Note = Callable[[str], None]
TURNS, QUICK_TURNS = 20, 2


class Session:
    """One command of the suite.

    Attributes:
        options: see `SuiteOptions`.
        note: called with a line of text now and then.
        refinemask: the exported RefineMask, in the form fused.
        maskrcnn: Mask R-CNN likewise.
        turns: measured ones of each candidate.
    """

    def __init__(self, options: SuiteOptions, note: Note, max_turns: int | None = None) -> None:
        """Begin; at most `max_turns` are measured, and as many by default."""
        self.options, self.note = options, note
        turns = options.iterations or (QUICK_TURNS if options.quick else max_turns or TURNS)
        self.turns = min(turns, max_turns or turns)
        self.refinemask, self.maskrcnn = map(Graph, options.presets)
        self._load_average = os.getloadavg()[0]

    @property
    def variants(self) -> dict[str, Graph]:
        """Exports of RefineMask that are compared with Mask R-CNN, by what targets call them.

        The lite head, which is trained as such, is left out of a quick run.
        """
        preset = self.refinemask.preset
        exports = {"exact": self.refinemask, "adaptive depth": Graph(preset, adaptive_depth=True)}
        return exports if self.options.quick else exports | {"lite": Graph(f"{preset}_lite")}

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        sizes = self.refinemask.config.input
        return sizes.short_side, sizes.long_side

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of what the networks take."""
        height, width = self.frame
        return padded_side(height, DIVISOR), padded_side(width, DIVISOR)

    @cached_property
    def scenes(self) -> list[Scene]:
        """The images with their boxes, as many as are used."""
        count = max(self.turns, self.options.warm_up)
        return scenes(*self.frame, self.options.images, count=count)

    def artifact(self, graph: Graph) -> Artifact:
        """Return the file of a graph."""
        return graphs.artifact(graph, self.options.output / "graphs", self.note)

    def network(self, graph: Graph, runtime: str) -> GraphNetwork:
        """Open a graph in a runtime."""
        self.note(f"opening {graph.name} in {runtime}")
        return GraphNetwork(self.artifact(graph), runtime)

    def head(self) -> dict[str, Any]:
        """Return what a result begins with: how it was measured."""
        images = self.options.images
        return {
            "quick": self.options.quick,
            "presets": list(self.options.presets),
            "weights": "synthetic",
            "images": "photographs of scikit-image" if images is None else "COCO val2017",
            "padded_size": list(self.padded),
            "seed": SEED,
            "iterations": self.turns,
            "warm_up": self.options.warm_up,
            "load_average": self._load_average,
        }

    def warnings(self, ratios: Sequence[Mapping[str, float]] = ()) -> list[str]:
        """Return why the figures should not be trusted, if there is a reason; see `timing`."""
        found = warnings(self._load_average, ratios)
        return ["a quick run of small models", *found] if self.options.quick else found


def result_path(folder: Path, command: str) -> Path:
    """Return the file with the results of a command."""
    return folder / f"{command}.json"
