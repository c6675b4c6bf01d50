"""What the C interface of librefinemask refuses, and with which words."""

import ctypes
import json

import numpy as np
import pytest

from refinemask.inference.onnx_graph import Tensor
from tests.artifact_bytes import field, field_of_long_tag, make_metadata, model_bytes
from tests.engines.c_library import (
    INVALID_ARGUMENT,
    INVALID_ARTIFACT,
    RUNTIME_MISSING,
    Failure,
    Image,
    PredictOptions,
    view,
)
from tests.inference.test_onnx_graph import refused

DARK = np.zeros((40, 30, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image(None, 4, 4, 0, 0), "a null pointer"),
        (Image(DARK.ctypes.data, 0, 4, 0, 0), "width|sides|pixels"),
        (Image(DARK.ctypes.data, 30, -1, 0, 0), "height|sides|pixels"),
        (Image(DARK.ctypes.data, 30, 40, -90, 0), "stride|rows"),
        (Image(DARK.ctypes.data, 30, 40, 5, 0), "stride|rows"),
        (Image(DARK.ctypes.data, 1 << 40, 40, 0, 0), "width|sides|pixels"),
        (Image(DARK.ctypes.data, 30, 40, 0, 77), "format"),
    ],
)
def test_images_that_are_refused(library, make_artifact, image, message):
    with (
        library.opened(make_artifact()) as engine,
        pytest.raises(Failure, match=message) as failure,
        library.predicted(engine, [image]),
    ):
        pass
    assert failure.value.status == INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": 9}, "unknown mask format 9"),
        ({"timeout_ms": -1}, "timeout_ms must be >= 0, got -1"),
        ({"struct_size": 4}, "struct_size 4"),
        ({"struct_size": 4096}, "struct_size 4096"),
    ],
)
def test_options_that_are_refused(library, make_artifact, options, message):
    with library.opened(make_artifact()) as engine:
        given = PredictOptions(ctypes.sizeof(PredictOptions), 0, 0.0, -1, 0, None)
        for name, value in options.items():
            setattr(given, name, value)
        found = ctypes.c_void_p(1)
        image = view(DARK)
        with pytest.raises(Failure, match=message):
            library.call(
                "predict",
                engine,
                ctypes.byref(image),
                ctypes.c_size_t(1),
                ctypes.byref(given),
                ctypes.byref(found),
            )
        assert found.value == 1  # nothing is written by a call that fails


def test_pointers_that_are_null(library, make_artifact):
    for name, arguments in (
        ("open", (None, None, None)),
        ("read_info", (None, None)),
        ("predict", (None, None, ctypes.c_size_t(1), None, None)),
        ("preprocess", (None, None, None)),
        ("new_cancellation", (None,)),
    ):
        with pytest.raises(Failure, match="is NULL") as failure:
            library.call(name, *arguments)
        assert failure.value.status == INVALID_ARGUMENT
    for name in ("close", "free", "cancel", "free_cancellation"):
        library.functions[f"refinemask_{name}"](None)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ({"runtime": "tflite", "runtime_library": "x"}, INVALID_ARGUMENT, "unknown runtime tflite"),
        ({"device": "gpu"}, INVALID_ARGUMENT, "unknown device gpu; choose cpu, cuda or cuda:N"),
        ({"threads": -1}, INVALID_ARGUMENT, "threads must be >= 0, got -1"),
        (
            {"runtime_library": "/nowhere/libonnxruntime.so"},
            RUNTIME_MISSING,
            "ONNX Runtime could not be loaded .*/nowhere/libonnxruntime.so: .*REFINEMASK_ONNX",
        ),
        (
            {"runtime_library": "libc.so.6"},
            RUNTIME_MISSING,
            "has no function OrtGetApiBase",
        ),
    ],
)
def test_engines_that_are_refused(library, make_artifact, options, status, message):
    with (
        pytest.raises(Failure, match=message) as failure,
        library.opened(make_artifact(), **options),
    ):
        pass
    assert failure.value.status == status


def test_files_that_are_refused(library, make_artifact, tmp_path):
    path = make_artifact()
    content = path.read_bytes()
    cases = {
        "empty.onnx": (b"", "has 0 bytes"),
        "cut.onnx": (content[: len(content) // 2], "is not an artifact|is not as it was exported"),
        "changed.onnx": (content.replace(b"Greater", b"GreateR"), "is not as it was exported"),
        "text.onnx": (b"no protobuf", "is not an artifact"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Failure, match=message) as failure, library.opened(tmp_path / name):
            pass
        assert failure.value.status == INVALID_ARTIFACT
    with pytest.raises(Failure, match="does not exist; make it with"), library.opened("nothing"):
        pass
    with pytest.raises(Failure, match="is not a file"), library.opened(tmp_path):
        pass
    path.with_name("toy.onnx.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(Failure, match="is not the metadata of"), library.opened(path):
        pass


@pytest.mark.parametrize("encode", [field, field_of_long_tag])
def test_graphs_that_no_artifact_has(library, tmp_path, encode):
    """Those of the engines in Python, before a runtime sees them."""
    path = tmp_path / "bent.onnx"
    for changes, _ in refused(encode):
        path.write_bytes(model_bytes(**changes))
        info = ctypes.c_void_p()
        with pytest.raises(Failure, match=r"is refused: |is not an artifact \(") as failure:
            library.call("read_info", str(path).encode(), ctypes.byref(info))
        assert failure.value.status == INVALID_ARTIFACT
    path.write_bytes(model_bytes())
    library.call("read_info", str(path).encode(), ctypes.byref(info))
    library.functions.refinemask_free(info)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": [Tensor("boxes", "float32", (None, 4))]}, "it has the outputs boxes float32"),
        ({"inputs": [Tensor("images", "int64", (1,))]}, r"it has the inputs images int64 \(1,\)"),
        ({"nodes": [field(4, "Relu") + field(7, "refinemask")]}, "form is portable, and its"),
    ],
)
def test_graphs_of_another_interface(library, tmp_path, changes, message):
    path = tmp_path / "other.onnx"
    path.write_bytes(model_bytes(**changes))
    with pytest.raises(Failure, match=message), library.opened(path):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "schema version 99, and this library reads"),
        ({"outputs": "masks"}, "it has the inputs images .*, and an artifact has others"),
        ({"precision": "int4"}, "precision = int4"),
        ({"outputs": "other"}, "outputs = other, which this version"),
        ({"category_ids": []}, "class names and 0 category ids"),
        ({"form": "other"}, "form = other"),
    ],
)
def test_metadata_that_are_refused(library, make_artifact, changes, message):
    text = json.dumps(json.loads(make_metadata().to_json()) | changes)
    with pytest.raises(Failure, match=message), library.opened(make_artifact(text)):
        pass
