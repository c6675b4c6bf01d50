"""Give the boxes of another library's detector sharp masks.

    refinemask export --model refinemask_small --output masks.onnx --outputs masks
    python refine_boxes.py masks.onnx portrait.jpg outlines.png

The detector here is the face detector of scikit-image, because its weights come with it; a box
around the person follows from the face. Yours goes into its place: all that counts are boxes x1,
y1, x2, y2 in pixels of the image, and their classes. They may be larger than the image.

Needs refinemask[runtime] and scikit-image, not PyTorch.
"""

from pathlib import Path

import numpy as np
import skimage.data
import typer
from numpy.typing import NDArray
from skimage.feature import Cascade

import refinemask
from refinemask.inference.drawing import draw
from refinemask.inference.images import save_image


def main(artifact: Path, photo: Path, picture: Path) -> None:
    engine = refinemask.engines.open(artifact)
    image = refinemask.load_image(photo)
    boxes = find_people(image)
    found = engine.segment(image, boxes, ["person"] * len(boxes))
    for box, mask in zip(found.boxes, found.masks, strict=True):
        corners = ", ".join(f"{value:.0f}" for value in box)
        typer.echo(f"person at {corners}: {np.sum(mask)} pixels")
    save_image(picture, draw(image, found, engine.class_names))


def find_people(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Detect faces that are at least a sixth of a portrait, and put boxes around the people.

    Args:
        image: uint8 RGB (H, W, 3).

    Returns:
        Boxes (N, 4), xyxy in pixels of the image.
    """
    least, most = min(image.shape[:2]) // 6, min(image.shape[:2])
    detector = Cascade(skimage.data.lbp_frontal_face_cascade_filename())
    faces = detector.detect_multi_scale(
        image,
        scale_factor=1.2,
        step_ratio=1,
        min_size=(least, least),
        max_size=(most, most),
        min_neighbor_number=2,
        intersection_score_threshold=0.2,
    )
    boxes = []
    for face in faces:
        x, y, side = face["c"], face["r"], face["width"]
        boxes.append([x - 1.5 * side, y - side, x + 2.5 * side, y + 6 * side])
    return np.array(boxes, np.float64).reshape(-1, 4)


if __name__ == "__main__":
    typer.run(main)
