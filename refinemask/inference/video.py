"""Read videos, cameras and streams frame by frame, and write videos (NumPy and OpenCV only)."""

import logging
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path
from refinemask.inference.decoder_messages import decode_silently
from refinemask.inference.opencv import cv2
from refinemask.printable import counted

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
_COUNTED_SUFFIXES = frozenset({".avi", ".m4v", ".mov", ".mp4"})
"""Of files that record how many frames they have; OpenCV estimates that of others."""
_CAMERA = re.compile(r"camera:(\d{1,3})")
_URL = re.compile(r"(?:rtsps?|rtmps?|https?|udp|tcp)://", re.IGNORECASE)
MAX_FRAMES_LOST = 0.05
"""The part of its frames up to which a file may end early with a warning: headers may err."""
DEFAULT_FPS = 25.0
"""Frames per second of what is written where the source does not record its own."""


def is_video(name: str) -> bool:
    """Return whether a name is that of a video file, of a camera ("camera:0") or a URL."""
    if _CAMERA.fullmatch(name) or _URL.match(name):
        return True
    return Path(name).suffix.lower() in VIDEO_SUFFIXES and not Path(name).is_dir()


class Video:
    """A video that is open for reading; a context manager that closes it.

    Attributes:
        short_name: the name without the folders of a file.
        name: the file as it was given, the camera, or the URL without user and password.
        stem: what files are called that are made from it.
        fps: frames per second, `DEFAULT_FPS` if the source does not record them.
        declared: the number of frames that a file records; None if it does not.
        frames_read: how many have been read or passed over so far.
    """

    def __init__(self, source: str) -> None:
        """Open a video.

        Args:
            source: a file, "camera:N" of a camera from 0, or a URL, such as that of RTSP.

        Raises:
            RefineMaskError: it is not there, or is no video that OpenCV reads.
        """
        self.name, self.stem = _names(source)
        is_url = bool(_URL.match(source))
        self.short_name = self.name if is_url else Path(source).name
        self.frames_read = 0
        self._size: tuple[int, ...] | None = None
        camera = _CAMERA.fullmatch(source)
        if not camera and not is_url:
            _check_file(Path(source))
        opened: int | str = int(camera[1]) if camera else source
        try:
            self._capture = decode_silently(lambda: cv2.VideoCapture(opened))
            is_open = self._capture.isOpened()
        except cv2.error:
            is_open = False
        if not is_open:
            raise RefineMaskError(f"cannot open {self.name}: {_advice(bool(camera), is_url)}")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._has_fps = math.isfinite(fps) and 0 < fps <= 1000
        self.fps = fps if self._has_fps else DEFAULT_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        is_counted = not camera and not is_url and Path(source).suffix.lower() in _COUNTED_SUFFIXES
        self.declared = int(count) if is_counted and 0 < count < 1e9 else None
        self._is_live = bool(camera) or source.lower().startswith("rtsp")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._capture.release()

    def frames(self, every: int = 1) -> Iterator[tuple[int, Image]]:
        """Yield the number, from 0, and the uint8 RGB image (H, W, 3) of every so many frames.

        Raises:
            RefineMaskError: after the frames before: there is none, one cannot be decoded or has
                another size, a camera or stream ends, or a file ends before the number of frames
                that it records.
        """
        if not self._has_fps:
            logger.warning(
                "%s does not record its frames per second; %g are assumed", self.name, self.fps
            )
        while self._capture.grab():
            number = self.frames_read
            self.frames_read += 1
            if number % every == 0:
                yield number, self._decode(number)
        self._check_end()

    def _decode(self, number: int) -> Image:
        is_whole, bgr = self._capture.retrieve()
        if not is_whole or bgr is None:
            raise RefineMaskError(
                f"{self.name}: frame {number} cannot be decoded; the file is damaged there"
            )
        self._size = self._size or bgr.shape
        if bgr.shape != self._size:
            raise RefineMaskError(
                f"{self.name} changes its size at frame {number}, from {_size_text(self._size)} to "
                f"{_size_text(bgr.shape)} pixels; convert it to one size, for example with ffmpeg"
            )
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def _check_end(self) -> None:
        if self.frames_read == 0:
            raise RefineMaskError(f"{self.name} has no frames that can be read; is it damaged?")
        if self._is_live:
            raise RefineMaskError(
                f"{self.name} gives no more images after {counted(self.frames_read, 'frame')}; "
                "check its connection"
            )
        if self.declared is None or self.frames_read >= self.declared:
            return
        message = f"{self.name} ends after {self.frames_read} of the {self.declared} frames that "
        message += "it records"
        if self.declared - self.frames_read > MAX_FRAMES_LOST * self.declared:
            raise RefineMaskError(f"{message}; it is cut or damaged: copy it again from its source")
        logger.warning("%s", message)


@contextmanager
def video_writer(path: Path, fps: float) -> Iterator[Callable[[Image], None]]:
    """Yield a function that adds a uint8 RGB frame (H, W, 3) to an MP4 file (codec mp4v).

    The file replaces the one at `path` when the block ends without an error. Frames have the size
    of the first one, of which the codec leaves out the last row or column if it is odd.

    Raises:
        RefineMaskError: the file cannot be written, or not all of its frames.
    """
    writer: cv2.VideoWriter | None = None
    written = 0
    with atomic_path(path) as temporary, TemporaryDirectory() as folder:
        # OpenCV chooses the container by the name, and must write into the file that is locked.
        link = Path(folder) / "video.mp4"
        link.symlink_to(temporary.absolute())

        def write(image: Image) -> None:
            nonlocal writer, written
            if writer is None:
                codec = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(link), codec, fps, (image.shape[1], image.shape[0]))
                if not writer.isOpened():
                    raise RefineMaskError(
                        f"cannot write {path} as a video of {_size_text(image.shape)} pixels: this "
                        "OpenCV has no encoder for it; write pictures or --json instead"
                    )
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            written += 1

        try:
            yield write
        finally:
            if writer is not None:
                writer.release()
        _check_written(link, path, written)


def _check_written(link: Path, path: Path, written: int) -> None:
    """Check that all frames are in the file, because OpenCV does not report failures."""
    capture = decode_silently(lambda: cv2.VideoCapture(str(link)))
    found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if found < written:
        raise RefineMaskError(
            f"cannot write {path}: {found} of {counted(written, 'frame')} are in the file; is the "
            "disk full? Make room or choose another disk"
        )


def _names(source: str) -> tuple[str, str]:
    """Return what a source is called, and the stem of files that are made from it."""
    if not _URL.match(source):
        return source, source.replace(":", "-") if _CAMERA.fullmatch(source) else Path(source).stem
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    name = f"{parts.scheme}://{host}{parts.path}"
    stem = PurePosixPath(parts.path).stem or host
    return name, re.sub(r"[^\w.-]+", "-", stem)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise RefineMaskError(f"video {path} does not exist; check the path")
    if not path.is_file():
        raise RefineMaskError(f"video {path} is not a regular file; give a video file")
    if path.stat().st_size == 0:
        raise RefineMaskError(f"video {path} is empty (0 bytes); copy it again from its source")


def _advice(is_camera: bool, is_url: bool) -> str:
    if is_camera:
        return "check that the camera is connected, and that no other program uses it"
    if is_url:
        return "check the address, user and password, and that the stream can be reached"
    return (
        "it is not a video, is cut, or is of a kind that OpenCV does not read; convert it with "
        "ffmpeg to MP4, or copy it again from its source"
    )


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
