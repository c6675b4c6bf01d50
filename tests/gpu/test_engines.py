"""Engines with our plugins, run on a GPU: each operator, zero detections, the whole network."""

import numpy as np
import onnx
import pytest
import torch

from refinemask.configs.presets import refinemask_small
from refinemask.engines.tensorrt.profile import Profile
from refinemask.export import export_graph
from refinemask.inference import native
from refinemask.inference.pasting import paste_masks
from refinemask.inference.structures import RawOutputs
from refinemask.ops.batched_nms import batched_nms
from refinemask.ops.boundary_refine import boundary_refine
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.export.small import assert_parity, calibrated, photo
from tests.gpu.runner import Runner, build
from tests.plugins.tolerances import close
from tests.tensorrt import graphs

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt]
TORCH_TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.fixture
def engine(gpu, tmp_path):
    """Return a function from a graph to an engine that runs."""
    library = native.library("trt")
    if library is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")

    def make(graph: graphs.Graph) -> Runner:
        return build(graph.save(tmp_path), graph.profile, [library])

    return make


@pytest.mark.parametrize("dtype", TORCH_TYPES)
def test_multiscale_roi_align(engine, dtype):
    generator = torch.Generator().manual_seed(0)
    kind = TORCH_TYPES[dtype]
    runner = engine(graphs.roi_align(dtype, **graphs.ROI_ALIGN))
    for batch, count in ((1, 100), (3, 0), (2, 7)):
        p2 = torch.randn((batch, 16, 64, 96), generator=generator).to(kind)
        p3 = torch.randn((batch, 16, 32, 48), generator=generator).to(kind)
        corner = torch.rand((count, 2), generator=generator) * 200
        size = torch.rand((count, 2), generator=generator) * 200
        image = torch.randint(0, batch, (count, 1), generator=generator)
        rois = torch.cat((image, corner, corner + size), 1)
        expected = multiscale_roi_align(rois, [p2, p3], 7, (4, 8))
        found = runner.run({"rois": rois, "p2": p2, "p3": p3})["pooled"].cpu()
        torch.testing.assert_close(found, expected, **close("MultiScaleRoIAlign", kind))


@pytest.mark.parametrize("boxes_per_group", [False, True])
def test_batched_nms(engine, boxes_per_group):
    generator = torch.Generator().manual_seed(1)
    runner = engine(graphs.batched_nms(boxes_per_group, **graphs.NMS))
    for batch, count, best in ((1, 1000, 1.0), (4, 50, 1.0), (2, 50, 0.04), (1, 0, 1.0)):
        shape = (batch, count, 80) if boxes_per_group else (batch, count)
        corners = torch.rand((*shape, 2), generator=generator) * 500
        boxes = torch.cat((corners, corners + 60), -1)
        scores = torch.rand((batch, count, 80), generator=generator) * best
        per_group = boxes if boxes_per_group else boxes[:, :, None].expand(-1, -1, 80, -1)
        expected = batched_nms(per_group.contiguous(), scores, 0.5, 0.05, 100)
        outputs = runner.run({"boxes": boxes, "scores": scores})
        assert torch.equal(outputs["selected"].cpu(), expected)
        assert int(outputs["count"]) == len(expected)


@pytest.mark.parametrize("dtype", TORCH_TYPES)
def test_boundary_refine(engine, dtype):
    kind = TORCH_TYPES[dtype]
    runner = engine(graphs.boundary_refine(dtype, **graphs.BOUNDARY_REFINE))
    for count in (100, 0, 3):
        coarse = torch.randn(count, 1, 28, 28).to(kind)
        fine = torch.randn(count, 1, 56, 56).to(kind)
        expected = boundary_refine(coarse.float(), fine.float()).to(kind)
        found = runner.run({"coarse": coarse, "fine": fine})["refined"].cpu()
        torch.testing.assert_close(found, expected, **close("BoundaryRefine", kind))


def test_paste_masks(engine):
    runner = engine(graphs.paste_masks(**graphs.PASTE_MASKS))
    for count, height, width in ((20, 200, 301), (0, 64, 64), (3, 800, 1333)):
        masks = torch.rand(count, 112, 112)
        corner = torch.rand(count, 2) * 200 - 30
        boxes = torch.cat((corner, corner + torch.rand(count, 2) * 150), 1)
        expected = paste_masks(masks.numpy(), boxes.numpy(), height, width)
        size = torch.tensor([height, width])
        found = runner.run({"masks": masks, "boxes": boxes, "size": size})["bitmaps"]
        assert np.array_equal(found.cpu().numpy().astype(bool), expected)


def test_no_detections_and_then_some(engine):
    """An image without detections leaves nothing behind for the next."""
    runner = engine(graphs.detections())
    generator = torch.Generator().manual_seed(2)
    maps = {"p2": torch.randn(1, 16, 64, 64), "p3": torch.randn(1, 16, 32, 32)}
    corners = torch.rand((1, 200, 2), generator=generator) * 150
    boxes = torch.cat((corners, corners + 50), -1)
    scores = torch.rand((1, 200, 80), generator=generator)
    first = runner.run({"boxes": boxes, "scores": scores, **maps})["features"]
    none = runner.run({"boxes": boxes, "scores": scores * 0, **maps})["features"]
    again = runner.run({"boxes": boxes, "scores": scores, **maps})["features"]
    assert len(first) == 100 and len(none) == 0
    assert torch.equal(first, again)


def test_whole_network(gpu, tmp_path):
    library = native.library("trt")
    if library is None:
        pytest.skip(f"librefinemask_trt.so is not built; {native.BUILD}")
    model = calibrated(refinemask_small())
    onnx.save(export_graph(model, form="fused"), tmp_path / "model.onnx")
    profile = Profile(
        {
            "images": ((1, 64, 64, 3), (1, 224, 288, 3), (2, 512, 512, 3)),
            "image_sizes": ((1, 2), (1, 2), (2, 2)),
        }
    )
    runner = build(tmp_path / "model.onnx", profile, [library])
    images = np.stack([photo(224, 288, seed) for seed in (0, 1)])
    sizes = np.array([[224, 288]] * 2, np.int64)
    for count in (1, 2):
        inputs = {
            "images": torch.from_numpy(images[:count]),
            "image_sizes": torch.from_numpy(sizes[:count]),
        }
        found = RawOutputs(**runner.run(inputs)).map(lambda values: values.cpu().numpy())
        assert assert_parity(model, images[:count], sizes[:count], found) >= 5
