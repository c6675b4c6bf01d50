"""Export a model to an artifact: graph, metadata and the proof that it gives the same numbers."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import onnx

from refinemask.errors import GateFailed, RefineMaskError
from refinemask.export.graph import export_graph
from refinemask.export.options import ExportOptions
from refinemask.export.parity import ParityReport
from refinemask.export.sampling import fixed_sampling_ratio
from refinemask.export.verify import verify_artifact
from refinemask.files import atomic_path, sha256
from refinemask.inference import native
from refinemask.inference.images import list_images, load_image
from refinemask.inference.metadata import METADATA_KEY, ArtifactMetadata, InputLimits, sidecar_path
from refinemask.inference.seal import seal
from refinemask.models import Detector
from refinemask.version import __version__

Progress = Callable[[str], None]


def export_model(
    model: Detector,
    output: Path,
    options: ExportOptions | None = None,
    *,
    weights: Literal["trained", "synthetic"] = "trained",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> ArtifactMetadata:
    """Write the ONNX artifact of a model and its metadata, after verifying it against PyTorch.

    What is at `output` stays as it is unless the artifact passes the parity gate in ONNX Runtime.

    Args:
        model: what is exported; it is put in evaluation mode.
        output: the ONNX file; its metadata goes into the file and to `sidecar_path(output)`.
        options: the form of the graph and what it is verified on; defaults if None.
        weights: "synthetic" if nobody has trained the model.
        checkpoint: the file the weights come from, for its SHA-256.
        progress: called with one line of text about every step.

    Returns:
        The metadata, parity figures included.

    Raises:
        GateFailed: the artifact does not give the numbers of the model.
        RefineMaskError: an argument is not allowed, `output` cannot be written, the fused form is
            asked for where ONNX Runtime's operator library is not built, an image cannot be read,
            or the images decide nothing, see `verify_artifact`.
    """
    say = progress or (lambda line: None)
    options = options or ExportOptions()
    form, batch, height, width = options.form, options.batch, options.height, options.width
    images = list_images(options.images)
    output = Path(output)
    if form == "fused":  # before minutes of tracing, not after; so are the images read
        native.require("ort", "verifying an artifact of the fused form")
    for image in images:
        load_image(image)
    if output.is_dir():
        raise RefineMaskError(f"{output} is a folder; give a file, such as {output / 'model.onnx'}")
    metadata = ArtifactMetadata(
        tool_version=__version__,
        preset=model.config.preset,
        config=model.config.to_dict(),
        class_names=model.class_names,
        category_ids=model.category_ids,
        input_limits=_limits(model, batch, height, width),
        form=form,
        precision=options.precision,
        weights=weights,
        checkpoint_sha256=sha256(checkpoint) if checkpoint else None,
        parity={},
        sampling_ratio=fixed_sampling_ratio(form, options.sampling_ratio),
        outputs=options.outputs,
        adaptive_depth=options.adaptive_depth,
    )
    beside = sidecar_path(output)
    with atomic_path(beside) as sidecar, atomic_path(output) as file:
        with _timed(say, f"exported the {form} graph of {model.config.preset}"):
            graph = export_graph(
                model,
                form=form,
                batch=batch,
                height=height,
                width=width,
                sampling_ratio=options.sampling_ratio,
                outputs=options.outputs,
                optimize=options.optimize,
                adaptive_depth=options.adaptive_depth,
                precision=options.precision,
                report=lambda rewrite: say(str(rewrite)),
            )
            artifact = _Artifact(file, graph.SerializeToString())
            artifact.finish(metadata)
        with _timed(say, "compared it with PyTorch"):
            report = verify_artifact(file, model, images or None)
        if report.passed:
            say(report.table())
        metadata = dataclasses.replace(metadata, parity=report.to_dict())
        if not (report.passed or options.keep_failed):
            raise _failure(output, report, "it was not written; --keep-failed keeps it")
        digest = artifact.finish(metadata)
        sidecar.write_text(metadata.to_json(sha256=digest) + "\n", encoding="utf-8")
        # The artifact is moved to its place next, then the file beside it. Whatever ends this in
        # between, no file of another artifact is left beside one; a symbolic link to it may stay.
        beside.resolve().unlink(missing_ok=True)
    if not report.passed:
        raise _failure(output, report, "it was kept all the same")
    return metadata


def _limits(
    model: Detector, batch: int | None, height: int | None, width: int | None
) -> InputLimits:
    sizes = model.config.input
    return InputLimits(sizes.short_side, sizes.long_side, batch=batch, height=height, width=width)


class _Artifact:
    """A sealed file whose graph is written once, and whose metadata may then be written again."""

    def __init__(self, path: Path, graph: bytes) -> None:
        path.write_bytes(graph)
        self._path, self._size, self._hash = path, len(graph), hashlib.sha256(graph)

    def finish(self, metadata: ArtifactMetadata) -> str:
        """Put metadata and seal behind the graph; return the SHA-256 in the seal."""
        properties = onnx.ModelProto()  # serialised messages that follow each other are one message
        onnx.helper.set_model_props(properties, {METADATA_KEY: metadata.to_json()})
        end = properties.SerializeToString()
        hashed = self._hash.copy()
        hashed.update(end)
        with self._path.open("r+b") as file:
            file.seek(self._size)
            file.truncate()
            file.write(end + seal(hashed.hexdigest()))
        return hashed.hexdigest()


@contextmanager
def _timed(say: Progress, done: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    say(f"{done} in {time.perf_counter() - start:.1f} s")


def _failure(output: Path, report: ParityReport, fate: str) -> GateFailed:
    return GateFailed(f"{output} does not give the numbers of its model; {fate}\n{report.table()}")
