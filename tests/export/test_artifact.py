"""Writing artifacts: metadata, the gate, and nothing half-written."""

import copy
import dataclasses
import errno
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from refinemask import engines
from refinemask.checkpoints import synthetic_model
from refinemask.configs.presets import refinemask_small
from refinemask.errors import GateFailed, RefineMaskError
from refinemask.export import artifact, export_model, verify_artifact
from refinemask.export.options import ExportOptions
from refinemask.export.parity import ParityReport
from refinemask.export.passes import PASSES
from refinemask.export.subjects import default_subjects, photographs
from refinemask.export.verify import compare_subjects
from refinemask.files import atomic_path
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import METADATA_KEY, sidecar_path
from refinemask.inference.photographs import verification_photos

PHOTOGRAPHS = tuple(photo.path for photo in verification_photos())
PAIR = (PHOTOGRAPHS[0], PHOTOGRAPHS[2])
"""Two of equal padded size."""


@pytest.fixture
def no_tracing(exported, monkeypatch):
    """Let `export_model` take the graph that is exported already."""
    graph = onnx.load(exported.path)
    del graph.metadata_props[:]
    monkeypatch.setattr(artifact, "export_graph", lambda model, **options: graph)


@pytest.fixture
def failing(monkeypatch):
    """Let the gate fail."""
    report = ParityReport(images=1, detections=9, unmatched=3)
    monkeypatch.setattr(artifact, "verify_artifact", lambda *arguments: report)


def test_metadata_in_the_file_and_beside_it(exported, model):
    metadata = exported.metadata
    assert metadata.config == model.config.to_dict()
    assert (metadata.preset, metadata.form, metadata.precision) == (
        "refinemask_small",
        "portable",
        "float32",
    )
    assert (metadata.weights, metadata.checkpoint_sha256) == ("synthetic", None)
    assert metadata.class_names == model.class_names
    assert metadata.category_ids == model.category_ids
    limits = metadata.input_limits
    assert (limits.batch, limits.height, limits.width) == (None, None, None)
    assert (limits.short_side, limits.long_side) == (384, 512)
    inside = {prop.key: prop.value for prop in onnx.load(exported.path).metadata_props}
    beside = sidecar_path(exported.path).read_text()
    assert inside[METADATA_KEY] == metadata.to_json()
    assert json.loads(beside) == json.loads(metadata.to_json()) | {
        "sha256": inside["refinemask_sha256"]
    }
    assert engines.open(exported.path).metadata.to_json() == metadata.to_json()


def test_parity_figures_are_kept(exported):
    parity = exported.metadata.parity
    assert parity["passed"] is True
    assert parity["detections"] >= 5
    assert (parity["unmatched"], parity["batched_images"]) == (0, 2)
    assert parity["images"] >= len(PHOTOGRAPHS)
    assert {"near_tie_detections", "near_tie_pixels"} < parity.keys()
    assert json.loads(json.dumps(parity)) == parity


def test_progress_tells_the_steps_and_the_table(exported):
    *rewrites, first, second, table = exported.lines
    assert [line.partition(":")[0] for line in rewrites] == list(PASSES)
    assert first.startswith("exported the portable graph of refinemask_small in ")
    assert second.startswith("compared it with PyTorch in ")
    assert table.splitlines()[0].split() == ["figure", "measured", "allowed", "verdict"]
    assert "FAILED" not in table


def test_only_the_artifact_and_its_sidecar_are_left(exported):
    names = sorted(path.name for path in exported.path.parent.iterdir())
    assert names == ["model.onnx", "model.onnx.json"]


def test_checkpoint_is_named_by_its_hash(no_tracing, model, tmp_path):
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.write_bytes(b"weights")
    metadata = export_model(model, tmp_path / "out" / "model.onnx", checkpoint=checkpoint)
    assert metadata.checkpoint_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert metadata.weights == "trained"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "model.onnx",
        "model.onnx.json",
    ]


