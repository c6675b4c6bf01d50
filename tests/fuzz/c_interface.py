"""Calls of the C interface of librefinemask, in any order and with any values."""

import ctypes
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx

from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import METADATA_KEY
from tests.artifact_bytes import make_metadata, sealed
from tests.engines.c_library import (
    CANCELLED,
    INVALID_ARGUMENT,
    INVALID_ARTIFACT,
    Boxes,
    Failure,
    Image,
    Library,
    PredictOptions,
)
from tests.engines.conftest import GRAPH
from tests.engines.test_given_boxes import GRAPH as MASKS_GRAPH

CHANNELS = (3, 3, 4, 4, 1)
LARGEST = 1 << 16
"""Bytes of the images that have memory; for larger ones the pointer is null."""
MOST_ENGINES = 8
EXPECTED = {INVALID_ARGUMENT, INVALID_ARTIFACT, CANCELLED}
"""What a call may fail with; out of memory and too late do not happen."""


class Bytes:
    """Integers that a fuzzer's bytes stand for; past the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __bool__(self) -> bool:
        return self._place < len(self._data)

    def byte(self) -> int:
        value = self._data[self._place] if self else 0
        self._place += 1
        return value

    def integer(self) -> int:
        """Return mostly a small number, at times any of 64 bits."""
        first = self.byte()
        if first < 240:
            return first - 4
        return int.from_bytes(bytes(self.byte() for _ in range(8)), "little", signed=True)


class Program:
    """A program that holds handles, of which some have ended.

    Attributes:
        refused: what calls failed with.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._library = Library()
        self._paths = paths
        self.refused: list[str] = []
        self._opened = ExitStack()
        self._engines = [ctypes.c_void_p()]
        self._cancellations = [ctypes.c_void_p()]

    def step(self, values: Bytes) -> None:
        """Make one call."""
        calls = (
            self._open,
            self._close,
            self._cancel,
            self._warm_up,
            self._prepare,
            self._predict,
            self._segment,
        )
        try:
            calls[values.byte() % len(calls)](values)
        except Failure as failure:
            if failure.status not in EXPECTED:
                raise
            self.refused.append(str(failure))

    def end(self) -> None:
        """Free everything, once more for some."""
        self._opened.close()
        for cancellation in self._cancellations:
            self._library.functions.refinemask_free_cancellation(cancellation)

    def _open(self, values: Bytes) -> None:
        path = self._paths[values.byte() % len(self._paths)]
        if len(self._engines) < MOST_ENGINES:
            opened = self._library.opened(path, threads=1)
            self._engines.append(self._opened.enter_context(opened))

    def _close(self, values: Bytes) -> None:
        self._library.functions.refinemask_close(self._pick(self._engines, values))

    def _cancel(self, values: Bytes) -> None:
        functions = self._library.functions
        choice = values.byte() % 3
        if choice == 0:
            self._cancellations.append(ctypes.c_void_p())
            self._library.call("new_cancellation", ctypes.byref(self._cancellations[-1]))
        elif choice == 1:
            functions.refinemask_cancel(self._pick(self._cancellations, values))
        else:
            functions.refinemask_free_cancellation(self._pick(self._cancellations, values))

    def _warm_up(self, values: Bytes) -> None:
        width, height = values.integer(), values.integer()
        if width * height < LARGEST:
            engine = self._pick(self._engines, values)
            self._library.call("warm_up", engine, *map(ctypes.c_int64, (width, height)))

    def _prepare(self, values: Bytes) -> None:
        image, pixels = _image(values)
        with self._library.prepared(self._pick(self._engines, values), image) as made:
            assert made.height <= made.padded_height and made.width <= made.padded_width
        del pixels

    def _predict(self, values: Bytes) -> None:
        images = [_image(values) for _ in range(values.byte() % 4)]
        engine, options = self._pick(self._engines, values), self._options(values)
        with self._library.predicted(engine, [one for one, _ in images], **options) as found:
            assert all(0 <= one.count <= 100 for one in found)

    def _segment(self, values: Bytes) -> None:
        image, pixels = _image(values)
        count = values.byte() % 8
        corners = np.array([values.integer() for _ in range(4 * count)], np.float32)
        labels = np.array([values.integer() for _ in range(count)], np.int64)
        boxes = Boxes(count, corners.ctypes.data, labels.ctypes.data, None)
        engine, options = self._pick(self._engines, values), self._options(values)
        with self._library.segmented(engine, image, boxes, **options) as found:
            assert found.count == count
        del pixels

    def _options(self, values: Bytes) -> dict[str, object]:
        options: dict[str, object] = {"max_detections": values.integer()}
        options["cancellation"] = self._pick(self._cancellations, values)
        if values.byte() > 200:
            options["struct_size"] = values.integer() % (2 * ctypes.sizeof(PredictOptions))
        formats = ("bitmap", "crop", "rle", "probs", "none", "polygons")
        return options | {"masks": formats[values.byte() % len(formats)]}

    def _pick(self, handles: list[ctypes.c_void_p], values: Bytes) -> ctypes.c_void_p:
        return handles[-1 - values.byte() % len(handles)]


def call_c_interface(data: bytes, folder: Path) -> None:
    """Make the calls that bytes stand for, all of them; raise what the last refusal said."""
    paths = []
    for name, graph, outputs in (("a", GRAPH, "detections"), ("b", MASKS_GRAPH, "masks")):
        paths.append(folder / f"{name}.onnx")
        paths[-1].write_bytes(_artifact(graph, outputs))
    paths.append(folder / "none.onnx")
    program, values = Program(paths), Bytes(data)
    while values:
        program.step(values)
    program.end()
    if program.refused:
        raise RefineMaskError(program.refused[-1])


def _artifact(graph: str, outputs: str) -> bytes:
    model = onnx.parser.parse_model(graph)
    metadata = make_metadata(outputs=outputs).to_json()
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata})
    return sealed(model.SerializeToString())


def _image(values: Bytes) -> tuple[Image, np.ndarray]:
    """Return any image, and its memory, which is as large as the header asks for."""
    width, height, stride = values.integer(), values.integer(), values.integer()
    kind = values.byte() % 6
    row = width * CHANNELS[kind % 5]
    stride = row + stride if 0 <= stride < 99 and values.byte() < 200 else stride
    needed = max(stride or row, row) * height
    pixels = np.full(needed if 0 < needed <= LARGEST else 1, values.byte(), np.uint8)
    data = pixels.ctypes.data if needed <= LARGEST else None
    fits = -(1 << 63) <= stride < 1 << 63
    return Image(data, width, height, stride if fits else 0, kind), pixels
