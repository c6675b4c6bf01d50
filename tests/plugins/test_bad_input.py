"""Bad input to the operators: an error that names operator and value, never a crash."""

import ctypes
import shutil
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from refinemask.inference import native
from refinemask.version import __version__
from tests.plugins import operators

ROIS = np.array([[0, 2, 2, 20, 20]], np.float32)
FEATURES = [np.zeros((2, 3, 16 >> level, 16 >> level), np.float32) for level in range(2)]
ALIGN: dict[str, Any] = operators.ROI_ALIGN | {"strides": (4, 8)}
BOXES, SCORES = np.zeros((1, 3, 2, 4), np.float32), np.zeros((1, 3, 2), np.float32)
MANY_IMAGES = {
    "boxes": np.zeros((1 << 16, 1, 4), np.float32),
    "scores": np.zeros((1 << 16, 1, 1), np.float32),
}
COARSE, FINE = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 1, 8, 8), np.float32)
MASKS, PLACES = np.zeros((2, 4, 4), np.float32), np.zeros((2, 4), np.float32)
SIZE = np.array([8, 8], np.int64)
AT = np.array([[0, 1, 1], [1, 0, 0]], np.int64)
MAPS, TILES = FEATURES[0], np.zeros((2, 3, 4, 4), np.float32)
WEIGHT, BIAS = np.zeros((5, 3, 3, 3), np.float32), np.zeros(5, np.float32)
TILE = {"height": 4, "width": 4, "margin": 1}
OUTPUTS = {
    "MultiScaleRoIAlign": {"pooled": TensorProto.FLOAT},
    "BatchedNMS": {"selected": TensorProto.INT64, "num_selected": TensorProto.INT64},
    "BoundaryRefine": {"refined": TensorProto.FLOAT},
    "PasteMasks": {"pasted": TensorProto.UINT8},
    "NonZeroPlaces": {"places": TensorProto.INT64, "num_places": TensorProto.INT64},
    "GatherTiles": {"tiles": TensorProto.FLOAT},
    "ScatterTiles": {"maps": TensorProto.FLOAT},
    "ConvAtPlaces": {"values": TensorProto.FLOAT},
}
GOOD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "MultiScaleRoIAlign": (operators.feature_inputs(ROIS, FEATURES), ALIGN),
    "BatchedNMS": ({"boxes": BOXES, "scores": SCORES}, operators.NMS),
    "BoundaryRefine": ({"coarse_logits": COARSE, "fine_logits": FINE}, {"boundary_width": 1}),
    "PasteMasks": ({"masks": MASKS, "boxes": PLACES, "size": SIZE}, {"threshold": 0.5}),
    "NonZeroPlaces": ({"mask": MASKS}, {}),
    "GatherTiles": ({"maps": MAPS, "places": AT}, TILE),
    "ScatterTiles": ({"tiles": TILES, "places": AT, "like": MAPS}, {}),
    "ConvAtPlaces": (
        {"maps": MAPS, "places": AT, "weight": WEIGHT, "bias": BIAS},
        {"dilation": 2},
    ),
}


def refused(operator, changed_inputs, changed_attributes, ranked=True):
    """Return the message of making the session or of running it."""
    inputs, attributes = (dict(part) for part in GOOD[operator])
    inputs.update(changed_inputs)
    attributes.update(changed_attributes)
    with pytest.raises(Exception) as error:
        operators.session(
            operator,
            {name: value for name, value in inputs.items() if value is not None},
            OUTPUTS[operator],
            ranked=ranked,
            **{name: value for name, value in attributes.items() if value is not None},
        ).run({name: value for name, value in inputs.items() if value is not None})
    return str(error.value)


@pytest.mark.parametrize("operator", GOOD)
def test_the_good_input_is_accepted(operator):
    inputs, attributes = GOOD[operator]
    for ranked in (True, False):
        opened = operators.session(operator, inputs, OUTPUTS[operator], ranked=ranked, **attributes)
        opened.run(inputs)


@pytest.fixture
def reads_nodes():
    if not operators.host().reads_nodes:
        pytest.skip(f"in {operators.host()} attributes are arguments, which have their types")


REQUIRED = [
    (operator, name, value)
    for operator, (_, attributes) in GOOD.items()
    for name, value in attributes.items()
]


@pytest.mark.parametrize(("operator", "name", "value"), REQUIRED)
def test_missing_attributes(reads_nodes, operator, name, value):
    message = refused(operator, {}, {name: None})
    assert f"{operator}: attribute {name} must be" in message and "got none" in message


@pytest.mark.parametrize(("operator", "name", "value"), REQUIRED)
def test_attributes_of_another_type(reads_nodes, operator, name, value):
    message = refused(operator, {}, {name: "7"})
    assert f"{operator}: attribute {name} must be" in message and "got a string" in message
    message = refused(operator, {}, {name: 1.5 if not isinstance(value, float) else 1})
    assert f"{operator}: attribute {name} must be" in message


