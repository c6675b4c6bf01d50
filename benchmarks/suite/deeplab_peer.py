"""DeepLabV3+ for scale: classes of pixels, no objects."""

import cv2
import numpy as np
import torch

from refinemask.benchmarks.latency.interleave import Clock, Readings, Timed
from refinemask.benchmarks.suite.graphs import CLASSES
from refinemask.benchmarks.suite.layout import Scene
from refinemask.errors import RefineMaskError
from refinemask.inference.processing import prepare


def deeplab(sides: tuple[int, int], quick: bool) -> Timed[Scene]:
    """Return what takes a scene to the class of each pixel, with random weights.

    Args:
        sides: shorter and longer one of its images in pixels.
        quick: take ResNet-18 instead of ResNet-50.

    Raises:
        RefineMaskError: segmentation-models-pytorch is not installed.
    """
    try:
        from segmentation_models_pytorch import DeepLabV3Plus
    except ImportError as error:
        raise RefineMaskError(
            "DeepLabV3+ needs segmentation-models-pytorch; install it with: "
            "pip install 'refinemask[figure1]'"
        ) from error
    torch.manual_seed(0)
    encoder = "resnet18" if quick else "resnet50"
    network = DeepLabV3Plus(encoder, encoder_weights=None, classes=CLASSES + 1).eval()

    @torch.inference_mode()
    def run(scene: Scene, clock: Clock) -> Readings:
        start = clock()
        prepared = prepare(scene.image, *sides)
        pixels = torch.from_numpy(prepared.image).permute(2, 0, 1)[None].float() / 255
        ready = clock()
        classes = network(pixels)[0].argmax(0)
        done = clock()
        (height, width), (rows, columns) = prepared.size, prepared.original_size
        valid = classes[:height, :width].numpy().astype(np.uint8)
        cv2.resize(valid, (columns, rows), interpolation=cv2.INTER_NEAREST)
        return start, ready, done, clock()

    return run
