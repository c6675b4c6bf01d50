"""Draw detections with the package supervision, and count what is in a zone.

    python supervision_drawing.py refinemask.onnx photo.jpg drawn.png

The zone is the left half of the photograph. Needs refinemask[runtime] and supervision.
"""

from pathlib import Path

import numpy as np
import supervision
import typer

import refinemask
from refinemask.inference.images import save_image
from refinemask.inference.supervision_format import supervision_fields


def main(artifact: Path, photo: Path, picture: Path, score_threshold: float = 0.5) -> None:
    engine = refinemask.engines.open(artifact)
    image = refinemask.load_image(photo)
    detections = engine.predict(image, score_threshold=score_threshold)
    found = supervision.Detections(**supervision_fields(detections, engine.class_names))

    height, width = image.shape[:2]
    left_half = np.array([[0, 0], [width // 2, 0], [width // 2, height], [0, height]])
    inside = supervision.PolygonZone(left_half).trigger(found)
    typer.echo(f"{len(found)} objects, {int(inside.sum())} of them stand in the left half")

    drawn = image[..., ::-1].copy()  # BGR, as supervision takes it
    for annotator in (supervision.MaskAnnotator(), supervision.LabelAnnotator()):
        drawn = annotator.annotate(drawn, found)
    save_image(picture, np.ascontiguousarray(drawn[..., ::-1]))


if __name__ == "__main__":
    typer.run(main)
