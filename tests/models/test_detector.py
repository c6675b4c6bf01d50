"""The detector's contract, on a narrow model with synthetic weights and images of 64 x 96."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from refinemask.checkpoints import synthetic_model
from refinemask.configs.config import InputConfig
from refinemask.configs.presets import maskrcnn_r50, maskrcnn_small, refinemask_small
from refinemask.errors import RefineMaskError
from refinemask.inference.rle import decode_rle
from refinemask.models import build_model
from refinemask.models.detector import normalise

PRESETS = {"refinemask": refinemask_small, "maskrcnn": maskrcnn_small}
SIZES = torch.tensor([[64, 96], [50, 90], [33, 40]])


def small_model(preset):
    return synthetic_model(replace(preset(3), input=InputConfig(64, 96), max_detections=12))


@pytest.fixture(scope="module", params=PRESETS)
def model(request):
    return small_model(PRESETS[request.param])


@pytest.fixture(scope="module")
def refinemask():
    return small_model(refinemask_small)


@pytest.fixture(scope="module")
def images():
    """Return uint8 (3, 64, 96, 3), zero outside `SIZES`: two of smooth noise and a grey one."""
    noise = torch.rand(3, 3, 6, 8, generator=torch.Generator().manual_seed(0)) * 255
    noise[2] = 128
    smooth = nn.functional.interpolate(noise, (64, 96), mode="bicubic").clamp(0, 255)
    images = smooth.permute(0, 2, 3, 1).round().byte()
    for image, (height, width) in zip(images, SIZES.tolist(), strict=True):
        image[height:], image[:, width:] = 0, 0
    return images


@pytest.fixture
def photo():
    """Return a uint8 image (80, 120, 3) of coloured squares."""
    squares = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    return squares.repeat(20, 0).repeat(20, 1)


@torch.inference_mode()
def detect(model, images, sizes):
    return model.detect(images, sizes)


def of_image(raw, index):
    chosen = raw.image_index == index
    return raw.map(lambda values: values[chosen])


def test_outputs_keep_the_contract(model, images):
    raw = detect(model, images, SIZES)
    count, side = len(raw.scores), model.config.mask_head.mask_size
    assert count >= 20
    assert (raw.boxes.shape, raw.boxes.dtype) == ((count, 4), torch.float32)
    assert (raw.scores.shape, raw.scores.dtype) == ((count,), torch.float32)
    assert (raw.labels.shape, raw.labels.dtype) == ((count,), torch.int64)
    assert (raw.image_index.shape, raw.image_index.dtype) == ((count,), torch.int64)
    assert (raw.masks.shape, raw.masks.dtype) == ((count, side, side), torch.float32)
    assert (raw.masks >= 0).all() and (raw.masks <= 1).all()
    assert (raw.image_index.diff() >= 0).all()
    for index, (height, width) in enumerate(SIZES.tolist()):
        one = of_image(raw, index)
        assert (one.scores.diff() <= 0).all()
        assert (one.scores > model.config.score_threshold).all()
        assert (one.boxes >= 0).all()
        assert (one.boxes <= torch.tensor([width, height] * 2)).all()
        assert set(one.labels.tolist()) <= {0, 1, 2}


def test_a_batch_equals_its_images(model, images):
    # In double precision, in which no rounding decides which pixels count as boundary.
    exact = copy.deepcopy(model).double()
    x = normalise(images, SIZES, model.config.input).double()
    with torch.inference_mode():
        raw = exact(x, SIZES)
        for index in range(len(SIZES)):
            one = exact(x[index : index + 1], SIZES[index : index + 1])
            found = of_image(raw, index)
            assert torch.equal(found.labels, one.labels)
            for name in ("boxes", "scores", "masks"):
                expected = getattr(one, name)
                torch.testing.assert_close(getattr(found, name), expected, atol=1e-5, rtol=1e-5)


def test_what_is_in_the_padding_does_not_matter(refinemask, images):
    size = SIZES[1:2]
    dirty = images[1:2].clone()
    dirty[:, 50:], dirty[:, :, 90:] = 255, 77
    clean, found = detect(refinemask, images[1:2], size), detect(refinemask, dirty, size)
    assert all(torch.equal(a, b) for a, b in zip(clean, found, strict=True))


def test_an_image_without_detections_in_a_batch(model, images, monkeypatch):
    threshold = 0.95
    monkeypatch.setattr(model, "config", replace(model.config, score_threshold=threshold))
    for order in ([0, 2], [2, 0], [2, 0, 2]):
        raw = detect(model, images[order], SIZES[order])
        assert raw.image_index.unique().tolist() == [order.index(0)]
        assert (raw.scores > threshold).all()


def test_no_detections_at_all(model, images, monkeypatch):
    monkeypatch.setattr(model, "config", replace(model.config, score_threshold=1 - 1e-9))
    raw = detect(model, images[:2], SIZES[:2])
    side = model.config.mask_head.mask_size
    assert [tuple(v.shape) for v in raw] == [(0, 4), (0,), (0,), (0,), (0, side, side)]
    for masks in ("bitmap", "rle", "probs"):
        detections = model.predict(images[0].numpy(), masks)
        assert len(detections) == 0
        assert detections.boxes.shape == (0, 4)
        assert np.shape(detections.masks) == {
            "bitmap": (0, 64, 96), "rle": (0,), "probs": (0, side, side)
        }[masks]  # fmt: skip
    after = detect(model, images[:1], SIZES[:1])
    assert len(after.scores) == 0


def test_no_proposals(model, images):
    with torch.inference_mode():
        features = model.features(normalise(images, SIZES, model.config.input))
        raw = model.detect_in_proposals(features, torch.zeros(0, 5), SIZES)
    assert len(raw.scores) == 0


def test_the_limit_holds_for_each_image(refinemask, images, monkeypatch):
    everything = detect(refinemask, images, SIZES)
    monkeypatch.setattr(refinemask, "config", replace(refinemask.config, max_detections=2))
    few = detect(refinemask, images, SIZES)
    assert few.image_index.tolist() == [0, 0, 1, 1, 2, 2]
    for index in range(3):
        expected = of_image(everything, index).boxes[:2]
        torch.testing.assert_close(of_image(few, index).boxes, expected, atol=2e-3, rtol=0)


def test_predict_formats_agree(model, photo):
    bitmap, rle, probs = (model.predict(photo, masks) for masks in ("bitmap", "rle", "probs"))
    side = model.config.mask_head.mask_size
    assert bitmap.image_size == (80, 120)
    assert bitmap.masks.shape == (len(bitmap), 80, 120)
    assert probs.masks.shape == (len(bitmap), side, side)
    for mask, run_lengths in zip(bitmap.masks, rle.masks, strict=True):
        np.testing.assert_array_equal(decode_rle(run_lengths), mask)
    for other in (rle, probs):
        np.testing.assert_array_equal(other.boxes, bitmap.boxes)
        np.testing.assert_array_equal(other.labels, bitmap.labels)
    assert (bitmap.boxes <= [120, 80, 120, 80]).all()
    assert bitmap.boxes[:, 2].max() > 96  # in pixels of the image, not of the network's input


def test_predict_selects_the_best(refinemask, photo):
    everything = refinemask.predict(photo, "probs")
    cut = float(everything.scores[len(everything) // 2])
    few = refinemask.predict(photo, "probs", score_threshold=cut, max_detections=3)
    np.testing.assert_array_equal(few.scores, everything.scores[:3])
    confident = refinemask.predict(photo, "probs", score_threshold=cut)
    assert len(confident) == np.count_nonzero(everything.scores >= cut) < len(everything)
    with pytest.raises(RefineMaskError, match="mask format"):
        refinemask.predict(photo, "polygon")


@pytest.mark.parametrize("shape", [(1, 1), (20_000, 20), (20, 20_000), (64, 96), (1, 300)])
def test_predict_accepts_any_size(model, shape):
    image = np.full((*shape, 3), 128, np.uint8)
    detections = model.predict(image, "rle")
    assert detections.image_size == shape
    height, width = shape
    assert (detections.boxes <= np.array([width, height] * 2) * 1.0001).all()
    assert all(mask["size"] == [height, width] for mask in detections.masks)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 96), np.uint8),
        np.zeros((64, 96, 4), np.uint8),
        np.zeros((64, 96, 3), np.float32),
        np.zeros((0, 96, 3), np.uint8),
    ],
)
def test_predict_refuses_what_is_no_rgb_image(refinemask, image):
    with pytest.raises(RefineMaskError, match="uint8 RGB array of shape"):
        refinemask.predict(image)


def test_normalisation_by_hand():
    images = torch.tensor([10, 20, 30], dtype=torch.uint8).expand(1, 4, 5, 3)
    config = InputConfig(mean=(8.0, 20.0, 36.0), std=(2.0, 3.0, 3.0))
    x = normalise(images, torch.tensor([[3, 2]]), config)
    assert x.shape == (1, 3, 4, 5)
    assert x[0, :, 2, 1].tolist() == [1, 0, -2]
    valid = torch.zeros(4, 5, dtype=torch.bool)
    valid[:3, :2] = True
    assert torch.equal(x[0, 0] != 0, valid)


@pytest.mark.parametrize("preset", [maskrcnn_r50, maskrcnn_small])
def test_norms_and_the_first_stages_stay_as_they_are(preset):
    with torch.device("meta"):
        model = build_model(preset()).train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    stages = (
        ("conv1", "bn1", "layer1") if preset is maskrcnn_r50 else ("stem", "stages.0", "stages.1")
    )
    prefixes = tuple(f"backbone.{stage}." for stage in stages)
    assert frozen == {name for name, _ in model.named_parameters() if name.startswith(prefixes)}


def test_small_backbone_gives_four_strides(refinemask):
    with torch.inference_mode():
        maps = refinemask.backbone(torch.zeros(1, 3, 64, 96))
        levels = refinemask.features(torch.zeros(1, 3, 64, 96))
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    assert [tuple(m.shape[1:]) for m in maps] == [
        (c, *size) for c, size in zip(refinemask.backbone.channels, sizes, strict=False)
    ]
    assert [tuple(level.shape[1:]) for level in levels] == [(96, *size) for size in sizes]
