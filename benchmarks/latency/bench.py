"""Latency of each phase, throughput and peak memory of artifacts and models, side by side.

The targets take turns in one process, image by image, so that a busy or throttled machine slows
all of them alike. Decoding the files is not measured.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinemask.benchmarks.latency.figures import Subject, ratio_to_mask_rcnn, summarise
from refinemask.benchmarks.latency.interleave import PHASES, Samples, interleave, timed
from refinemask.benchmarks.latency.options import BenchOptions, RecordOptions
from refinemask.benchmarks.latency.peak_memory import peak_memory
from refinemask.benchmarks.latency.targets import Target, parse_target, target_names
from refinemask.benchmarks.latency.times_file import write_times
from refinemask.configs.config import FCNMaskConfig
from refinemask.engines import Engine
from refinemask.engines.layer_times import layer_times
from refinemask.inference.images import list_images, load_image

Note = Callable[[str], None]


def bench(
    options: BenchOptions, progress: Note | None = None, record: RecordOptions | None = None
) -> dict[str, Any]:
    """Measure artifacts and models.

    Args:
        options: what is measured and how; images repeat if there are more runs than images.
        progress: called with a line of text now and then.
        record: what is recorded beside the figures.

    Returns:
        `images`, `warm_up`, `iterations` (of each target, as many as were measured), `device`,
        `threads`, `streams`, `transfers` ("none", or "inference" if that includes the copies of
        inputs and outputs), `load_average` (of the last minute before the measurement), and
        `artifacts`, one dictionary for each target in order: `target`, `name`, `model` (its
        preset), `runtime`, `weights`, each of `PHASES` with its `STATISTICS` in milliseconds,
        `throughput` in images per second, of all streams together, `ratio` of the end-to-end
        medians to the first target, `mask_rcnn` (see `ratio_to_mask_rcnn`), `peak_memory_bytes`
        (see `peak_memory`), and with a profile `profile`: None or `inference`, milliseconds per
        image, and `layers` with `name`, `kind` and `milliseconds`, slowest first.

    Raises:
        RefineMaskError: a target or an image cannot be opened, or a file cannot be written.
    """
    note, record = progress or (lambda _: None), record or RecordOptions()
    images, iterations = list_images(options.images), options.iterations
    warm_up = min(len(images), iterations) if options.warm_up is None else options.warm_up
    used = list(images[: max(warm_up, iterations) * options.streams])
    pictures = [load_image(path) for path in used]
    targets = [parse_target(target, options.runtime) for target in options.targets]
    opened = [target.open(options.device, options.threads) for target in targets]
    load_average = os.getloadavg()[0]
    note(f"measuring latency: {iterations} iterations, {len(opened)} in turn")
    subjects = [timed(engine) for engine in opened]
    samples = interleave(subjects, pictures, warm_up, iterations, options.duration, options.streams)
    entries = _entries(targets, opened, samples)
    if record.export_times is not None:
        write_times(record.export_times, entries, samples, used)
    for target, engine, entry in zip(targets, opened, entries, strict=True):
        note(f"measuring memory: {entry['name']}")
        entry["peak_memory_bytes"] = peak_memory(
            target, used, options.device, options.threads, options.streams
        )
        if record.dump_profile:
            note(f"timing layers: {entry['name']}")
            entry["profile"] = _profile(target, engine, used, options)
    return {
        "images": len(used),
        "warm_up": warm_up,
        "iterations": len(samples[0].runs) // options.streams,
        "device": options.device,
        "threads": options.threads,
        "streams": options.streams,
        "transfers": "none" if options.device == "cpu" else "inference",
        "load_average": load_average,
        "artifacts": entries,
    }


def _entries(
    targets: Sequence[Target], opened: Sequence[Engine], samples: Sequence[Samples]
) -> list[dict[str, Any]]:
    names = target_names(targets, [engine.metadata.preset for engine in opened])
    subjects = [
        _subject(name, target, engine, one)
        for name, target, engine, one in zip(names, targets, opened, samples, strict=True)
    ]
    return [
        {
            "target": str(target),
            "name": subject.name,
            "model": engine.metadata.preset,
            "runtime": target.runtime,
            "weights": engine.metadata.weights,
            **{phase: summarise(one.phase(phase)) for phase in PHASES},
            "throughput": len(one.runs) / one.seconds,
            "ratio": subject.median / subjects[0].median,
            "mask_rcnn": ratio_to_mask_rcnn(subject, subjects),
        }
        for target, engine, one, subject in zip(targets, opened, samples, subjects, strict=True)
    ]


def _subject(name: str, target: Target, engine: Engine, samples: Samples) -> Subject:
    model = engine.metadata.model
    return Subject(
        name=name,
        runtime=target.runtime,
        form=engine.metadata.form,
        backbone=model.backbone,
        is_mask_rcnn=isinstance(model.mask_head, FCNMaskConfig),
        median=float(np.median(samples.phase("end_to_end"))),
    )


def _profile(
    target: Target, engine: Engine, images: Sequence[Path], options: BenchOptions
) -> dict[str, Any] | None:
    prepared = [engine.prepare(load_image(path)) for path in images]
    found = layer_times(target.path, target.runtime, prepared, options.device, options.threads)
    if found is None:
        return None
    layers = [
        {"name": layer.name, "kind": layer.kind, "milliseconds": layer.seconds * 1e3}
        for layer in found.layers
    ]
    return {"inference": found.seconds * 1e3, "layers": layers}
