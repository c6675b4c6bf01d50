"""Everything that a user could run instead, in turn in one process."""

from collections.abc import Callable, Iterator
from typing import Any

from refinemask.benchmarks.latency.interleave import Timed
from refinemask.benchmarks.suite import torchvision_peers
from refinemask.benchmarks.suite.deeplab_peer import deeplab
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.latency import MANY
from refinemask.benchmarks.suite.layout import Scene
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.benchmarks.suite.session import Note, Session
from refinemask.benchmarks.suite.timing import measure, ratio
from refinemask.benchmarks.suite.torch_networks import TorchNetwork
from refinemask.checkpoints import synthetic_model
from refinemask.engines.runtimes import RUNTIMES

TORCHVISION = "Mask R-CNN of torchvision, PyTorch"
"""What the others are compared with."""


def peers(options: SuiteOptions, note: Note, only: str = "") -> dict[str, Any]:
    """Measure all peers on the same images and boxes, from decoded image to full-size masks.

    Args:
        options: see `SuiteOptions`.
        note: called with a line of text now and then.
        only: measure only those with this in their names, and what they are compared with.

    Returns:
        The head of `Session`; `boxes`, their number; `subjects`, see `measure`; `ratios` of each to
        `TORCHVISION`.
    """
    session = Session(options, note)
    subjects = {}
    for name, open_peer in _peers(session):
        if only in name or name == TORCHVISION:
            note(f"opening {name}")
            subjects[name] = open_peer()
    note(f"measuring {len(subjects)} in turn")
    figures = measure(subjects, session.scenes, options.warm_up, session.turns)
    ratios = {name: ratio(one, figures[TORCHVISION], "end_to_end") for name, one in figures.items()}
    return session.head() | {
        "boxes": MANY,
        "subjects": figures,
        "ratios": ratios,
        "warnings": session.warnings(list(ratios.values())),
    }


Open = Callable[[], Timed[Scene]]


def _peers(session: Session) -> Iterator[tuple[str, Open]]:
    """Yield the name of each peer and what opens it; compiling is left out of a quick run."""
    sides, quick = session.frame, session.options.quick
    folder = session.options.output / "graphs"
    models = list(zip(("RefineMask", "Mask R-CNN"), session.options.presets, strict=True))

    def torchvision(make: Callable[..., torchvision_peers.Run], *more: Any) -> Open:
        return lambda: torchvision_peers.timed(make(sides, *more), MANY)

    def ours(graph: Graph, *, channels_last: bool = False) -> Open:
        return lambda: TorchNetwork(
            synthetic_model(graph.config), channels_last=channels_last
        ).timed(MANY)

    def exported(graph: Graph, runtime: str) -> Open:
        return lambda: session.network(graph, runtime).timed(MANY)

    yield TORCHVISION, torchvision(torchvision_peers.eager)
    if not quick:
        compiled = torchvision(torchvision_peers.compiled)
        yield "Mask R-CNN of torchvision, backbone in torch.compile", compiled
    export = torchvision(torchvision_peers.exported, folder)
    yield "Mask R-CNN of torchvision, its ONNX export, ONNX Runtime", export
    yield "Mask R-CNN, PyTorch", ours(session.maskrcnn)
    yield "RefineMask, PyTorch", ours(session.refinemask)
    yield "RefineMask, PyTorch, channels_last", ours(session.refinemask, channels_last=True)
    for runtime in session.options.runtimes:
        for form in ("portable", "fused"):
            for model, preset in models:
                graph = Graph(preset, form)
                yield f"{model}, {RUNTIMES[runtime].title}, {form}", exported(graph, runtime)
    yield "DeepLabV3+ (semantic), PyTorch", lambda: deeplab(sides, quick)
