"""Capture a detector as a PyTorch program with dynamic batch, height and width.

Images are traced as a grid of cells of 32 pixels: (B, h, 32, w, 32, 3), which the first operations
join to (B, 32 h, 32 w, 3). Every level of the network then has a size like 8 h, which PyTorch
reasons about much faster than about ((H - 1) // 2 - 1) // 2 + 1. Afterwards the grid is taken out
of the program, which begins with whole images.
"""

import operator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import Graph

from refinemask.configs.output_kinds import OutputKind
from refinemask.errors import RefineMaskError
from refinemask.export.forms.form import Detect, detect_flat
from refinemask.export.layers import MODULES
from refinemask.inference.sizes import DIVISOR, MAX_SIDE, MIN_SIDE
from refinemask.models import Detector
from refinemask.models.detector import normalise

GraphOutputs = OutputKind | Literal["both"]
"""What a graph returns: "both" is for measuring, the boxes that it detects, and the masks of those
that it is given."""

# With fewer, P6 has one cell, to which torch.export would specialise. Nothing in the ONNX graph
# depends on this bound: it holds for images of 32 x 32.
_MIN_DYNAMIC_CELLS = 3
# Two images, as torch.export specialises on one; sizes that differ, so as not to be taken for one.
_EXAMPLE_ROIS = torch.tensor([[0.0, 0, 0, 32, 32]]).repeat(3, 1)
_EXAMPLE_BATCH, _EXAMPLE_HEIGHT, _EXAMPLE_WIDTH = 2, 96, 160
_SYM_SIZE = torch.ops.aten.sym_size.int


