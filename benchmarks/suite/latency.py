"""RefineMask against Mask R-CNN, exported alike: time, memory, and where the time goes."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from refinemask.benchmarks.suite.candidates import OUTPUTS, network_inputs
from refinemask.benchmarks.suite.ceiling import measure_ceiling
from refinemask.benchmarks.suite.counts import Counts, counted
from refinemask.benchmarks.suite.graphs import Graph
from refinemask.benchmarks.suite.layout import Scene, typical_scene
from refinemask.benchmarks.suite.memory import peak_memory
from refinemask.benchmarks.suite.options import SuiteOptions
from refinemask.benchmarks.suite.session import Note, Session
from refinemask.benchmarks.suite.timing import Figures, measure, ratio
from refinemask.engines.graph import GraphEngine
from refinemask.engines.layer_times import Layer, layer_times

AllCounts = Mapping[str, Mapping[str, Counts]]
"""By the name of a graph and the number of boxes."""
MANY, FEW = 100, 10
"""Detections."""
MULTIPLYING = (
    *("Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"),
    *("Convolution", "GroupConvolution", "ConvolutionBackpropData", "FullyConnected"),
    *("ConvAtPlaces", "conv_at_places"),
)
"""Kinds of layers, in both runtimes, that are convolutions and matrix products."""
_PROFILED = 3
"""Runs whose layers are timed, and scenes whose memory is measured."""


def latency(options: SuiteOptions, note: Note) -> dict[str, Any]:
    """Measure the exported models in each runtime.

    Returns:
        The head of `Session`; `covered`, the median share of P2 in boxes by their number;
        `counts`, see `counted`, by graph; `ceiling`, see `measure_ceiling`; and for each of the
        `runtimes`: `subjects`, see `measure`; `ratios`, by the names of `Session.variants`, of
        RefineMask to Mask R-CNN by the number of boxes, with `counted`, what the multiply-adds
        predict; `mask_branch`; `around`, the share of pre- and postprocessing; `peak_memory_bytes`;
        `profile`.
    """
    session = Session(options, note)
    kept = Graph(session.refinemask.preset, optimize="none")
    graphs = (*session.variants.values(), kept, session.maskrcnn)
    note("counting multiply-adds")
    counts = {
        graph.name: counted(graph, session.scenes, session.frame, (MANY, FEW)) for graph in graphs
    }
    result = session.head() | {
        "covered": {
            str(count): float(np.median([s.first(count).covered() for s in session.scenes]))
            for count in (MANY, FEW)
        },
        "counts": counts,
        "ceiling": measure_ceiling(options.runtimes, session.turns, options.quick),
        "runtimes": {
            runtime: _in_runtime(session, runtime, kept, counts) for runtime in options.runtimes
        },
    }
    ratios = [
        one
        for found in result["runtimes"].values()
        for of_variant in found["ratios"].values()
        for one in of_variant.values()
    ]
    return result | {"warnings": session.warnings(ratios)}


def _in_runtime(session: Session, runtime: str, kept: Graph, counts: AllCounts) -> dict[str, Any]:
    graphs = (*session.variants.values(), kept, session.maskrcnn)
    networks = {graph: session.network(graph, runtime) for graph in graphs}
    cases = [(graph, count) for graph in graphs for count in (MANY, FEW)]
    cases.append((session.maskrcnn, 0))
    session.note(f"measuring {len(cases)} in turn in {runtime}")
    figures = measure(
        {subject(graph, count): networks[graph].timed(count) for graph, count in cases},
        session.scenes,
        session.options.warm_up,
        session.turns,
    )
    del networks
    heavy = (session.refinemask, session.maskrcnn)
    return {
        "subjects": figures,
        "ratios": {
            name: {
                str(count): _over(figures, graph, session.maskrcnn, count, counts)
                for count in (MANY, FEW)
            }
            for name, graph in session.variants.items()
        },
        "mask_branch": _mask_branch(figures, *heavy, kept, counts),
        "around": {graph.name: _around(figures[subject(graph, MANY)]) for graph in heavy},
        "peak_memory_bytes": _memory(session, heavy, runtime),
        "profile": {graph.name: _profile(session, graph, runtime) for graph in heavy},
    }


def subject(graph: Graph, count: int) -> str:
    """Return what results call a graph that is given so many boxes."""
    return f"{graph.name}, {count} boxes"


def _over(
    figures: Mapping[str, Figures], one: Graph, other: Graph, count: int, counts: AllCounts
) -> dict[str, float]:
    """Compare two graphs that are given so many boxes."""
    measured = ratio(figures[subject(one, count)], figures[subject(other, count)], "end_to_end")
    work = counts[one.name][str(count)]["all"] / counts[other.name][str(count)]["all"]
    return measured | {"counted": work}


def _mask_branch(
    figures: Mapping[str, Figures],
    refinemask: Graph,
    maskrcnn: Graph,
    kept: Graph,
    counts: AllCounts,
) -> dict[str, float]:
    """Return the milliseconds of the mask branch with and without rewrites, and their ratio.

    A branch is the whole without Mask R-CNN that is given no box, turn by turn: the detectors are
    the same.
    """
    runs = [
        np.array(figures[subject(graph, count)]["runs"]["inference"])
        for graph, count in ((refinemask, MANY), (kept, MANY), (maskrcnn, MANY), (maskrcnn, 0))
    ]
    rewritten, plain, other = (np.median(one - runs[-1]) for one in runs[:-1])
    work = [counts[graph.name][str(MANY)]["mask_head"] for graph in (kept, refinemask)]
    return {
        "milliseconds": float(rewritten),
        "milliseconds_not_rewritten": float(plain),
        "milliseconds_mask_rcnn": float(other),
        "speed_up": float(plain / rewritten),
        "counted": work[0] / work[1],
    }


def _around(figures: Figures) -> dict[str, float]:
    """Return the milliseconds before and after the network, and their share of inference."""
    before, network, after = (
        figures[phase]["median"] for phase in ("preprocess", "inference", "postprocess")
    )
    return {"preprocess": before, "postprocess": after, "share": (before + after) / network}


def _memory(session: Session, graphs: tuple[Graph, ...], runtime: str) -> dict[str, int]:
    found = {}
    for graph in graphs:
        session.note(f"measuring the memory of {graph.name} in {runtime}")
        found[graph.name] = peak_memory(
            session.artifact(graph),
            runtime,
            MANY,
            session.options.images,
            min(_PROFILED, len(session.scenes)),
        )
    return found


def _profile(session: Session, graph: Graph, runtime: str) -> dict[str, Any]:
    """Time the layers: all by kind, and how fast those multiply that do nothing else."""
    session.note(f"timing the layers of {graph.name} in {runtime}")
    typical = typical_scene(session.scenes, MANY)

    def run(engine: GraphEngine, scene: Scene) -> None:
        engine.inspect(OUTPUTS, network_inputs(scene, session.frame)[1])

    found = layer_times(session.artifact(graph), runtime, [typical] * _PROFILED, run=run)
    assert found is not None
    kinds: dict[str, float] = {}
    for layer in found.layers:
        kind = _operator(layer)
        kinds[kind] = kinds.get(kind, 0.0) + 1e3 * layer.seconds
    multiplying = sum(kinds.get(kind, 0.0) for kind in MULTIPLYING)
    operations = 2 * counted(graph, [typical], session.frame, [MANY])[str(MANY)]["all"]
    return {
        "milliseconds": 1e3 * found.seconds,
        "kinds": dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "multiplying": multiplying,
        "gflops": operations / multiplying / 1e6,
    }


def _operator(layer: Layer) -> str:
    """Return the kind of a layer; OpenVINO calls all operators of other libraries references."""
    if layer.kind == "Reference":
        return re.sub(r"^node_|_\d+$", "", layer.name)
    return layer.kind