def test_an_optional_attribute_of_another_type(reads_nodes):
    message = refused("MultiScaleRoIAlign", {}, {"epsilon_after_log": 0.5})
    assert "attribute epsilon_after_log must be an integer, got a float" in message


@pytest.mark.parametrize(
    ("operator", "name", "value", "shown"),
    [
        ("MultiScaleRoIAlign", "output_size", 0, "from 1 to 512, got 0"),
        ("MultiScaleRoIAlign", "output_size", 513, "from 1 to 512, got 513"),
        ("MultiScaleRoIAlign", "sampling_ratio", 65, "from 0 to 64, got 65"),
        ("MultiScaleRoIAlign", "sampling_ratio", -1, "got -1"),
        ("MultiScaleRoIAlign", "sampling_ratio", 1 << 40, "got 1099511627776"),
        ("MultiScaleRoIAlign", "aligned", 2, "from 0 to 1, got 2"),
        ("MultiScaleRoIAlign", "epsilon_after_log", 2, "from 0 to 1, got 2"),
        ("MultiScaleRoIAlign", "finest_scale", -56.0, "got -56"),
        ("MultiScaleRoIAlign", "finest_scale", float("nan"), "got nan"),
        ("MultiScaleRoIAlign", "strides", (8, 4), "got (8, 4)"),
        ("MultiScaleRoIAlign", "strides", (0, 4), "from 1 to 65536, got 0"),
        ("MultiScaleRoIAlign", "strides", (1, 2, 3, 4, 5, 6), "1 to 5 integers"),
        ("BatchedNMS", "iou_threshold", -0.1, "from 0 to 1, got -0.1"),
        ("BatchedNMS", "iou_threshold", float("nan"), "got nan"),
        ("BatchedNMS", "score_threshold", float("nan"), "got nan"),
        ("BatchedNMS", "max_per_image", 0, "got 0"),
        ("BatchedNMS", "max_shifted", -2, "got -2"),
        ("BatchedNMS", "first_shift", -1, "got -1"),
        ("BoundaryRefine", "boundary_width", 0, "from 1 to 64, got 0"),
        ("BoundaryRefine", "boundary_width", 65, "got 65"),
        ("PasteMasks", "threshold", 1.5, "above 0 and at most 1, got 1.5"),
        ("PasteMasks", "threshold", 0.0, "above 0 and at most 1, got 0"),
        ("GatherTiles", "height", 0, "from 1 to 4096, got 0"),
        ("GatherTiles", "width", 4097, "from 1 to 4096, got 4097"),
        ("GatherTiles", "margin", -1, "from 0 to 4096, got -1"),
        ("ConvAtPlaces", "dilation", 0, "from 1 to 4096, got 0"),
    ],
)
def test_attributes_out_of_range(operator, name, value, shown):
    message = refused(operator, {}, {name: value})
    assert f"{operator}: attribute {name} must" in message and shown in message


