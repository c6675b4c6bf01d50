"""What training starts from, what it changes, and what it refuses."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from refinemask.checkpoints import load_model, save_checkpoint, synthetic_model
from refinemask.checkpoints.load import read_checkpoint
from refinemask.configs.config import TORCHVISION
from refinemask.configs.presets import maskrcnn_small
from refinemask.errors import RefineMaskError
from refinemask.models.refine_mask_head import RefineMaskHead
from refinemask.training import start, train, trainer
from tests.training.runs import CLASSES, assert_equal, metrics, options, weights


def test_reports_follow_every_iteration(tmp_path):
    calls = []
    train(options(tmp_path, iterations=2), lambda *call: calls.append(call))
    assert [(number, total) for number, total, _ in calls] == [(1, 2), (2, 2)]
    assert calls[0][2].keys() == {"rpn_score", "rpn_box", "class", "box", "mask", "total"}


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A Mask R-CNN that others start from."""
    path = tmp_path_factory.mktemp("detector") / "model.safetensors"
    save_checkpoint(synthetic_model(maskrcnn_small().with_classes(CLASSES)), path)
    return path


def test_another_mask_head_on_a_frozen_detector(detector, tmp_path):
    chosen = options(
        tmp_path,
        preset="refinemask_small",
        init=detector,
        freeze_detector=True,
        reset_mask_head=True,
        iterations=2,
        warm_up=0,
    )
    found = load_model(train(chosen))
    assert isinstance(found.roi_head.mask_head, RefineMaskHead)
    assert found.config.preset == "refinemask_small"
    before = weights(detector)
    for name, tensor in found.state_dict().items():
        if ".mask_head." not in name:
            assert torch.equal(tensor, before[name]), name
    assert weights(tmp_path / "model.safetensors")[
        "roi_head.mask_head.semantic_logits.bias"
    ].any()  # zero at its start
    assert set(metrics(tmp_path)[0]) >= {"mask", "semantic"}
    assert "class" not in metrics(tmp_path)[0]


def test_a_new_mask_head_keeps_the_conventions_of_its_detector(tmp_path):
    config = maskrcnn_small().with_classes(CLASSES)
    config = replace(config, conventions=TORCHVISION, bn_eps=1e-3, max_detections=300)
    model = synthetic_model(config)
    save_checkpoint(model, tmp_path / "detector.safetensors")
    chosen = options(
        tmp_path / "run",
        preset="refinemask_small",
        init=tmp_path / "detector.safetensors",
        reset_mask_head=True,
        settings=("score_threshold=0.2",),
        iterations=1,
    )
    found = load_model(train(chosen)).config
    assert (found.conventions, found.bn_eps) == (TORCHVISION, 1e-3)
    assert (found.max_detections, found.score_threshold) == (300, 0.2)
    assert found.preset == "refinemask_small"


def test_settings_of_a_new_model_are_kept(tmp_path):
    given = ("max_detections=300", "conventions.detection_iou=0.6", "input.mean=1,2,3")
    found = load_model(train(options(tmp_path, settings=given, iterations=1))).config
    assert (found.max_detections, found.conventions.detection_iou) == (300, 0.6)
    assert found.input.mean == (1, 2, 3)


def test_init_continues_from_the_weights(detector, tmp_path):
    chosen = options(tmp_path, preset=None, init=detector, iterations=1, learning_rate=1e-9)
    found, before = weights(train(chosen)), weights(detector)
    assert all(torch.allclose(found[name], before[name], atol=1e-6) for name in before)
    again = options(
        tmp_path / "reset", preset=None, init=detector, reset_mask_head=True, iterations=1,
        learning_rate=1e-9,
    )  # fmt: skip
    found = weights(train(again))
    changed = {n for n in before if not torch.allclose(found[n], before[n], atol=1e-6)}
    assert changed and all(".mask_head." in name for name in changed)


def test_a_checkpoint_keeps_the_size_it_was_trained_for(detector, tmp_path):
    def size(folder, **changes):
        found = load_model(train(options(tmp_path / folder, iterations=1, **changes))).config.input
        return found.short_side, found.long_side

    init = {"init": detector, "preset": None}
    assert size("a", **init, short_sides=(32, 56, 40), long_side=64) == (56, 64)
    assert size("b", **init, short_sides=(48, 96), long_side=64) == (64, 64)
    assert size("c", **init, test_size=(64, 96)) == (64, 96)
    own = {"init": tmp_path / "a" / "model.safetensors", "short_sides": None, "long_side": None}
    assert size("d", **own, preset=None) == (56, 64)
    assert size("e", **own, preset="refinemask_small", reset_mask_head=True) == (56, 64)


def test_the_size_for_prediction_is_not_trained_at(tmp_path, monkeypatch):
    """Nor after an interruption."""
    sizes = []
    make = start.make_batches

    def keep(options, datasets, size):
        sizes.append((size.short_side, size.long_side))
        return make(options, datasets, size)

    monkeypatch.setattr(trainer, "make_batches", keep)
    own = {"short_sides": None, "long_side": None, "canvas": None, "test_size": (64, 96)}
    train(options(tmp_path, **own, iterations=1))
    train(options(tmp_path, **own, iterations=2, resume=True))
    preset = maskrcnn_small().input
    assert sizes == [(preset.short_side, preset.long_side)] * 2
    assert load_model(tmp_path / "model.safetensors").config.input.short_side == 64


