"""Runs on the embedded shapes, on images of 96 x 128: exact repetition, interruption, options."""

import json
import shutil
import signal
from dataclasses import replace

import pytest
import torch

from refinemask.checkpoints import load_model, save_checkpoint, synthetic_model
from refinemask.config import maskrcnn_small
from refinemask.errors import RefineMaskError
from refinemask.models.refine_mask_head import RefineMaskHead
from refinemask.training import TrainOptions, train, trainer

CLASSES = ("star", "ring")


def options(output, **changes):
    values = {
        "output": output,
        "datasets": ("shapes:2",),
        "preset": "maskrcnn_small",
        "classes": CLASSES,
        "iterations": 4,
        "batch_size": 1,
        "short_sides": (96,),
        "long_side": 128,
        "canvas": 128,
        "rois": 16,
        "mask_rois": 2,
        "warm_up": 2,
        "seed": 3,
    }
    return TrainOptions(**values | changes)


def weights(path):
    return load_model(path).state_dict()


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    different = [name for name in expected if not torch.equal(found[name], expected[name])]
    assert not different


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


KINDS = {
    "sgd": {"learning_rate": 0.01},
    "adamw": {"preset": "refinemask_small", "optimizer": "adamw", "schedule": "cosine"},
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(scope="module")
def uninterrupted(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(options(folder, **kind))
    return folder


def interrupt_in_report(monkeypatch, iteration):
    def report(number, total, losses):
        if number == iteration:
            raise KeyboardInterrupt

    return report


def interrupt_in_losses(monkeypatch, iteration):
    calls = []

    def losses(*args, **kwargs):
        calls.append(args)
        if len(calls) == iteration + 1:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    original = trainer.detector_losses
    monkeypatch.setattr(trainer, "detector_losses", losses)


def interrupt_in_update(monkeypatch, iteration):
    calls = []

    def write(log, values):
        calls.append(values)
        if len(calls) == iteration:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C, after the weights but before the log
        original(log, values)

    original = trainer.MetricsLog.write
    monkeypatch.setattr(trainer.MetricsLog, "write", write)


@pytest.mark.parametrize("iteration", [2, 3])  # at the end of an epoch, and within one
@pytest.mark.parametrize(
    "interrupt", [interrupt_in_report, interrupt_in_losses, interrupt_in_update]
)
def test_an_interrupted_run_continues_exactly(
    kind, uninterrupted, tmp_path, monkeypatch, interrupt, iteration
):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        train(options(tmp_path, **kind), interrupt(patched, iteration))
    assert len(metrics(tmp_path)) == iteration
    checkpoint = train(options(tmp_path, resume=True, **kind))
    assert_equal(weights(checkpoint), weights(uninterrupted / "model.safetensors"))
    lines, expected = metrics(tmp_path), metrics(uninterrupted)
    assert [line | {"seconds": 0} for line in lines] == [e | {"seconds": 0} for e in expected]


def test_a_killed_run_continues_from_its_last_epoch(kind, uninterrupted, tmp_path, monkeypatch):
    shutil.copytree(uninterrupted, tmp_path, dirs_exist_ok=True)
    (tmp_path / "state.safetensors").unlink()
    (tmp_path / "model.safetensors").unlink()

    def fail(number, total, losses):
        if number == 3:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        train(options(tmp_path, **kind), fail)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 4, "lr":')  # the writing was cut short
    train(options(tmp_path, resume=True, **kind))
    assert_equal(
        weights(tmp_path / "model.safetensors"), weights(uninterrupted / "model.safetensors")
    )
    assert [line["iteration"] for line in metrics(tmp_path)] == [1, 2, 3, 4]


def test_another_seed_gives_other_weights(kind, uninterrupted, tmp_path):
    checkpoint = train(options(tmp_path, **kind | {"seed": 4, "iterations": 1}))
    found, expected = weights(checkpoint), weights(uninterrupted / "model.safetensors")
    name = "roi_head.bbox_head.fc_cls.weight"
    assert not torch.allclose(found[name], expected[name], atol=1e-2)


def test_workers_do_not_change_the_result(tmp_path):
    found = [
        weights(train(options(tmp_path / str(workers), iterations=1, workers=workers)))
        for workers in (0, 1)
    ]
    assert_equal(*found)


def test_metrics_and_checkpoint(kind, uninterrupted):
    lines = metrics(uninterrupted)
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4]
    chosen = options(uninterrupted, **kind)
    rates = [chosen.base_learning_rate * chosen.rate_at(i, 4) for i in range(4)]
    assert [line["lr"] for line in lines] == pytest.approx(rates)
    assert all(line["grad_norm"] > 0 and line["total"] > 0 for line in lines)
    model = load_model(uninterrupted / "model.safetensors")
    assert model.class_names == CLASSES
    assert model.config.preset == chosen.preset
    assert sorted(path.name for path in uninterrupted.iterdir()) == [
        "metrics.jsonl", "model.safetensors", "state.safetensors"
    ]  # fmt: skip


def test_reports_follow_every_iteration(tmp_path):
    calls = []
    train(options(tmp_path, iterations=2), lambda *call: calls.append(call))
    assert [(number, total) for number, total, _ in calls] == [(1, 2), (2, 2)]
    assert calls[0][2].keys() == {"rpn_score", "rpn_box", "class", "box", "mask", "total"}


def test_evaluation_at_the_ends_of_epochs(tmp_path, monkeypatch):
    evaluated = []
    monkeypatch.setattr(trainer, "evaluate", lambda *args: evaluated.append(args) or {"images": 1})
    chosen = options(tmp_path, iterations=5, validation=("shapes:1",), evaluate_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, interrupt_in_report(monkeypatch, 5))
    assert [(e["iteration"], e["validation"]) for e in metrics(tmp_path) if "validation" in e] == [
        (4, "shapes:1")
    ]
    assert not evaluated[0][0].training
    train(replace(chosen, resume=True))  # interrupted before its last evaluation
    assert [e["iteration"] for e in metrics(tmp_path) if "validation" in e] == [4, 5]


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
    assert found.roi_head.mask_head.semantic_logits.bias.any()  # zero at its start
    assert set(metrics(tmp_path)[0]) >= {"mask", "semantic"}
    assert "class" not in metrics(tmp_path)[0]


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


def test_backbone_factor_zero_keeps_the_trunk(detector, tmp_path):
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
        ({"canvas": 96}, "does not fit the canvas"),
    ],
)
def test_errors_before_training(tmp_path, changes, message):
    with pytest.raises(RefineMaskError, match=message):
        train(options(tmp_path, **changes))
    assert not list(tmp_path.glob("*.safetensors"))