def test_a_failed_gate_leaves_what_was_there(no_tracing, failing, model, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(GateFailed, match=r"(?s)not written.*unmatched detections +3 .*FAILED"):
        export_model(model, path, ExportOptions(images=PHOTOGRAPHS[:1]))
    assert list(tmp_path.iterdir()) == []
    path.write_text("an older artifact")
    with pytest.raises(GateFailed):
        export_model(model, path, ExportOptions(images=PHOTOGRAPHS[:1]))
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "an older artifact"


def test_keep_failed_keeps_it(no_tracing, failing, model, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(GateFailed, match="was kept all the same"):
        export_model(model, path, ExportOptions(images=PHOTOGRAPHS[:1], keep_failed=True))
    assert engines.open(path).metadata.parity["passed"] is False
    assert json.loads(sidecar_path(path).read_text())["parity"]["unmatched"] == 3


def test_output_that_cannot_be_written(no_tracing, model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefineMaskError, match="is not a folder; choose another path"):
        export_model(model, tmp_path / "file" / "model.onnx")
    with pytest.raises(RefineMaskError, match=r"is a folder; give a file, such as .*model\.onnx"):
        export_model(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    if os.geteuid() == 0:
        pytest.skip("a read-only folder needs an ordinary user")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(RefineMaskError, match="cannot write"):
        export_model(model, folder / "model.onnx")


def test_a_full_disk_leaves_nothing(no_tracing, model, tmp_path, monkeypatch):
    def fill(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(RefineMaskError, match=r"cannot write .*/m\.onnx.*: No space.*make room"):
        export_model(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["before the artifact", "before the sidecar"])
def test_a_sidecar_never_stands_beside_another_artifact(
    no_tracing, failing, model, tmp_path, monkeypatch, moment
):
    """Whatever ends the export, and when."""
    path = tmp_path / "model.onnx"
    options = ExportOptions(images=PHOTOGRAPHS[:1], keep_failed=True)
    with pytest.raises(GateFailed):
        export_model(model, path, options)
    before = path.read_bytes()
    assert Artifact.open(path).metadata.weights == "trained"

    @contextmanager
    def interrupted(destination):
        with atomic_path(destination) as temporary:
            yield temporary
            if (moment == "before the artifact") == (destination == path):
                raise KeyboardInterrupt

    monkeypatch.setattr(artifact, "atomic_path", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_model(model, path, options, weights="synthetic")
    expected = "trained" if moment == "before the artifact" else "synthetic"
    assert Artifact.open(path).metadata.weights == expected
    assert (path.read_bytes() == before) == (moment == "before the artifact")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_sidecar_may_be_a_symbolic_link(no_tracing, failing, model, tmp_path):
    path = tmp_path / "model.onnx"
    kept = tmp_path / "kept" / "metadata.json"
    kept.parent.mkdir()
    sidecar_path(path).symlink_to(kept)
    for weights in ("trained", "synthetic"):
        with pytest.raises(GateFailed):
            export_model(
                model,
                path,
                ExportOptions(images=PHOTOGRAPHS[:1], keep_failed=True),
                weights=weights,
            )
        assert sidecar_path(path).is_symlink()
        assert json.loads(kept.read_text())["weights"] == weights


def test_a_sidecar_of_an_older_artifact_is_noticed(exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(exported.path.read_bytes())
    sidecar_path(path).write_text(exported.metadata.to_json(sha256="0" * 64))
    with pytest.raises(RefineMaskError, match=r"model\.onnx\.json is not the metadata of"):
        engines.open(path)


def test_names_that_no_artifact_may_have_are_refused_before_tracing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "export_graph", None)
    names = ("two\nlines", *model.class_names[1:])
    other = synthetic_model(model.config.with_classes(names))
    with pytest.raises(RefineMaskError, match="without control characters"):
        export_model(other, tmp_path / "model.onnx")


def test_too_few_detections_is_an_error_that_names_the_way_out(no_tracing, model, tmp_path):
    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((8, 8, 3), np.uint8))
    blind = synthetic_model(dataclasses.replace(model.config, score_threshold=0.999999))
    output = tmp_path / "out" / "model.onnx"
    with pytest.raises(RefineMaskError, match="needs at least 5; give photographs") as raised:
        export_model(blind, output, ExportOptions(images=(black,)))
    assert not isinstance(raised.value, GateFailed)
    assert not list(output.parent.iterdir())


def test_images_are_read_before_anything_is_traced(model, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "export_graph", lambda *a, **b: pytest.fail())
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    options = ExportOptions(images=(broken,))
    with pytest.raises(RefineMaskError, match=r"broken\.png"):
        export_model(model, tmp_path / "out" / "model.onnx", options)
    assert not (tmp_path / "out").exists()


def test_verify_compares_every_image(exported_as, sampled, target):
    done = []
    report = verify_artifact(
        exported_as(target.form).path,
        sampled,
        PAIR,
        runtime=target.runtime,
        progress=lambda *count: done.append(count),
    )
    assert done == [(1, 2), (2, 2)]
    assert (report.images, report.batched_images) == (2, 2)
    assert report.passed, report.table()


def test_verify_finds_other_weights(exported, model):
    other = copy.deepcopy(model)
    other.roi_head.bbox_head.fc_cls.bias.data[-1] -= 0.5
    assert not verify_artifact(exported.path, other, PHOTOGRAPHS[:1]).passed


def test_verify_refuses_another_configuration(exported):
    other = synthetic_model(refinemask_small(4))
    with pytest.raises(RefineMaskError, match=r"refinemask_small of 5 classes.*of 4"):
        verify_artifact(exported.path, other, PHOTOGRAPHS[:1])


def test_an_image_without_detections_is_compared(exported, model):
    """Grey, if the model sees nothing in it."""
    report = verify_artifact(exported.path, model)
    *_, last = default_subjects(model, engines.open(exported.path))
    blind = last.name == "a grey image"
    assert report.images == len(PHOTOGRAPHS) + blind
    assert report.empty_images >= blind


def test_an_artifact_for_one_image_is_not_asked_for_a_batch(exported, model, monkeypatch):
    engine = engines.open(exported.path)
    limits = dataclasses.replace(engine.metadata.input_limits, batch=1)
    engine.metadata = dataclasses.replace(engine.metadata, input_limits=limits)
    subjects = list(photographs(model, engine, PAIR))
    assert not any(part.batched for part in compare_subjects(engine, subjects))
