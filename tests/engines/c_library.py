"""librefinemask through ctypes, as a program in C calls it."""

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint8, c_void_p
from pathlib import Path

import numpy as np

from refinemask.inference import native

FORMATS = {"rgb": 0, "bgr": 1, "rgba": 2, "bgra": 3, "grey": 4}
INVALID_ARGUMENT, INVALID_ARTIFACT, RUNTIME_MISSING = 1, 2, 3
TIMED_OUT, CANCELLED = 6, 7
MEMORY = {"host": 0, "gpu": 1}
MASKS = {"bitmap": 0, "crop": 1, "rle": 2, "probs": 3, "none": 4, "polygons": 5}


class Failure(Exception):
    """A call failed; `status` says how, and the text is that of refinemask_last_error()."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EngineOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("runtime", c_char_p),
        ("device", c_char_p),
        ("runtime_library", c_char_p),
        ("operator_library", c_char_p),
        ("threads", c_int32),
    ]


class Info(ctypes.Structure):
    _fields_ = [
        ("preset", c_char_p),
        ("form", c_char_p),
        ("precision", c_char_p),
        ("outputs", c_char_p),
        ("class_count", c_int64),
        ("class_names", POINTER(c_char_p)),
        ("category_ids", POINTER(c_int64)),
        ("max_detections", c_int64),
        ("short_side", c_int64),
        ("long_side", c_int64),
        ("batch", c_int64),
        ("metadata", c_char_p),
        ("sha256", c_char_p),
    ]


class Image(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("width", c_int64),
        ("height", c_int64),
        ("stride", c_int64),
        ("format", c_int),
    ]


class Prepared(ctypes.Structure):
    _fields_ = [
        ("data", POINTER(c_uint8)),
        ("padded_height", c_int64),
        ("padded_width", c_int64),
        ("height", c_int64),
        ("width", c_int64),
    ]


class Crop(ctypes.Structure):
    _fields_ = [
        ("x", c_int64),
        ("y", c_int64),
        ("width", c_int64),
        ("height", c_int64),
        ("pixels", POINTER(c_uint8)),
    ]


class Polygon(ctypes.Structure):
    _fields_ = [("corner_count", c_int64), ("corners", POINTER(c_int32))]


class Outline(ctypes.Structure):
    _fields_ = [("part_count", c_int64), ("parts", POINTER(Polygon))]


class Detections(ctypes.Structure):
    _fields_ = [
        ("count", c_int64),
        ("image_width", c_int64),
        ("image_height", c_int64),
        ("boxes", POINTER(c_float)),
        ("scores", POINTER(c_float)),
        ("labels", POINTER(c_int64)),
        ("class_names", POINTER(c_char_p)),
        ("bitmaps", POINTER(c_uint8)),
        ("crops", POINTER(Crop)),
        ("rles", POINTER(c_char_p)),
        ("probs", POINTER(c_float)),
        ("mask_size", c_int64),
        ("outlines", POINTER(Outline)),
        ("truncated", c_int32),
    ]


class Boxes(ctypes.Structure):
    _fields_ = [
        ("count", c_int64),
        ("corners", c_void_p),
        ("labels", c_void_p),
        ("scores", c_void_p),
    ]


class Times(ctypes.Structure):
    _fields_ = [("preprocess", c_int64), ("inference", c_int64), ("postprocess", c_int64)]


class PredictOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("masks", c_int),
        ("score_threshold", c_float),
        ("max_detections", c_int64),
        ("timeout_ms", c_int64),
        ("cancellation", c_void_p),
        ("times", c_void_p),
        ("image_memory", c_int),
    ]


class Library:
    """The functions of the library; those that fail raise `Failure`."""

    def __init__(self) -> None:
        path = native.require("runtime", "this test")
        self.functions = ctypes.CDLL(str(path))
        self.functions.refinemask_last_error.restype = c_char_p
        self.functions.refinemask_engine_info.restype = POINTER(Info)
        self.functions.refinemask_engine_runtime.restype = c_char_p
        for name in ("close", "free", "cancel", "free_cancellation"):
            function = self.functions[f"refinemask_{name}"]
            function.argtypes, function.restype = [c_void_p], None

    def call(self, name: str, *arguments: object) -> None:
        """Call a function that returns a status."""
        status = self.functions[f"refinemask_{name}"](*arguments)
        if status:
            raise Failure(status, self.functions.refinemask_last_error().decode())

    @contextmanager
    def logged(self, most: int = 2) -> Iterator[list[tuple[int, str]]]:
        """Collect the messages up to a level."""
        messages: list[tuple[int, str]] = []

        def keep(level: int, message: bytes, _: object) -> None:
            messages.append((level, message.decode()))

        function = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)(keep)
        self.functions.refinemask_set_log(function, None, most)
        try:
            yield messages
        finally:
            self.functions.refinemask_set_log(None, None, 0)

    @contextmanager
    def opened(self, path: Path | str, **options: object) -> Iterator[c_void_p]:
        """Open an engine; `options` are fields of EngineOptions."""
        runtime = str(options.get("runtime", "onnxruntime"))
        if "runtime_library" not in options:
            options["runtime_library"] = runtime_library(runtime)
        given = EngineOptions(ctypes.sizeof(EngineOptions), b"onnxruntime", b"cpu")
        for name, value in options.items():
            setattr(given, name, value.encode() if isinstance(value, str) else value)
        engine = c_void_p()
        self.call("open", str(path).encode(), ctypes.byref(given), ctypes.byref(engine))
        try:
            yield engine
        finally:
            self.functions.refinemask_close(engine)

    @contextmanager
    def predicted(
        self, engine: c_void_p, images: list[Image], **options: object
    ) -> Iterator[list[Detections]]:
        """Predict; `options` are fields of PredictOptions."""
        given = predict_options(**options)
        found = (POINTER(Detections) * len(images))()
        array = (Image * len(images))(*images)
        self.call("predict", engine, array, c_size_t(len(images)), ctypes.byref(given), found)
        try:
            yield [one.contents for one in found]
        finally:
            for one in found:
                self.functions.refinemask_free(one)

    @contextmanager
    def segmented(
        self, engine: c_void_p, image: Image, boxes: Boxes, **options: object
    ) -> Iterator[Detections]:
        """Segment given boxes; `options` are fields of PredictOptions."""
        given, found = predict_options(**options), POINTER(Detections)()
        arguments = (image, boxes, given, found)
        self.call("segment", engine, *map(ctypes.byref, arguments))
        try:
            yield found.contents
        finally:
            self.functions.refinemask_free(found)

    @contextmanager
    def prepared(self, engine: c_void_p, image: Image) -> Iterator[Prepared]:
        """Preprocess an image."""
        made = POINTER(Prepared)()
        self.call("preprocess", engine, ctypes.byref(image), ctypes.byref(made))
        try:
            yield made.contents
        finally:
            self.functions.refinemask_free(made)


def predict_options(**values: object) -> PredictOptions:
    """Return the default options with other values for some fields."""
    options = PredictOptions(ctypes.sizeof(PredictOptions), 0, 0.0, -1, 0, None)
    for name, value in values.items():
        setattr(options, name, MASKS[str(value)] if name == "masks" else value)
    return options


def runtime_library(runtime: str) -> str:
    """Return the path of the shared library of a runtime, in its Python package."""
    package, pattern = {
        "onnxruntime": ("onnxruntime", "capi/libonnxruntime.so*"),
        "openvino": ("openvino", "libs/libopenvino_c.so*"),
        "tensorrt": ("tensorrt_libs", "libnvinfer.so.*"),
        "tensorrt_rtx": ("tensorrt_rtx_libs", "libtensorrt_rtx.so.*"),
    }[runtime]
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    (path,) = Path(spec.origin).parent.glob(pattern)
    return str(path)


def view(pixels: np.ndarray, pixel_format: str = "rgb") -> Image:
    """Return a view of an array (H, W, C) or (H, W), which must outlive it."""
    height, width = pixels.shape[:2]
    return Image(pixels.ctypes.data, width, height, pixels.strides[0], FORMATS[pixel_format])


def array(pointer: object, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Copy an array out of a block."""
    if 0 in shape:
        return np.zeros(shape, dtype)
    return np.ctypeslib.as_array(pointer, shape).astype(dtype)


def polygons(outline: Outline) -> list[np.ndarray]:
    """Copy the polygons of a mask out of a block."""
    parts = outline.parts[: outline.part_count]
    return [array(part.corners, (part.corner_count, 2), np.float64) for part in parts]