@pytest.mark.parametrize(
    ("operator", "inputs", "shown"),
    [
        ("MultiScaleRoIAlign", {"rois": ROIS[0]}, "rois must have the shape (K, 5), got ("),
        ("MultiScaleRoIAlign", {"rois": ROIS[:, :4]}, "got (1, 4)"),
        ("MultiScaleRoIAlign", {"features_1": FEATURES[1][0]}, "level 1 must have the shape (B, C"),
        ("MultiScaleRoIAlign", {"features_1": FEATURES[1][:, :2]}, "got (2, 2, 8, 8) for level 1"),
        ("MultiScaleRoIAlign", {"features_1": FEATURES[1][:1]}, "got (1, 3, 8, 8) for level 1"),
        ("MultiScaleRoIAlign", {"features_0": FEATURES[0][:, :, :0]}, "got (2, 3, 0, 16)"),
        ("MultiScaleRoIAlign", {"features_1": None}, "each of the 2 strides (4, 8), got 1"),
        ("MultiScaleRoIAlign", {"features_2": FEATURES[0]}, "each of the 2 strides (4, 8), got 3"),
        ("BatchedNMS", {"scores": SCORES[0]}, "scores must have the shape (B, K, G), got ("),
        ("BatchedNMS", {"boxes": BOXES[:, :2]}, "boxes must have the shape (1, 3, 4) or (1, 3, 2"),
        ("BatchedNMS", {"boxes": BOXES[..., :3]}, "got (1, 3, 2, 3)"),
        ("BatchedNMS", MANY_IMAGES, "takes at most 65535 images, got 65536"),
        (
            "BoundaryRefine",
            {"coarse_logits": COARSE[0]},
            "coarse_logits must have the shape (K, 1, s, s)",
        ),
        ("BoundaryRefine", {"coarse_logits": np.zeros((1, 2, 4, 4), np.float32)}, "(1, 2, 4, 4)"),
        ("BoundaryRefine", {"fine_logits": FINE[..., :7]}, "must have the shape (1, 1, 8, 8)"),
        ("PasteMasks", {"masks": MASKS[..., :3]}, "masks must have the shape (N, M, M)"),
        ("PasteMasks", {"masks": MASKS[:, :0, :0]}, "got (2, 0, 0)"),
        ("PasteMasks", {"boxes": PLACES[:1]}, "boxes must have the shape (2, 4)"),
        ("PasteMasks", {"size": SIZE[:1]}, "size must have the shape (2,), got (1,)"),
        ("PasteMasks", {"size": -SIZE}, "from 0 to 16777216, got (-8, -8)"),
        ("PasteMasks", {"size": SIZE << 24}, "from 0 to 16777216, got (134217728"),
        ("NonZeroPlaces", {"mask": MASKS[0]}, "mask must have the shape (B, H, W), got ("),
        ("GatherTiles", {"maps": MAPS[0]}, "maps must have the shape (B, C, H, W), got ("),
        ("GatherTiles", {"places": AT[:, :2]}, "places must have the shape (?, 3), got (2, 2)"),
        ("ScatterTiles", {"tiles": TILES[:1]}, "places must have the shape (1, 3), got (2, 3)"),
        ("ScatterTiles", {"like": MAPS[0]}, "like must have the shape (B, any, H, W), got ("),
        ("ConvAtPlaces", {"weight": WEIGHT[:, :2]}, "to go with maps (2, 3, 16, 16), got (5, 2, "),
        ("ConvAtPlaces", {"weight": WEIGHT[..., :2, :2]}, "k odd and at most 31, to go with maps"),
        ("ConvAtPlaces", {"weight": WEIGHT[..., :2]}, "got (5, 3, 3, 2)"),
        ("ConvAtPlaces", {"bias": BIAS[:4]}, "bias must have the shape (5,), got (4,)"),
    ],
)
@pytest.mark.parametrize("ranked", [True, False])
def test_shapes(operator, inputs, shown, ranked):
    message = refused(operator, inputs, {}, ranked)
    assert f"{operator}: " in message and shown in message


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("MultiScaleRoIAlign", {"rois": ROIS.astype(np.float16)}),
        ("MultiScaleRoIAlign", {"features_0": FEATURES[0].astype(np.float64)}),
        ("MultiScaleRoIAlign", {"features_0": FEATURES[0].astype(np.float16)}),
        ("BatchedNMS", {"scores": SCORES.astype(np.float16)}),
        ("BoundaryRefine", {"fine_logits": FINE.astype(np.float16)}),
        ("PasteMasks", {"size": SIZE.astype(np.float32)}),
        ("GatherTiles", {"places": AT.astype(np.float32)}),
        ("ScatterTiles", {"like": MAPS.astype(np.float16)}),
        ("ConvAtPlaces", {"bias": BIAS.astype(np.float16)}),
    ],
)
def test_types_are_checked_before_running(operator, inputs):
    assert operator in refused(operator, inputs, {})


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        (0, 2, "from 0 to 1 (the features hold 2 images), got 2 in row 0"),
        (0, -1, "got -1 in row 0"),
        (0, 0.5, "got 0.5 in row 0"),
        (0, 1e30, "got 1e+30 in row 0"),
        (0, np.nan, "rois must be finite, got nan in row 0, column 0"),
        (2, np.nan, "rois must be finite, got nan in row 0, column 2"),
        (3, np.inf, "rois must be finite, got inf in row 0, column 3"),
        (3, 1e9, "too large: a bin would take more than 16384 samples"),
        (4, 3e38, "too large: a bin would take more than 16384 samples"),
    ],
)
def test_rois(column, value, shown):
    if not operators.host().checks_rois:
        pytest.skip("RoIs on a GPU are pooled to 0 instead")
    rois = ROIS.copy()
    rois[0, column] = value
    message = refused("MultiScaleRoIAlign", {"rois": rois}, {})
    assert "MultiScaleRoIAlign: " in message and shown in message


def test_huge_rois_with_a_fixed_number_of_samples_are_fine():
    rois = np.array([[0, -3e38, -3e38, 3e38, 3e38], [1, 0, 0, 1e9, 1e-30]], np.float32)
    features = [np.ones((2, 3, 16, 16), np.float32)]
    pooled = operators.roi_align(rois, features, strides=(4,), sampling_ratio=2)
    assert np.isfinite(pooled).all()


def test_the_library_tells_its_version():
    host = operators.host()
    version = ctypes.CDLL(str(host.library()))[f"{native.STEMS[host.kind]}_version"]
    version.restype = ctypes.c_char_p
    assert version().decode() == __version__


def test_two_copies_of_the_library_in_one_process(reads_nodes, tmp_path):
    copy = tmp_path / "copy.so"
    shutil.copy(operators.host().library(), copy)
    inputs, attributes = GOOD["MultiScaleRoIAlign"]
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in attributes.items()}
    serialized = operators.model(
        [operators.node("MultiScaleRoIAlign", list(inputs), ["pooled"], **values)],
        [(name, array.dtype, array.ndim) for name, array in inputs.items()],
        OUTPUTS["MultiScaleRoIAlign"],
    )
    first, second = (
        operators.open_session(serialized, library=library)
        for library in (operators.host().library(), copy)
    )
    np.testing.assert_array_equal(first.run(inputs)[0], second.run(inputs)[0])