def test_backbone_factor_zero_keeps_the_backbone(detector, tmp_path):
    chosen = options(
        tmp_path, preset=None, init=detector, iterations=1, backbone_factor=0, warm_up=0
    )
    found, before = weights(train(chosen)), weights(detector)
    assert all(torch.equal(found[n], before[n]) for n in before if n.startswith("backbone."))
    assert not torch.equal(found["rpn_head.rpn_cls.bias"], before["rpn_head.rpn_cls.bias"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "yolo"}, "unknown preset 'yolo'"),
        ({"preset": None, "init": "nowhere.safetensors"}, "nowhere.safetensors does not exist"),
        ({"classes": ("star", "cat")}, "cat"),
        ({"datasets": ("nowhere.json",)}, "nowhere.json"),
        ({"resume": True}, "nothing to resume: .* start without --resume"),
        ({"canvas": 32}, "does not fit the canvas"),
    ],
)
def test_errors_before_training(tmp_path, changes, message):
    with pytest.raises(RefineMaskError, match=message):
        train(options(tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_an_output_that_is_a_file_is_found_first(tmp_path):
    (tmp_path / "run").write_text("kept")
    with pytest.raises(RefineMaskError, match="run is a file; choose another"):
        train(options(tmp_path / "run", datasets=("nowhere.json",)))
    assert (tmp_path / "run").read_text() == "kept"


def test_validation_that_cannot_be_evaluated_is_found_before_training(tmp_path, monkeypatch):
    def refuse(dataset, image_ids, category_ids):
        raise RefineMaskError(f"{len(image_ids)} bad annotations")

    monkeypatch.setattr("refinemask.training.trainer.check_masks", refuse)
    with pytest.raises(RefineMaskError, match="3 bad annotations"):
        train(options(tmp_path / "run", validation=("shapes:3",)))
    assert not (tmp_path / "run").exists()


OF_CLASSES = {
    f"roi_head.{layer}.{kind}"
    for layer in ("bbox_head.fc_cls", "bbox_head.fc_reg", "mask_head.conv_logits")
    for kind in ("weight", "bias")
}


def test_init_with_other_classes(detector, tmp_path, caplog):
    classes = ("letter",)
    chosen = options(
        tmp_path, preset=None, init=detector, classes=classes, iterations=1, learning_rate=1e-9
    )
    path = train(chosen)
    found = load_model(path)
    assert found.class_names == classes
    before, after = weights(detector), found.state_dict()
    kept = before.keys() - OF_CLASSES
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in kept)
    fresh = after["roi_head.bbox_head.fc_cls.weight"]
    assert fresh.std() == pytest.approx(0.01, rel=0.2)
    assert abs(after["roi_head.bbox_head.fc_cls.bias"]).max() < 1e-6  # 15 for the background before
    assert set(read_checkpoint(path).provenance["reinitialised"]) == OF_CLASSES
    assert set(metrics(tmp_path)[0]["reinitialised"]) == OF_CLASSES
    told = (
        "has 2 classes (star, ring), the data set 1 class (letter); initialised again for 1 class"
    )
    assert told in caplog.text and "roi_head.bbox_head.fc_cls.weight" in caplog.text


def test_init_with_another_order_of_classes(detector, tmp_path, caplog):
    chosen = options(
        tmp_path,
        preset=None,
        init=detector,
        classes=("ring", "star"),
        iterations=1,
        learning_rate=1e-9,
        freeze_detector=True,
    )
    path = train(chosen)
    before, after = weights(detector), weights(path)
    name = "roi_head.bbox_head.fc_cls.weight"
    assert torch.allclose(after[name], before[name][[1, 0, 2]], atol=1e-6)
    assert read_checkpoint(path).provenance["reinitialised"] == []
    assert "each class keeps its weights" in caplog.text


def test_what_was_initialised_again_outlasts_an_interruption(detector, tmp_path):
    chosen = options(tmp_path, preset=None, init=detector, classes=("letter",), iterations=2)

    def interrupt(number, total, losses):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(chosen, interrupt)
    path = train(replace(chosen, init=None, resume=True))
    assert set(read_checkpoint(path).provenance["reinitialised"]) == OF_CLASSES
    assert [line["iteration"] for line in metrics(tmp_path)] == [0, 1, 2]


def test_the_same_classes_are_kept(detector, tmp_path, caplog):
    chosen = options(tmp_path, preset=None, init=detector, iterations=1)
    assert read_checkpoint(train(chosen)).provenance["reinitialised"] == []
    assert "initialised again" not in caplog.text


def test_a_frozen_detector_of_other_classes(detector, tmp_path):
    chosen = options(
        tmp_path, preset=None, init=detector, classes=("letter",), freeze_detector=True
    )
    with pytest.raises(
        RefineMaskError, match=r"2 classes \(star, ring\), the data set 1 .* frozen detector needs"
    ):
        train(chosen)


def test_a_mask_head_of_another_backbone(detector, tmp_path):
    chosen = options(tmp_path, init=detector, reset_mask_head=True, preset="refinemask_r50")
    with pytest.raises(RefineMaskError, match="choose a preset with the same backbone"):
        train(chosen)


def test_a_folder_with_a_run_is_not_overwritten(detector, tmp_path):
    shutil.copy(detector, tmp_path / "model.safetensors")
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(RefineMaskError, match="holds a run already; --resume it or choose another"):
        train(options(tmp_path))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_workers_do_not_change_the_result(tmp_path):
    found = [
        weights(train(options(tmp_path / str(workers), iterations=1, workers=workers)))
        for workers in (0, 1)
    ]
    assert_equal(*found)


def write_stars(folder, *boxes):
    """Write a dataset of one wide image and the one class star; return its name."""
    cv2.imwrite(str(folder / "a.png"), np.full((64, 4000, 3), 99, np.uint8))
    square = {"image_id": 1, "category_id": 1}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 64, "width": 4000}],
        "categories": [{"id": 1, "name": "star"}],
        "annotations": [
            square
            | {"bbox": [x, y, w, h], "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
            for x, y, w, h in boxes
        ],
    }
    (folder / "a.json").write_text(json.dumps(content))
    return str(folder / "a.json")