def test_init_with_other_classes(detector, tmp_path):
    with pytest.raises(RefineMaskError, match="knows the classes star, ring, the data set letter"):
        train(options(tmp_path, preset=None, init=detector, classes=("letter",)))


def test_a_mask_head_of_another_trunk(detector, tmp_path):
    chosen = options(tmp_path, init=detector, reset_mask_head=True, preset="refinemask_r50")
    with pytest.raises(RefineMaskError, match="choose a preset with the same trunk"):
        train(chosen)


def test_a_folder_with_a_run_is_not_overwritten(detector, tmp_path):
    shutil.copy(detector, tmp_path / "model.safetensors")
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(RefineMaskError, match="holds a run already; --resume it or choose another"):
        train(options(tmp_path))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_an_output_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RefineMaskError, match="choose a writable"):
        train(options(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept"


def test_resume_with_other_options(uninterrupted, kind):
    with pytest.raises(RefineMaskError, match=r"--seed 9 \(was 3\)"):
        train(options(uninterrupted, resume=True, **kind | {"seed": 9}))


def test_resume_of_a_finished_run_changes_nothing(uninterrupted, kind):
    before = weights(uninterrupted / "model.safetensors")
    train(options(uninterrupted, resume=True, **kind), lambda *_: pytest.fail("trained again"))
    assert_equal(weights(uninterrupted / "model.safetensors"), before)


def test_a_loss_that_is_not_finite(tmp_path):
    chosen = options(tmp_path, learning_rate=1e30, warm_up=0)
    with pytest.raises(
        RefineMaskError, match=r"not finite at iteration 2 .* lower --learning-rate"
    ):
        train(chosen)


def test_losses_fall_on_one_image(tmp_path):
    totals = []
    chosen = options(
        tmp_path,
        datasets=("shapes:1",),
        classes=None,
        preset="refinemask_small",
        optimizer="adamw",
        iterations=15,
        rois=32,
        mask_rois=4,
    )
    train(chosen, lambda number, total, losses: totals.append(losses))
    assert sum(t["total"] for t in totals[-4:]) < 0.75 * sum(t["total"] for t in totals[:4])
    assert totals[-1]["semantic"] < 0.5 * totals[0]["semantic"]
    assert totals[-1]["rpn_score"] < 0.5 * totals[0]["rpn_score"]
