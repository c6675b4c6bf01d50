"""Detect objects in the frames of a video: COCO results, and a video of the drawn frames."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinemask.errors import RefineMaskError
from refinemask.inference.drawing import draw
from refinemask.inference.options import PredictOptions
from refinemask.inference.prediction import detect
from refinemask.inference.prediction_log import PredictionLog
from refinemask.inference.results import to_coco_results
from refinemask.inference.structures import Predictor
from refinemask.inference.tracking import NO_TRACK, Tracker
from refinemask.inference.video import Video, video_writer


@dataclass(frozen=True)
class VideoOutcome:
    """What came of a video.

    Attributes:
        image_id: what its results are called.
        frames: the numbers of the frames that were predicted.
        frames_read: how many frames were read, with those that were passed over.
        stopped_by: what ended it before its end; None for nothing.
    """

    image_id: str
    frames: list[int]
    frames_read: int
    stopped_by: RefineMaskError | KeyboardInterrupt | None = None


def predict_video(
    predictor: Predictor,
    video: Video,
    image_id: str,
    drawn: Path | None,
    log: PredictionLog,
    options: PredictOptions,
    every: int = 1,
    tracker: Tracker | None = None,
    progress: Callable[[int], None] | None = None,
) -> VideoOutcome:
    """Detect objects in every so many frames of a video, one after the other.

    Where something ends it, such as Ctrl-C or a damaged frame, the video with the frames until then
    is finished and kept.

    Args:
        predictor: a model or an engine.
        video: where frames come from.
        image_id: what the results are called.
        drawn: where the drawn frames are written as MP4; None for nowhere.
        log: where the results of each frame go.
        options: which detections are kept and drawn.
        every: predict the frames whose number, from 0, is a multiple of this.
        tracker: gives detections ids of their tracks; None for none.
        progress: called after each predicted frame with the number of frames that were read.

    Raises:
        RefineMaskError: there is no frame, or a result cannot be written.
        KeyboardInterrupt: before the first frame was done.
    """
    frames: list[int] = []
    stopped: RefineMaskError | KeyboardInterrupt | None = None
    with ExitStack() as stack:
        write = None
        if drawn is not None:
            write = stack.enter_context(video_writer(drawn, video.fps / every))
        try:
            for number, image in video.frames(every):
                found = detect(predictor, image, options)
                ids, names = predictor.category_ids, predictor.class_names
                results = to_coco_results(found, image_id, ids, names)
                tracks = None
                if tracker is not None:
                    tracks = tracker.update(found).tolist()
                    for result, track in zip(results, tracks, strict=True):
                        result["track_id"] = None if track == NO_TRACK else track
                log.add(_key(image_id, number), results)
                if write is not None:
                    threshold = options.draw_threshold
                    write(draw(image, found, names, threshold, scale=1, track_ids=tracks))
                frames.append(number)
                if progress is not None:
                    progress(video.frames_read)
        except (RefineMaskError, KeyboardInterrupt) as error:
            stopped = error
            if not frames:  # the video is not written
                raise
    return VideoOutcome(image_id, frames, video.frames_read, stopped)


def video_results(outcome: VideoOutcome, log: PredictionLog) -> Iterator[dict[str, Any]]:
    """Yield the COCO results of a video, each with the number of its `frame`."""
    for number in outcome.frames:
        for result in log.get(_key(outcome.image_id, number)) or ():
            yield result | {"image_id": outcome.image_id, "frame": number}


def _key(image_id: str, frame: int) -> str:
    return f"{frame} {image_id}"
