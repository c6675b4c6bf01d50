"""Videos: every frame is accounted for, and files are whole or not there."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import cv2
import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.video import DEFAULT_FPS, Video, is_video, video_writer


def write_avi(path, frames=10, fps=20.0, size=(64, 80)):
    """Write a video whose frames have the grey level 20 * number, without a loss of frames."""
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, fps, (size[1], size[0]))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((*size, 3), 20 * number % 256, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("every", [1, 3])
def test_frames_are_numbered(tmp_path, every):
    with Video(str(write_avi(tmp_path / "a.avi"))) as video:
        found = list(video.frames(every))
        assert (video.fps, video.declared, video.frames_read) == (20, 10, 10)
        assert (video.short_name, video.stem) == ("a.avi", "a")
    assert [number for number, _ in found] == list(range(0, 10, every))
    for number, image in found:
        assert image.shape == (64, 80, 3)
        assert image.dtype == np.uint8
        assert abs(image.mean() - 20 * number) < 3


def test_what_is_written_can_be_read(tmp_path):
    path = tmp_path / "drawn.mp4"
    colour = np.array([200, 60, 20], np.uint8)
    with video_writer(path, 12.5) as write:
        for _ in range(5):
            write(np.broadcast_to(colour, (64, 81, 3)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["drawn.mp4"]
    with Video(str(path)) as video:
        (*_, (number, image)) = video.frames()
        assert (video.fps, video.declared, number) == (12.5, 5, 4)
    assert image.shape == (64, 80, 3)  # the codec leaves out an odd column
    np.testing.assert_allclose(image.mean((0, 1)), colour, atol=6)


def test_a_video_is_not_replaced_by_one_that_fails(tmp_path):
    path = tmp_path / "drawn.mp4"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), video_writer(path, 25) as write:
        write(np.zeros((64, 80, 3), np.uint8))
        raise ZeroDivisionError
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["drawn.mp4"]


def test_frames_that_do_not_reach_the_disk(tmp_path):
    """OpenCV writes no frames of another size, and says nothing."""
    with (
        pytest.raises(RefineMaskError, match=r"2 of 3 frames are in the file; is the disk full"),
        video_writer(tmp_path / "drawn.mp4", 25) as write,
    ):
        for side in (64, 64, 32):
            write(np.zeros((side, 80, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_ends_early(tmp_path):
    path = write_avi(tmp_path / "a.avi", frames=50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(str(path)) as video:
        frames = video.frames()
        with pytest.raises(RefineMaskError, match=r"ends after \d+ of the 50 frames"):
            for _ in frames:
                pass
        assert 10 < video.frames_read < 40


def test_a_few_frames_less_than_recorded(tmp_path, caplog):
    path = write_avi(tmp_path / "a.avi", frames=50)
    whole = path.read_bytes()
    (tmp_path / "b.avi").write_bytes(whole[: whole.rindex(b"00dc", 0, whole.rindex(b"idx1"))])
    with Video(str(tmp_path / "b.avi")) as video:
        assert len(list(video.frames())) == video.frames_read == 49
    assert "ends after 49 of the 50 frames that it records" in caplog.text


def test_a_video_that_changes_its_size(tmp_path):
    """As cameras may; OpenCV itself scales the frames of files to the size of the first one."""
    for number, side in enumerate((64, 64, 48)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((side, 80, 3), np.uint8))
    message = r"changes its size at frame 2, from 80 x 64 to 80 x 48 pixels"
    with Video(str(write_avi(tmp_path / "a.avi"))) as video:
        video._capture = cv2.VideoCapture(str(tmp_path / "%d.png"), cv2.CAP_IMAGES)
        with pytest.raises(RefineMaskError, match=message):
            list(video.frames())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"video .*a\.mp4 does not exist"),
        (b"", r"a\.mp4 is empty \(0 bytes\)"),
        (b"no video", r"cannot open .*a\.mp4: it is not a video, is cut"),
        ("cut", r"cannot open .*a\.mp4: it is not a video, is cut"),
        ("folder", r"a\.mp4 is not a regular file"),
    ],
)
def test_what_is_not_a_video(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content == "cut":
        with video_writer(path, 25) as write:
            write(np.zeros((64, 80, 3), np.uint8))
        content = path.read_bytes().partition(b"moov")[0]
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=message):
        Video(str(path))


def test_a_video_without_frames(tmp_path):
    path = write_avi(tmp_path / "a.avi", frames=2)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"00dc")])
    with pytest.raises(RefineMaskError, match=r"has no frames|cannot open"):
        list(Video(str(path)).frames())


def test_names(tmp_path):
    names = ["clip.MP4", "camera:0", "rtsp://host/live", "HTTPS://host/a", "dir/clip.webm"]
    assert all(map(is_video, names))
    (tmp_path / "folder.mp4").mkdir()
    names = ["photo.jpg", "camera", "camera:x", "camera:1/2", str(tmp_path / "folder.mp4")]
    assert not any(map(is_video, names))


def test_an_address_is_named_without_its_password():
    with pytest.raises(RefineMaskError, match=r"cannot open tcp://127.0.0.1:9/live: check") as info:
        Video("tcp://user:secret@127.0.0.1:9/live?key=secret")
    assert "secret" not in str(info.value)


def test_a_video_from_a_server(tmp_path):
    write_avi(tmp_path / "a.avi")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/a.avi"
            with Video(f"{address}?key=secret") as video:
                assert len(list(video.frames())) == 10
                assert (video.name, video.short_name, video.stem) == (address, address, "a")
        finally:
            server.shutdown()


def test_a_camera_that_is_not_there():
    with pytest.raises(RefineMaskError, match="cannot open camera:99: check that the camera is"):
        Video("camera:99")


def test_frames_per_second_that_are_not_recorded(tmp_path, caplog):
    jpeg = cv2.imencode(".jpg", np.zeros((64, 80, 3), np.uint8))[1].tobytes()
    (tmp_path / "a.mpg").write_bytes(3 * jpeg)
    with Video(str(tmp_path / "a.mpg")) as video:
        assert (video.fps, video.declared) == (DEFAULT_FPS, None)
        assert len(list(video.frames())) == 3
