"""DeepLabV3+ for Figure 1: its backbone, its training, its checkpoints."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

pytest.importorskip("matplotlib")
pytest.importorskip("segmentation_models_pytorch")

import refinemask.benchmarks.figure1.deeplab_training.train as program
from refinemask.benchmarks.figure1.deeplab import DeepLab, load_deeplab, save_deeplab
from refinemask.benchmarks.figure1.deeplab_training.__main__ import deeplab
from refinemask.benchmarks.figure1.deeplab_training.options import DeepLabOptions
from refinemask.benchmarks.figure1.deeplab_training.train import train_deeplab
from refinemask.benchmarks.figure1.deeplab_training.trainable import TrainableDeepLab
from refinemask.benchmarks.figure1.segmenters import open_segmenters
from refinemask.cli.main import app
from refinemask.commands import new_program
from refinemask.data.batches import Batch, Target
from refinemask.data.masks import BitmapMask
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.models.efficientnet_lite import EfficientNetLite
from tests.benchmarks.figure1.test_figure1 import SQUARE, write_dataset

OPTIONS = DeepLabOptions(("shapes:4",), classes=None, iterations=2)


def train_small(options, report=None):
    """Train on images of at most 96 pixels, which is fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "SHORT_SIDES", (64,))
        patch.setattr(program, "LONG_SIDE", 96)
        return train_deeplab(options, report)


@pytest.fixture(scope="module")
def trained():
    """A model after two iterations, and the losses."""
    losses = []
    model = train_small(OPTIONS, lambda done, total, values: losses.append((done, values)))
    return model, losses


def test_the_backbone_is_that_of_the_small_detectors():
    ours, model = EfficientNetLite().eval(), TrainableDeepLab(("person",))
    ours.load_imagenet_weights()
    model.load_imagenet_weights()
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = model.network.encoder(images)
        expected = ours(images)
    for one, other in zip(theirs[2:5], expected[:3], strict=True):
        torch.testing.assert_close(one, other)
    assert theirs[5].shape == (1, 320, 4, 6)  # dilated: stride 16 and not 32
    frozen = sum(p.numel() for p in model.network.encoder.parameters() if not p.requires_grad)
    assert frozen == sum(p.numel() for p in ours.parameters() if not p.requires_grad)


def test_training_moves_what_is_not_frozen(trained):
    model, losses = trained
    assert [done for done, _ in losses] == [1, 2]
    assert all(0 < values["loss"] < 5 for _, values in losses)
    start = TrainableDeepLab(())
    start.load_imagenet_weights()
    before = start.network.encoder.state_dict()
    after = model.network.encoder.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("blocks.6" in name for name in changed)
    assert not any("running" in name or "blocks.1." in name or "stem" in name for name in changed)
    assert model.class_names == open_dataset("shapes:4").class_names


def test_the_pooled_branch_keeps_the_statistics_it_was_calibrated_with(trained):
    model, _ = trained
    norm = model._pooled_branch[2]
    assert norm.num_batches_tracked == 8
    assert not torch.equal(norm.running_var, torch.ones(256))
    other = model.network.decoder.aspp[0].convs[0][1]
    assert other.num_batches_tracked == 10
    assert other.momentum == 0.01
    model.train()
    assert not norm.training
    assert other.training
    model.eval()


def test_equal_seeds_give_equal_weights(trained):
    first = trained[0].state_dict()
    second = train_small(OPTIONS).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = train_small(dataclasses.replace(OPTIONS, seed=1)).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_checkpoint_gives_the_same_model(trained, tmp_path):
    model, _ = trained
    path = tmp_path / "deeplab.safetensors"
    save_deeplab(model, path, {"iterations": 2})
    loaded = load_deeplab(path)
    assert loaded.class_names == model.class_names
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    found = loaded.foreground(image)
    assert found.shape == (40, 60)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, model.foreground(image))
    (segmenter,) = open_segmenters([], path, 0.5, "cpu")
    assert (segmenter.name, segmenter.kind) == ("DeepLabV3+", "semantic")
    np.testing.assert_array_equal(segmenter.foreground(image, model.class_names), found)
    with pytest.raises(RefineMaskError, match="train it with --classes person"):
        segmenter.foreground(image, ["person"])