def test_further_data_may_lack_classes(tmp_path):
    stars = write_stars(tmp_path, (500, 10, 60, 40))
    run = tmp_path / "run"
    train(options(run, datasets=("shapes:2", stars), validation=(stars,), iterations=2))
    (last,) = [line for line in metrics(run) if "validation" in line]
    assert stars in json.dumps(last)
    assert load_model(run / "model.safetensors").class_names == CLASSES


def test_a_box_that_vanishes_in_float32_is_left_out(tmp_path):
    """Its part in the image has no width in float32, which gave a loss of NaN."""
    stars = write_stars(tmp_path, (500, 10, 60, 40), (3999.99995, 10, 30, 40))
    said: list[str] = []
    chosen = options(
        tmp_path / "run",
        datasets=(stars,),
        classes=None,
        iterations=1,
        long_side=640,
        canvas=None,
        keep_empty_images=True,
        validation=(stars,),
    )
    train(chosen, announce=said.append)
    start = metrics(tmp_path / "run")[0]
    (data,), (validated,) = start["data"], start["validation_data"]
    assert (data["instances"], data["all_instances"]) == (1, 2)
    assert (validated["instances"], validated["all_instances"]) == (2, 2)
    assert "1 of 2 instances" in said[0]
    assert f"to validate: {stars}: 1 of 1 image" in said[0]


def test_nothing_is_said_of_generated_data(tmp_path):
    said: list[str] = []
    train(options(tmp_path, iterations=1), announce=said.append)
    assert not said


def test_a_loss_that_is_not_finite(tmp_path):
    chosen = options(tmp_path, learning_rate=1e30, warm_up=0)
    with pytest.raises(
        RefineMaskError,
        match=r"not finite at iteration 2 .* images shapes_0_00000\d\.png; lower --learning-rate",
    ):
        train(chosen)
    assert not (tmp_path / "state.safetensors").exists()  # weights that are lost are not kept


def test_losses_fall_on_one_image(tmp_path):
    """With four seeds they fell to at most 0.16, 0.45, 0.40 and 0.64 of their start."""
    steps = []
    chosen = options(
        tmp_path,
        datasets=("shapes:1",),
        classes=None,
        preset="refinemask_small",
        optimizer="adamw",
        learning_rate=1e-3,
        iterations=24,
        rois=32,
        mask_rois=4,
    )
    train(chosen, lambda number, total, losses: steps.append(losses))
    for name, share in (("rpn_score", 0.4), ("class", 0.7), ("semantic", 0.6), ("total", 0.8)):
        first, last = (sum(losses[name] for losses in some) for some in (steps[:4], steps[-4:]))
        assert last < share * first, name


def test_an_error_in_a_worker_is_one_line(tmp_path, monkeypatch):
    """An image may change after it was checked."""
    monkeypatch.setattr("refinemask.training.trainer.check_images", lambda *_: None)
    image = tmp_path / "photo.png"
    cv2.imwrite(str(image), np.zeros((64, 64, 3), np.uint8))
    annotation: dict[str, object] = {"id": 1, "image_id": 1, "category_id": 1}
    annotation |= {"iscrowd": 0, "area": 400}
    annotation |= {"bbox": [8, 8, 20, 20], "segmentation": [[8, 8, 28, 8, 28, 28, 8, 28]]}
    content = {
        "images": [{"id": 1, "file_name": image.name, "height": 64, "width": 96}],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "file.json").write_text(json.dumps(content))
    spec = (f"{tmp_path / 'file.json'}@{tmp_path}",)
    with pytest.raises(RefineMaskError, match="use the images that belong") as caught:
        train(options(tmp_path / "run", datasets=spec, classes=None, workers=1))
    assert "Traceback" not in str(caught.value)
