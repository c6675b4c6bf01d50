"""Detect objects in a photograph, print them, and write a picture with their outlines.

    python predict.py refinemask.onnx photo.jpg outlines.png

Needs refinemask[runtime], not PyTorch.
"""

from pathlib import Path

import typer

import refinemask
from refinemask.inference.drawing import draw
from refinemask.inference.images import save_image


def main(artifact: Path, photo: Path, picture: Path, score_threshold: float = 0.5) -> None:
    engine = refinemask.engines.open(artifact)
    image = refinemask.load_image(photo)
    detections = engine.predict(image, masks="bitmap", score_threshold=score_threshold)
    for box, score, label, mask in zip(
        detections.boxes, detections.scores, detections.labels, detections.masks, strict=True
    ):
        corners = ", ".join(f"{value:.0f}" for value in box)
        typer.echo(f"{engine.class_names[label]} {score:.2f} at {corners}: {mask.sum()} pixels")
    save_image(picture, draw(image, detections, engine.class_names, score_threshold))


if __name__ == "__main__":
    typer.run(main)