def test_a_checkpoint_that_lacks_tensors_is_an_error(tmp_path):
    path = tmp_path / "deeplab.safetensors"
    model = DeepLab(("person",))
    model.network.decoder = torch.nn.Identity()
    save_deeplab(model, path, {})
    with pytest.raises(RefineMaskError, match=r"does not fit DeepLabV3\+"):
        load_deeplab(path)


def test_the_foreground_is_where_the_logit_is_not_negative():
    model = DeepLab(("person",))
    head = model.network.segmentation_head[0]
    torch.nn.init.zeros_(head.weight)
    image = np.zeros((50, 30, 3), np.uint8)
    for bias, found in ((0.1, True), (-0.1, False)):
        torch.nn.init.constant_(head.bias, bias)
        np.testing.assert_array_equal(model.foreground(image), np.full((50, 30), found))


def test_targets_are_the_union_of_the_instances_and_leave_padding_out():
    mask = np.zeros((2, 4, 5), np.uint8)
    mask[0, 0, :2] = 1
    mask[1, 0, 1:3] = 1
    masks = tuple(BitmapMask(m) for m in mask)
    target = Target(torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64), masks, (4, 5))
    batch = Batch(torch.zeros(1, 8, 8, 3, dtype=torch.uint8), torch.tensor([[4, 5]]), [target])
    foreground, valid = program.targets(batch)
    assert foreground.sum() == 3
    assert foreground[0, 0, :3].tolist() == [1, 1, 1]
    assert valid.sum() == 20
    assert valid[0, :4, :5].all()


def test_the_rate_warms_up_and_ends_near_nothing():
    rates = [program.rate_factor(i, 1000) for i in range(1000)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[50] == pytest.approx(0.5 * rates[100], rel=0.05)
    assert max(rates) == rates[100]
    assert rates[-1] < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datasets": ()}, "at least one --dataset"),
        ({"iterations": 0}, "--iterations must be >= 1, got 0"),
        ({"batch_size": 1}, "--batch-size must be >= 2, got 1"),
        ({"seed": -1}, "--seed must be >= 0, got -1"),
    ],
)
def test_wrong_options_are_an_error(change, message):
    with pytest.raises(RefineMaskError, match=message):
        dataclasses.replace(OPTIONS, **change)


@pytest.mark.parametrize(
    ("device", "message"),
    [("cuda:99", "cuda:99 is not available"), ("abacus", "--device must be auto, cpu or cuda:N")],
)
def test_a_device_that_is_not_there_is_an_error(device, message):
    with pytest.raises(RefineMaskError, match=message):
        train_deeplab(dataclasses.replace(OPTIONS, device=device))


def test_an_unknown_class_is_an_error():
    with pytest.raises(RefineMaskError, match="unicorn"):
        train_deeplab(dataclasses.replace(OPTIONS, classes=("unicorn",)))


def test_the_program_trains_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "SHORT_SIDES", (64,))
    monkeypatch.setattr(program, "LONG_SIDE", 96)
    path = tmp_path / "runs" / "deeplab.safetensors"
    classes = open_dataset("shapes:4").class_names[:2]
    options = ["--dataset", "shapes:4", "--classes", ",".join(classes), "--iterations", "1"]
    done = CliRunner().invoke(new_program(deeplab=deeplab), [*options, "--output", str(path)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"wrote {path}\n"
    assert load_deeplab(path).class_names == classes
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["refinemask-deeplab"])
    assert header["training"]["iterations"] == 1
    assert header["training"]["datasets"] == ["shapes:4"]


def test_figure1_compares_it_with_detectors(tmp_path):
    model = DeepLab(("person",))
    path = tmp_path / "deeplab.safetensors"
    save_deeplab(model, path, {})
    spec = write_dataset(tmp_path / "data", [(SQUARE, "person", False)])
    options = ["--dataset", spec, "--output", str(tmp_path / "out"), "--semantic", str(path)]
    done = CliRunner().invoke(app, ["figure1", "--model", "refinemask_small", *options])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "out" / "figure1.json").read_text())
    assert [model["name"] for model in result["models"]] == ["RefineMask", "DeepLabV3+"]
    assert [model["kind"] for model in result["models"]] == ["instance", "semantic"]


def test_training_does_not_replace_a_file(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_text("precious")
    with pytest.raises(RefineMaskError, match="already exists"):
        deeplab(OPTIONS, path)
    assert path.read_text() == "precious"
