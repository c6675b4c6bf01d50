"""Outline the objects in the frames of a camera or a video, in a loop of OpenCV.

    python opencv_frames.py refinemask.onnx clip.mp4 outlined.mp4
    python opencv_frames.py refinemask.onnx 0 outlined.mp4 --frames 100

OpenCV's images are BGR, those of engines RGB. Needs refinemask[runtime], not PyTorch.
"""

import time
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

import refinemask


def main(
    artifact: Path,
    source: Annotated[str, typer.Argument(help="A video, or the number of a camera.")],
    output: Path,
    frames: int | None = None,
    score_threshold: float = 0.5,
) -> None:
    engine = refinemask.engines.open(artifact)
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    writer = None
    start = time.perf_counter()
    number = 0
    while number != frames:
        is_read, bgr = capture.read()
        if not is_read:
            break
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        found = engine.predict(rgb, masks="bitmap", score_threshold=score_threshold)
        for mask in found.masks:
            outlines, _ = cv2.findContours(
                np.asarray(mask, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(bgr, outlines, -1, (60, 60, 230), 2)
        if writer is None:
            fps, size = capture.get(cv2.CAP_PROP_FPS) or 25.0, (bgr.shape[1], bgr.shape[0])
            writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        writer.write(bgr)
        number += 1
    if writer is None:
        raise SystemExit(f"{source} gives no frames")
    writer.release()
    typer.echo(f"{number} frames, {number / (time.perf_counter() - start):.1f} per second")


if __name__ == "__main__":
    typer.run(main)