def capture(
    model: Detector,
    normalized_input: bool = False,
    batch: int | None = None,
    height: int | None = None,
    width: int | None = None,
    detect: Detect = detect_flat,
    outputs: GraphOutputs = "detections",
) -> ExportedProgram:
    """Trace the model by the input contract of artifacts; our operators stay whole.

    Args:
        model: what is traced, in evaluation mode.
        normalized_input: take float32 normalised (B, 3, H, W) instead of uint8 (B, H, W, 3).
        batch: number of images; None keeps it dynamic, as for the other two.
        height: padded height in pixels.
        width: padded width in pixels.
        detect: what is traced of the model for the outputs "detections".
        outputs: what the program returns.

    Returns:
        A program from images and image_sizes to what `detect` returns; or, for the outputs "masks",
        from images, image_sizes, rois and labels to masks; or, for "both", from these to the boxes,
        scores, labels and image_index of detections, and the masks of the rois.

    Raises:
        RefineMaskError: a fixed size is not allowed.
    """
    _check(batch, height, width)
    count = batch or _EXAMPLE_BATCH
    sides = (height or _EXAMPLE_HEIGHT, width or _EXAMPLE_WIDTH)
    rows, columns = (side // DIVISOR for side in sides)
    images = torch.zeros((count, rows, DIVISOR, columns, DIVISOR, 3), dtype=torch.uint8)
    if normalized_input:
        images = images.permute(0, 5, 1, 2, 3, 4).float()
    sizes = torch.tensor(sides).repeat(count, 1)
    row_axis = 2 if normalized_input else 1
    batch_size = Dim.STATIC if batch else Dim("batch")
    dynamic_images = {
        0: batch_size,
        row_axis: _cells("height", height),
        row_axis + 2: _cells("width", width),
    }
    inputs: dict[str, Tensor] = {"images": images, "image_sizes": sizes}
    dynamic: dict[str, Any] = {"images": dynamic_images, "image_sizes": {0: batch_size}}
    if outputs != "detections":
        number = Dim("rois")
        inputs |= {"rois": _EXAMPLE_ROIS, "labels": torch.zeros(len(_EXAMPLE_ROIS)).long()}
        dynamic |= {"rois": {0: number}, "labels": {0: number}}
    graph = _GRAPHS[outputs]
    with torch.no_grad():
        program = torch.export.export(
            graph(model, detect, normalized_input, row_axis),
            tuple(values.to(model.device) for values in inputs.values()),
            dynamic_shapes=dynamic,
            preserve_module_call_signature=tuple(f"detector.{name}" for name in MODULES),
        )
    _take_grid_out(program.graph, row_axis)
    return program


class _Graph(nn.Module):
    def __init__(
        self, detector: Detector, detect: Detect, normalized_input: bool, row_axis: int
    ) -> None:
        super().__init__()
        self.detector = detector
        self.detect = detect
        self.normalized_input = normalized_input
        self.row_axis = row_axis

    def normalised(self, cells: Tensor, image_sizes: Tensor) -> Tensor:
        """Return the network's input (B, 3, H, W)."""
        axis = self.row_axis
        images = cells.flatten(axis + 2, axis + 3).flatten(axis, axis + 1)
        if self.normalized_input:
            return images
        return normalise(images, image_sizes, self.detector.config.input)


class _Detect(_Graph):
    def forward(self, images: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
        normalised = self.normalised(images, image_sizes)
        return tuple(self.detect(self.detector, normalised, image_sizes))


class _Segment(_Graph):
    def forward(
        self, images: Tensor, image_sizes: Tensor, rois: Tensor, labels: Tensor
    ) -> tuple[Tensor]:
        features = self.detector.features(self.normalised(images, image_sizes))
        return (self.detector.segment_rois(features, rois, labels),)


class _DetectAndSegment(_Graph):
    def forward(
        self, images: Tensor, image_sizes: Tensor, rois: Tensor, labels: Tensor
    ) -> tuple[Tensor, ...]:
        normalised = self.normalised(images, image_sizes)
        return detect_and_segment(self.detector, normalised, image_sizes, rois, labels)


_GRAPHS: dict[GraphOutputs, type[_Graph]] = {
    "detections": _Detect,
    "masks": _Segment,
    "both": _DetectAndSegment,
}


def detect_and_segment(
    detector: Detector, images: Tensor, image_sizes: Tensor, rois: Tensor, labels: Tensor
) -> tuple[Tensor, ...]:
    """Detect boxes, and predict the masks of others, as many as are given.

    Args:
        detector: the model.
        images: normalised (B, 3, H, W).
        image_sizes: as in `Detector.forward`.
        rois: as in `Detector.segment_rois`.
        labels: likewise.

    Returns:
        boxes, scores, labels and image_index of the detections, and masks (K, M, M) of the RoIs.
    """
    features = detector.features(images)
    proposals = detector.proposals(features, image_sizes)
    image, boxes, scores, found = detector.select_in_proposals(features, proposals, image_sizes)
    # Adding nothing to RoIs makes runtimes compute masks after boxes, as the masks of these boxes:
    # else they may keep in memory what boxes are made of until all masks are done.
    masks = detector.segment_rois(features, rois + boxes[:0].sum(), labels)
    return boxes, scores, found, image, masks


def _cells(name: str, fixed: int | None) -> Any:
    if fixed is not None:
        return Dim.STATIC
    return Dim(f"{name}_cells", min=_MIN_DYNAMIC_CELLS, max=MAX_SIDE // DIVISOR)


def _take_grid_out(graph: Graph, row_axis: int) -> None:
    """Make the whole images, joined by two operations, the input in place of their cells."""
    images, *_ = graph.find_nodes(op="placeholder", target="images")
    (columns_joined,) = (node for node in images.users if node.target != _SYM_SIZE)
    (whole,) = columns_joined.users
    axis_of = {0: 0, row_axis: row_axis, row_axis + 2: row_axis + 1}
    for size in [node for node in images.users if node.target == _SYM_SIZE]:
        axis = axis_of[size.args[1]]
        size.args = (images, axis)
        if axis:
            with graph.inserting_after(size):
                cells = graph.call_function(operator.floordiv, (size, DIVISOR))
            size.replace_all_uses_with(
                cells, delete_user_cb=lambda user, cells=cells: user != cells
            )
            cells.meta = dict(columns_joined.meta)  # the module, which the exporter asks for
            cells.meta["val"], size.meta["val"] = size.meta["val"], whole.meta["val"].shape[axis]
    whole.replace_all_uses_with(images)
    images.meta["val"] = whole.meta["val"]
    graph.erase_node(whole)
    graph.erase_node(columns_joined)


def _check(batch: int | None, height: int | None, width: int | None) -> None:
    if batch is not None and batch < 1:
        raise RefineMaskError(f"the batch of an artifact must be at least 1, got {batch}")
    for name, size in (("height", height), ("width", width)):
        if size is not None and (size % DIVISOR or not MIN_SIDE <= size <= MAX_SIDE):
            raise RefineMaskError(
                f"the fixed {name} of an artifact must be a multiple of {DIVISOR} from {MIN_SIDE} "
                f"to {MAX_SIDE}, got {size}"
            )
