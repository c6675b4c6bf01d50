"""Compare runtimes with each other: each pair of them, on the same images, by the parity gate.

PyTorch runs the model, the others its artifact. The near ties are those that the model in PyTorch
knows of (architecture 6.1), also where neither runtime of a pair is PyTorch: they excuse either
side.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from refinemask import engines
from refinemask.configs.precisions import Precision
from refinemask.engines import Engine
from refinemask.engines.runtimes import COMPILED, check_comparable, find_runtime
from refinemask.engines.torch import TorchEngine
from refinemask.engines.torch_compiled import compile_model
from refinemask.errors import WrongUsage
from refinemask.export.as_exported import as_exported
from refinemask.export.comparison import Comparison, compare
from refinemask.export.layer_differences import (
    LayerDifference,
    Tensors,
    compare_layers,
    first_parted,
    joined_differences,
    layer_lines,
)
from refinemask.export.layer_runs import layer_runs
from refinemask.export.parity import (
    ParityReport,
    check_decision,
    counted_detections,
    gate,
    summarise,
)
from refinemask.export.subjects import Progress, Subject, photographs
from refinemask.export.tensor_files import saved
from refinemask.export.verify import batches, check_model, run_subjects
from refinemask.inference.artifact import Artifact
from refinemask.models import Detector
from refinemask.printable import aligned

PYTORCH = "torch"
Pair = tuple[str, str]
"""Two runtimes by name."""

_COLUMNS = {
    "unmatched": "unmatched",
    "matched_share": "matched",
    "near_tie_detections": "near ties",
    "box_difference": "boxes (px)",
    "score_difference": "scores",
    "probability_share": "masks within 1e-3",
    "near_tie_pixels": "near-tie pixels",
    "mask_iou": "mean mask IoU",
}
"""Headings of the figures of the gate that the matrix shows."""


@dataclass(frozen=True)
class RuntimeMatrix:
    """How far the detections of runtimes are from each other."""

    pairs: Mapping[Pair, ParityReport]
    """Of each pair, the figures of the gate with the first runtime in the place of the model."""
    layers: Mapping[Pair, list[LayerDifference]]
    """Of each pair, the differences of the inner tensors; empty where they were not compared."""

    @property
    def passed(self) -> bool:
        """Whether every pair passes the gate."""
        return all(report.passed for report in self.pairs.values())

    def to_dict(self) -> dict[str, Any]:
        """Return `passed` and the figures of each pair as JSON values."""
        pairs: list[dict[str, Any]] = []
        for pair, report in self.pairs.items():
            pairs.append({"runtimes": pair, **report.to_dict()})
            if pair in self.layers:
                layers = self.layers[pair]
                pairs[-1]["first_parted_layer"] = first_parted(layers)
                pairs[-1]["layers"] = [one.to_dict() for one in layers]
        return {"passed": self.passed, "pairs": pairs}

    def table(self) -> str:
        """Return as text the matrix, a line for each pair, and the layers of each pair."""
        any_report = next(iter(self.pairs.values()))
        shown = [figure for figure in gate(any_report.precision) if figure.name in _COLUMNS]
        rows = [["runtimes", *(_COLUMNS[figure.name] for figure in shown), "verdict"]]
        for pair, report in self.pairs.items():
            values = [f"{getattr(report, figure.name):.6g}" for figure in shown]
            rows.append([" - ".join(pair), *values, "passed" if report.passed else "FAILED"])
        rows.append(["allowed", *(figure.limit for figure in shown), ""])
        compared = counted_detections(any_report)
        lines = [*aligned(rows), f"compared on {compared}"]
        for pair, differences in self.layers.items():
            parted = first_parted(differences)
            verdict = f"part at {parted}" if parted else "part at no layer"
            lines += ["", f"{' - '.join(pair)} {verdict}", *layer_lines(differences)]
        return "\n".join(lines)


def open_engines(
    artifact: Artifact, model: Detector, runtimes: Sequence[str], device: str
) -> dict[str, Engine]:
    """Open an artifact in each of some runtimes but PyTorch, which runs its model.

    The compiled model gets images as the artifact does.

    Raises:
        RefineMaskError: a runtime is not installed, does not take the artifact or does not compile
            the model.
    """
    opened: dict[str, Engine] = {}
    for name in runtimes:
        find_runtime(name).require()
    for name in runtimes:
        if name == COMPILED:
            opened[name] = TorchEngine(compile_model(model, model.config.preset))
            opened[name].metadata = artifact.metadata
        elif name != PYTORCH:
            opened[name] = engines.open(artifact, name, device)
    return opened


def verify_runtimes(
    artifact: Path,
    model: Detector,
    runtimes: Sequence[str],
    images: Sequence[Path],
    *,
    device: str = "cpu",
    layers: bool = False,
    progress: Progress | None = None,
    save_tensors: Path | None = None,
) -> RuntimeMatrix:
    """Compare the detections of each pair of runtimes; see `verify_artifact`.

    Args:
        artifact: an ONNX file written by `export_model`.
        model: what it was exported from; it knows the near ties, and is what PyTorch runs.
        runtimes: two or more names of `engines.RUNTIMES`.
        images: files to compare on.
        device: where the artifact runs.
        layers: also compare the layers of each image, which runs everything once more.
        progress: called with the number of images done and their total.
        save_tensors: as that of `verify_artifact`.

    Raises:
        WrongUsage: runtimes are unknown, repeated or fewer than two, or one has no layers to show.
        GateFailed: a runtime returned images or an order that the contract does not allow.
        RefineMaskError: as `verify_artifact`; or a runtime is not installed.
    """
    check_comparable(runtimes)
    if layers and COMPILED in runtimes:
        raise WrongUsage(f"{COMPILED} does not show its layers; compare those of torch")
    read = Artifact.open(artifact)
    metadata = read.metadata
    check_model(artifact, metadata, model)
    model = as_exported(model, metadata)
    opened = open_engines(read, model, runtimes, device)
    any_engine = next(iter(opened.values()))
    subjects: Iterable[Subject] = photographs(model, any_engine, images, progress)
    if save_tensors is not None:
        subjects = saved(subjects, save_tensors, model, metadata)
    parts: dict[Pair, list[Comparison]] = {pair: [] for pair in combinations(runtimes, 2)}
    differences: dict[Pair, list[list[LayerDifference]]] = {}
    with ExitStack() as stack:
        if layers:
            run = stack.enter_context(layer_runs(artifact, model, runtimes, device))
            differences = {pair: [] for pair in parts}
            subjects = _layers_compared(subjects, run, differences)
        for batch in batches(subjects, metadata.input_limits.batch):
            for pair, comparison in _compare(opened, runtimes, batch, metadata.precision):
                parts[pair].append(comparison)
    matrix = RuntimeMatrix(
        {pair: summarise(found, metadata.precision) for pair, found in parts.items()},
        {pair: joined_differences(found) for pair, found in differences.items()},
    )
    if matrix.passed:
        for pair, report in matrix.pairs.items():
            check_decision(report, parts[pair])
    return matrix


def _compare(
    opened: Mapping[str, Engine],
    runtimes: Sequence[str],
    batch: list[Subject],
    precision: Precision,
) -> Iterator[tuple[Pair, Comparison]]:
    """Run images in every runtime, and compare each pair."""
    found = {name: run_subjects(engine, batch) for name, engine in opened.items()}
    found[PYTORCH] = [subject.reference.outputs for subject in batch]
    for first, second in combinations(runtimes, 2):
        for one, expected, outputs in zip(batch, found[first], found[second], strict=True):
            yield (
                (first, second),
                compare(
                    one.reference,
                    outputs,
                    one.prepared,
                    one.name,
                    batched=len(batch) > 1,
                    expected=None if first == PYTORCH else expected,
                    precision=precision,
                ),
            )


def _layers_compared(
    subjects: Iterable[Subject],
    run: Callable[[Subject], Mapping[str, Tensors]],
    differences: Mapping[Pair, list[list[LayerDifference]]],
) -> Iterator[Subject]:
    """Yield images after adding the differences of their layers to those of each pair."""
    for subject in subjects:
        found = run(subject)
        for (first, second), images in differences.items():
            images.append(compare_layers(found[first], found[second]))
        yield subject
