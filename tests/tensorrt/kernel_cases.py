"""Inputs of the kernels, and what PyTorch's references make of them: for CPU and GPU."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from refinemask.inference.pasting import paste_masks
from refinemask.inference.processing import resize
from refinemask.ops import places
from refinemask.ops.batched_nms import batched_nms
from refinemask.ops.boundary_refine import boundary_refine
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.plugins.tolerances import close
from tests.tensorrt.kernels import Kernels

STRIDES = (4, 8, 16, 32)
TYPES = (torch.float32, torch.float16, torch.bfloat16)


def _rois(count: int, generator: torch.Generator) -> Tensor:
    """RoIs of two images, of all levels, some outside the image and some without extent."""
    image = torch.randint(0, 2, (count, 1), generator=generator)
    corner = torch.rand((count, 2), generator=generator) * 500 - 50
    size = 3 * torch.exp(torch.rand((count, 2), generator=generator) * 5)
    size[: count // 20] = 0
    return torch.cat((image, corner, corner + size), 1)


def check_multiscale_roi_align(kernels: Kernels) -> None:
    """All types, sizes of output and conventions."""
    generator = torch.Generator().manual_seed(0)
    features = [
        torch.randn((2, 70, 384 // stride, 512 // stride), generator=generator)
        for stride in STRIDES
    ]
    none = kernels.multiscale_roi_align(_rois(0, generator), features, 7, STRIDES)
    assert none.shape == (0, 70, 7, 7)
    for output_size, sampling_ratio, aligned in ((7, 0, True), (14, 2, True), (5, 0, False)):
        rois = _rois(60, generator)
        for dtype in TYPES:
            typed = [feature.to(dtype) for feature in features]
            options = (output_size, STRIDES, sampling_ratio, aligned)
            expected = multiscale_roi_align(rois, typed, *options)
            found = kernels.multiscale_roi_align(rois, typed, *options).cpu()
            torch.testing.assert_close(found, expected, **close("MultiScaleRoIAlign", dtype))


def check_channels_last(kernels: Kernels) -> None:
    """The same bits as from maps that are stored by channel; what pads the channels becomes 0."""
    generator = torch.Generator().manual_seed(4)
    # Cells of float32 that 16 bytes divide or not; the 16-bit ones are padded in the second case.
    for channels, output_size in ((72, 7), (70, 14), (256, 7)):
        features = [
            torch.randn((2, channels, 384 // stride, 512 // stride), generator=generator)
            for stride in STRIDES
        ]
        rois = _rois(60, generator)
        rois[3, 0], rois[4, 0] = 2, -1  # images that are not in the batch
        none = kernels.multiscale_roi_align(rois[:0], features, 7, STRIDES, channels_last=True)
        assert none.shape == (0, channels, 7, 7)
        for dtype in TYPES:
            typed = [feature.to(dtype) for feature in features]
            expected = kernels.multiscale_roi_align(rois, typed, output_size, STRIDES)
            found = kernels.multiscale_roi_align(
                rois, typed, output_size, STRIDES, channels_last=True
            )
            assert torch.equal(found[:, :channels], expected)
            assert not found[:, channels:].any()  # nor is a NaN left


def check_batched_nms(kernels: Kernels) -> None:
    """Levels and classes, ties, all conventions of shifting, several images."""
    generator = torch.Generator().manual_seed(1)
    for count, groups, limit, options in (
        (1000, 5, 1000, (None, 0)),
        (1000, 80, 100, (None, 0)),
        (300, 7, 500, (1000, 1)),
        (0, 3, 10, (None, 0)),
    ):
        corners = torch.rand((2, count, groups, 2), generator=generator) * 700
        sizes = torch.rand((2, count, groups, 2), generator=generator) * 120
        boxes = torch.cat((corners, corners + sizes), -1)
        scores = torch.rand((2, count, groups), generator=generator).round(decimals=4)
        expected = batched_nms(boxes, scores, 0.6, 0.3, limit, *options)
        found = kernels.batched_nms(boxes, scores, 0.6, 0.3, limit, *options).cpu()
        assert torch.equal(found, expected)
        # Shared by the groups.
        shared = boxes[:, :, :1]
        expanded = shared.expand(boxes.shape).contiguous()
        expected = batched_nms(expanded, scores, 0.6, 0.3, limit, *options)
        found = kernels.batched_nms(shared[:, :, 0], scores, 0.6, 0.3, limit, *options).cpu()
        assert torch.equal(found, expected)


def check_boundary_refine(kernels: Kernels) -> None:
    """All types and widths: exactly where the fine stage is taken, and almost exactly elsewhere."""
    generator = torch.Generator().manual_seed(2)
    for size, width in ((28, 1), (56, 1), (14, 2), (9, 3)):
        coarse = torch.nn.functional.interpolate(
            torch.randn((20, 1, 4, 4), generator=generator), (size, size), mode="bicubic"
        )
        fine = torch.randn((20, 1, 2 * size, 2 * size), generator=generator) + 100
        expected = boundary_refine(coarse, fine, width)
        found = kernels.boundary_refine(coarse, fine, width).cpu()
        assert torch.equal(found > 50, expected > 50)
        assert bool((found > 50).any()) and bool((found < 50).any())
        torch.testing.assert_close(found, expected, **close("BoundaryRefine", found.dtype))
        for dtype in (torch.float16, torch.bfloat16):
            # The decision is float32 whatever the type, so the reference is too.
            typed = boundary_refine(coarse.to(dtype).float(), fine.to(dtype).float(), width)
            found = kernels.boundary_refine(coarse.to(dtype), fine.to(dtype), width).cpu()
            assert torch.equal(found > 50, typed > 50)
            torch.testing.assert_close(found.float(), typed, **close("BoundaryRefine", dtype))


def check_paste_masks(kernels: Kernels) -> None:
    """Boxes inside, across and outside the image, without extent and not finite."""
    generator = torch.Generator().manual_seed(3)
    boxes = _rois(60, generator)[:, 1:]
    boxes[0], boxes[1, 2] = torch.nan, torch.inf
    masks = torch.rand((60, 28, 28), generator=generator)
    expected = torch.from_numpy(paste_masks(masks.numpy(), boxes.numpy(), 203, 333))
    found = kernels.paste_masks(masks, boxes, 203, 333).cpu()
    finite = torch.isfinite(boxes).all(1)
    assert torch.equal(found[finite].bool(), expected[finite])
    assert int(found.max()) == 1
    for dtype in (torch.float16, torch.bfloat16):
        typed = masks.to(dtype)
        expected = torch.from_numpy(paste_masks(typed.float().numpy(), boxes.numpy(), 203, 333))
        found = kernels.paste_masks(typed, boxes, 203, 333).cpu()
        assert torch.equal(found[finite].bool(), expected[finite])


def check_prepare_image(kernels: Kernels) -> None:
    """The bytes of the CPU, for all channel orders, with gaps between rows and without."""
    generator = torch.Generator().manual_seed(6)
    orders: tuple[tuple[int, ...], ...] = ((0, 1, 2), (2, 1, 0), (0, 1, 2), (2, 1, 0), (0, 0, 0))
    for pixel_format, (order, channels) in enumerate(zip(orders, (3, 3, 4, 4, 1), strict=True)):
        for height, width, gap, resized, padded in (
            (480, 640, 0, (300, 400), (320, 416)),
            (97, 311, 5, (251, 804), (256, 832)),
            (1, 1, 0, (40, 50), (64, 64)),
            (64, 96, 3, (64, 96), (64, 96)),
        ):
            shape = (height, width + gap, channels)
            whole = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
            image = whole[:, :width]
            rgb = np.ascontiguousarray(image.numpy()[..., order])
            expected = np.zeros((*padded, 3), np.uint8)
            expected[: resized[0], : resized[1]] = resize(rgb, *resized)
            found = kernels.prepare_image(image, pixel_format, resized, padded).cpu()
            assert np.array_equal(found.numpy(), expected)


def check_tiles(kernels: Kernels) -> None:
    """Masks of a few blocks and of none; tiles that cross the maps' edges, and single pixels."""
    generator = torch.Generator().manual_seed(7)
    for shape in ((2, 25, 21), (90, 56, 56), (3, 0, 5)):
        mask = (torch.rand(shape, generator=generator) < 0.3).float()
        assert torch.equal(kernels.nonzero_places(mask).cpu(), places.nonzero_places(mask))
    maps = torch.randn((2, 70, 50, 83), generator=generator)
    for size, margin in (((8, 16), 1), ((1, 1), 0), ((50, 83), 5)):
        mask = torch.rand((2, -(-50 // size[0]), -(-83 // size[1])), generator=generator) < 0.6
        at = torch.cat((torch.tensor([[2, 0, 0], [0, -1, 0]]), torch.nonzero(mask)))
        for dtype in TYPES:
            typed = maps.to(dtype)
            expected = places.gather_tiles(typed, at, size, margin)
            assert torch.equal(kernels.gather_tiles(typed, at, size, margin).cpu(), expected)
            tiles = places.gather_tiles(typed, at, size, 0)
            expected = places.scatter_tiles(tiles, at, typed[:, :1])
            assert torch.equal(kernels.scatter_tiles(tiles, at, typed[:, :1]).cpu(), expected)


def check_conv_at_places(kernels: Kernels) -> None:
    """All types and dilations, more outputs than a block has, and no places."""
    generator = torch.Generator().manual_seed(8)
    for channels, outputs, dilation in ((64, 64, 1), (24, 24, 5), (70, 130, 3)):
        maps = torch.randn((4, channels, 28, 28), generator=generator)
        weight = torch.randn((outputs, channels, 3, 3), generator=generator) / channels**0.5 / 3
        bias = torch.randn(outputs, generator=generator)
        at = torch.nonzero(torch.rand((4, 28, 28), generator=generator) < 0.3)
        for dtype in TYPES:
            typed = (maps.to(dtype), at, weight.to(dtype), bias.to(dtype), dilation)
            expected = places.conv_at_places(*typed)
            found = kernels.conv_at_places(*typed).cpu()
            torch.testing.assert_close(found, expected, **close("ConvAtPlaces", dtype))
        assert kernels.conv_at_places(maps, at[:0], weight, bias).shape == (0, outputs)


CHECKS: dict[str, Callable[[Kernels], None]] = {
    "MultiScaleRoIAlign": check_multiscale_roi_align,
    "MultiScaleRoIAlign, channels last": check_channels_last,
    "BatchedNMS": check_batched_nms,
    "BoundaryRefine": check_boundary_refine,
    "PasteMasks": check_paste_masks,
    "tiles": check_tiles,
    "ConvAtPlaces": check_conv_at_places,
    "preparation of images": check_prepare_image,
}
