"""torchvision's Mask R-CNN as a peer: eager, compiled, and as its own ONNX export.

Its weights are random. RPN and box head run as always, and what they select is replaced by the
boxes of the scene, so that the mask head and the pasting of masks have the same work as ours.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.models.detection.roi_heads import RoIHeads

from refinemask.benchmarks.latency.interleave import Clock, Readings, Timed
from refinemask.benchmarks.suite.graphs import CLASSES
from refinemask.benchmarks.suite.layout import Scene
from refinemask.files import atomic_path, make_folder

OPSET = 18
_THRESHOLD = 0.5
Run = Callable[[Tensor, Tensor, Tensor], NDArray[np.float32]]
"""From an image (3, H, W), boxes (K, 4) and labels (K,) to probabilities (K, 1, H, W)."""


class _GivenBoxes(RoIHeads):
    """RoI heads that segment the boxes they are given."""

    boxes: Tensor
    labels: Tensor

    def postprocess_detections(
        self, *arguments: object
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        super().postprocess_detections(*arguments)
        return [self.boxes], [torch.ones_like(self.boxes[:, 0])], [self.labels]


class _Peer(nn.Module):
    def __init__(self, sides: tuple[int, int]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = maskrcnn_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES + 1,
            min_size=sides[0],
            max_size=sides[1],
        )
        self.model.roi_heads.__class__ = _GivenBoxes
        self.eval()

    def forward(self, image: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        self.model.roi_heads.boxes, self.model.roi_heads.labels = boxes, labels
        return self.model([image])[0]["masks"]


def eager(sides: tuple[int, int]) -> Run:
    """Return the model in PyTorch as torchvision makes it.

    Args:
        sides: shorter and longer one of its images in pixels.
    """
    return _in_torch(_Peer(sides))


def compiled(sides: tuple[int, int]) -> Run:
    """Return the model with its backbone and feature pyramid in `torch.compile`.

    The whole of it is compiled anew for each number of proposals, which takes minutes.
    """
    peer = _Peer(sides)
    peer.model.backbone = torch.compile(peer.model.backbone)
    return _in_torch(peer)


def exported(sides: tuple[int, int], folder: Path) -> Run:
    """Return torchvision's own ONNX export in ONNX Runtime.

    Args:
        sides: as of `eager`.
        folder: where the graph is kept.
    """
    import onnxruntime
    import torchvision

    path = folder / f"torchvision-{sides[0]}-{torchvision.__version__}.onnx"
    if not path.exists():
        make_folder(folder)
        with atomic_path(path) as temporary:
            _export(_Peer(sides), sides, temporary)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(image: Tensor, boxes: Tensor, labels: Tensor) -> NDArray[np.float32]:
        given = {"image": image.numpy(), "boxes": boxes.numpy(), "labels": labels.numpy()}
        masks: NDArray[np.float32] = session.run(["masks"], given)[0]
        return masks

    return run


def timed(run: Run, count: int) -> Timed[Scene]:
    """Return what takes a scene with `count` boxes to masks of its size.

    Resizing, padding and pasting are parts of the model, and so of its inference.
    """

    def predict(scene: Scene, clock: Clock) -> Readings:
        given = scene.first(count)
        start = clock()
        image = torch.from_numpy(given.image).permute(2, 0, 1).float() / 255
        boxes, labels = torch.from_numpy(given.boxes), torch.from_numpy(given.labels + 1)
        ready = clock()
        masks = run(image, boxes, labels)
        done = clock()
        np.greater_equal(masks[:, 0], _THRESHOLD)
        return start, ready, done, clock()

    return predict


def _in_torch(peer: _Peer) -> Run:
    @torch.inference_mode()
    def run(image: Tensor, boxes: Tensor, labels: Tensor) -> NDArray[np.float32]:
        masks: NDArray[np.float32] = peer(image, boxes, labels).numpy()
        return masks

    return run


def _export(peer: _Peer, sides: tuple[int, int], path: Path) -> None:
    example = torch.rand(3, *sides), torch.tensor([[0.0, 0, 64, 64]] * 3), torch.ones(3).long()
    sizes = {"image": {1: "height", 2: "width"}, "boxes": {0: "count"}, "labels": {0: "count"}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tracing, to torchvision
        torch.onnx.export(
            peer,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(sizes),
            output_names=["masks"],
            dynamic_axes=sizes,
        )
