"""What the plugins refuse, and what a user then reads: our message, whatever NVIDIA's says."""

import shutil

import pytest

from refinemask.engines.tensorrt.build import build_engine, list_creators
from refinemask.engines.tensorrt.profile import Profile
from refinemask.errors import RefineMaskError
from tests.tensorrt import graphs
from tests.tensorrt.graphs import Graph

pytestmark = pytest.mark.tensorrt

REFUSED: dict[str, tuple[Graph, str]] = {
    "missing attribute": (
        graphs.roi_align(**{k: v for k, v in graphs.ROI_ALIGN.items() if k != "finest_scale"}),
        "MultiScaleRoIAlign: attribute finest_scale must be a float, got none",
    ),
    "value out of range": (
        graphs.batched_nms(False, **graphs.NMS | {"iou_threshold": 1.5}),
        "BatchedNMS: attribute iou_threshold must be from 0 to 1, got 1.5",
    ),
    "several values": (
        graphs.boundary_refine(boundary_width=[1, 2]),
        "BoundaryRefine: attribute boundary_width must be an integer, got a list of integers",
    ),
    "levels and strides": (
        graphs.roi_align(**graphs.ROI_ALIGN | {"strides": [4, 8, 16]}),
        "MultiScaleRoIAlign: needs one feature map for each of the 3 strides (4, 8, 16), got 2",
    ),
    "type of features": (
        graphs.roi_align("int32", **graphs.ROI_ALIGN),
        "MultiScaleRoIAlign: features must be float32, float16 or bfloat16, not int32",
    ),
    "half precision coordinates": (
        graphs.roi_align("float16", rois="float16", **graphs.ROI_ALIGN),
        "MultiScaleRoIAlign: rois must be float32, not float16; cast them before the node",
    ),
    "half precision scores": (
        graphs.batched_nms(False, "float16", **graphs.NMS),
        "BatchedNMS: scores must be float32, not float16",
    ),
    "types that differ": (
        graphs.boundary_refine("float16", "float32", **graphs.BOUNDARY_REFINE),
        "BoundaryRefine: fine_logits must be float16 as coarse_logits, not float32",
    ),
    "size that is no shape": (
        graphs.paste_masks(threshold=0.5),
        "ONNX nodes mark with the attribute tensorrt_plugin_shape_input_indices=[2]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_our_message(rtx_plugins, tmp_path, name):
    graph, message = REFUSED[name]
    with pytest.raises(RefineMaskError) as error:
        build_engine(graph.save(tmp_path), graph.profile, rtx_plugins)
    assert message in str(error.value)
    assert "[refinemask]" not in str(error.value)  # TensorRT's logger has it, not standard error


def test_a_rank_that_does_not_fit(rtx_plugins, tmp_path):
    graph = graphs.boundary_refine(**graphs.BOUNDARY_REFINE)
    shape = graph.model.graph.input[0].type.tensor_type.shape
    del shape.dim[1]
    profile = Profile(
        {**graph.profile.shapes, "coarse": ((0, 28, 28), (100, 28, 28), (400, 28, 28))}
    )
    with pytest.raises(RefineMaskError, match="BoundaryRefine: coarse_logits must have the shape"):
        build_engine(graph.save(tmp_path), profile, rtx_plugins)


def test_channels_that_differ(rtx_plugins, tmp_path):
    graph = graphs.roi_align(**graphs.ROI_ALIGN)
    graph.model.graph.input[2].type.tensor_type.shape.dim[1].dim_value = 17
    shapes = ((1, 17, 4, 4), (1, 17, 100, 168), (4, 17, 168, 168))
    profile = Profile({**graph.profile.shapes, "p3": shapes})
    with pytest.raises(RefineMaskError, match="all levels must have as many images and channels"):
        build_engine(graph.save(tmp_path), profile, rtx_plugins)


def test_creators(rtx_plugins):
    creators = {creator.name: creator for creator in list_creators(rtx_plugins)}
    assert set(creators) == {
        *("MultiScaleRoIAlign", "BatchedNMS", "BoundaryRefine", "PasteMasks"),
        *("NonZeroPlaces", "GatherTiles", "ScatterTiles", "ConvAtPlaces"),
    }
    assert {(c.version, c.namespace) for c in creators.values()} == {("1", "refinemask")}
    assert creators["BatchedNMS"].fields == {
        "iou_threshold": "FLOAT32",
        "score_threshold": "FLOAT32",
        "max_per_image": "INT64",
        "max_shifted": "INT64",
        "first_shift": "INT64",
    }
    for operator, attributes in (
        ("MultiScaleRoIAlign", graphs.ROI_ALIGN),
        ("BoundaryRefine", graphs.BOUNDARY_REFINE),
    ):
        assert set(attributes) <= set(creators[operator].fields)


def test_two_copies_of_the_library(rtx_plugins, tmp_path):
    copied = shutil.copy(rtx_plugins[0], tmp_path)
    with pytest.raises(RefineMaskError, match="or contains a plugin that is loaded"):
        list_creators([*rtx_plugins, copied])


def test_no_library(rtx_plugins, tmp_path):
    with pytest.raises(RefineMaskError, match=r"nowhere\.so does not load: it is missing"):
        list_creators([tmp_path / "nowhere.so"])


def test_a_graph_without_its_plugins(rtx_plugins, tmp_path):
    graph = graphs.boundary_refine(**graphs.BOUNDARY_REFINE)
    with pytest.raises(RefineMaskError, match=r"BoundaryRefine.*Plugin not found"):
        build_engine(graph.save(tmp_path), graph.profile)


def test_profiles(rtx_plugins, tmp_path):
    graph = graphs.boundary_refine(**graphs.BOUNDARY_REFINE)
    path = graph.save(tmp_path)
    with pytest.raises(RefineMaskError, match="lacks input 'coarse', which has dynamic dimensions"):
        build_engine(path, Profile({"fine": graph.profile.shapes["fine"]}), rtx_plugins)
    shapes = {**graph.profile.shapes, "images": ((1,), (2,), (3,))}
    with pytest.raises(RefineMaskError, match=r"has the inputs \['images'\], the network"):
        build_engine(path, Profile(shapes), rtx_plugins)
    with pytest.raises(RefineMaskError, match="in this order in each dimension, got"):
        Profile({"coarse": ((2, 1), (1, 1), (3, 1))})
    with pytest.raises(RefineMaskError, match="of one rank"):
        Profile({"coarse": ((1,), (1, 1), (3, 1))})


def test_files_and_time(rtx_plugins, tmp_path):
    with pytest.raises(RefineMaskError, match=r"nowhere\.onnx does not exist"):
        build_engine(tmp_path / "nowhere.onnx", Profile({}), rtx_plugins)
    (tmp_path / "damaged.onnx").write_bytes(b"not a model")
    with pytest.raises(RefineMaskError, match="the parser refuses the model"):
        build_engine(tmp_path / "damaged.onnx", Profile({}), rtx_plugins)
    graph = graphs.boundary_refine(**graphs.BOUNDARY_REFINE)
    with pytest.raises(RefineMaskError, match="within 0 seconds; allow more"):
        build_engine(graph.save(tmp_path), graph.profile, rtx_plugins, timeout=0.01)
