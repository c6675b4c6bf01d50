"""The part of `refinemask predict` that goes through videos, cameras and streams."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from refinemask.console import note, progress_bar, refuse_to_overwrite, write_result
from refinemask.errors import RefineMaskError, WrongUsage
from refinemask.inference.options import PredictOptions
from refinemask.printable import counted, one_line

if TYPE_CHECKING:
    from refinemask.cli.selection import PredictorChoice
    from refinemask.inference.prediction_log import PredictionLog
    from refinemask.inference.video import Video
    from refinemask.inference.video_prediction import VideoOutcome


def predict_videos(
    choice: "PredictorChoice",
    sources: Sequence[str],
    options: PredictOptions,
    json: str | None,
    every: int,
    track: bool,
) -> None:
    """Detect objects in videos, write the drawn ones and the results, and say what was done.

    Raises:
        RefineMaskError: a video cannot be predicted to its end; what was done of it, and of the
            others, is written.
        KeyboardInterrupt: as it was pressed; likewise.
    """
    if options.resume:
        raise WrongUsage("--resume goes with images; videos begin at their first frame")
    if options.labelme:
        raise WrongUsage("--labelme goes with images")
    from refinemask.inference.prediction_log import PredictionLog
    from refinemask.inference.tracking import Tracker
    from refinemask.inference.video import Video
    from refinemask.inference.video_prediction import predict_video

    with ExitStack() as stack:
        videos = [stack.enter_context(Video(source)) for source in sources]
        trackers = [Tracker(video.fps / every) if track else None for video in videos]
        drawn = _drawn_paths(videos, options.output)
        refuse_to_overwrite([choice.artifact, choice.model, *sources], [json, *drawn])
        refuse_to_overwrite(drawn, [json])
        predictor = choice.open()
        folder = stack.enter_context(TemporaryDirectory())
        log = stack.enter_context(PredictionLog(Path(folder), {}, resume=False))
        outcomes: list[VideoOutcome] = []
        failures: list[RefineMaskError] = []
        try:
            tasks = zip(videos, _image_ids(videos), drawn, trackers, strict=True)
            for video, image_id, path, tracker in tasks:
                try:
                    with _progress(video) as show:
                        outcome = predict_video(
                            predictor, video, image_id, path, log, options, every, tracker, show
                        )
                except RefineMaskError as error:
                    failures.append(error)
                else:
                    outcomes.append(outcome)
                    _report_stop(outcome, failures)
                if failures and options.strict:
                    break
        finally:
            if outcomes:
                _write(outcomes, log, options, json)
    if failures:
        for failure in failures[:-1]:
            note(f"error: {one_line(str(failure))}")
        raise failures[-1]


def _report_stop(outcome: "VideoOutcome", failures: list[RefineMaskError]) -> None:
    """Say how far a video came that did not come to its end."""
    if outcome.stopped_by is None:
        return
    kept = f"the files are finished and have {counted(len(outcome.frames), 'frame')} of it"
    if isinstance(outcome.stopped_by, KeyboardInterrupt):
        note(f"stopped {one_line(outcome.image_id)}: {kept}")
        raise outcome.stopped_by
    failures.append(RefineMaskError(f"{outcome.stopped_by}; {kept}"))


@contextmanager
def _progress(video: "Video") -> Iterator[Callable[[int], None]]:
    with progress_bar(one_line(video.name)) as advance:
        yield lambda read: advance(read, max(video.declared or 0, read))


def _write(
    outcomes: Sequence["VideoOutcome"],
    log: "PredictionLog",
    options: PredictOptions,
    json: str | None,
) -> None:
    from refinemask.inference.video_prediction import video_results

    def results() -> Iterator[dict[str, Any]]:
        for outcome in outcomes:
            yield from video_results(outcome, log)

    found = sum(1 for _ in results())
    predicted = sum(len(outcome.frames) for outcome in outcomes)
    read = sum(outcome.frames_read for outcome in outcomes)
    left_out = f" of {read}" if read > predicted else ""
    where = f"; drawn in {options.output}" if options.output else ""
    videos = counted(len(outcomes), "video")
    counts = f"{counted(predicted, 'frame')}{left_out} of {videos}"
    write_result(f"{counted(found, 'detection')} in {counts}{where}", results(), json)


def _image_ids(videos: Sequence["Video"]) -> list[str]:
    """Return what results call each video: the file name, or the path where several have it."""
    uses = Counter(video.short_name for video in videos)
    return [v.short_name if uses[v.short_name] == 1 else v.name for v in videos]


def _drawn_paths(videos: Sequence["Video"], output: Path | None) -> list[Path | None]:
    if output is None:
        return [None] * len(videos)
    from refinemask.files import check_writable

    check_writable(output)
    paths: list[Path | None] = []
    for video in videos:
        path, number = output / f"{video.stem}.mp4", 2
        while path in paths:
            path, number = output / f"{video.stem}_{number}.mp4", number + 1
        paths.append(path)
    return paths
