"""What decoders print: nothing that lacks the name of an image, and nothing of others is lost."""

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from refinemask.inference.decoder_messages import decode_noting, decode_silently
from refinemask.inference.images import load_image
from refinemask.inference.opencv import cv2

SAID = "Corrupt JPEG data: bad Huffman code"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return write_damaged(tmp_path / "damaged.jpg")


def write_damaged(path: Path) -> Path:
    """Write a JPEG with its end, and other bytes in its middle."""
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    cv2.imwrite(str(path), pixels)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = b"\xfe\xfd\xfc" * 100
    path.write_bytes(data)
    return path


@pytest.fixture
def as_program(monkeypatch):
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "SILENT")


def test_a_damaged_jpeg_is_one_note_with_its_name(damaged: Path) -> None:
    command = ["predict", str(damaged), "--model", "maskrcnn_small", "--json", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "refinemask", *command], capture_output=True, text=True
    )
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "damaged" in line or "JPEG" in line]
    assert len(lines) == 1
    assert f"image {damaged} may be damaged inside, as its decoder says: Corrupt JPEG" in lines[0]


def test_of_many_threads_each_damaged_image_is_noted(as_program, tmp_path, caplog, capfd):
    good = tmp_path / "good.jpg"
    cv2.imwrite(str(good), np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8))
    bad = [write_damaged(tmp_path / f"damaged{number}.jpg") for number in range(3)]
    paths = [good, bad[0], good, bad[1], good, good, bad[2], good] * 4
    with caplog.at_level(logging.WARNING, "refinemask"), ThreadPoolExecutor(8) as pool:
        images = list(pool.map(load_image, paths))
    assert all(image.shape == (240, 320, 3) for image in images)
    noted = [record.getMessage() for record in caplog.records]
    assert len(noted) == 12 and not any("good.jpg" in line for line in noted)
    for path in bad:
        assert sum(str(path) in line for line in noted) == 4
    assert "JPEG" not in capfd.readouterr().err


def test_what_others_write_meanwhile_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def decode() -> int:
        os.write(2, f"first\n{SAID}\n".encode())
        os.write(2, b"10 %\r20 %")
        return 3

    assert decode_noting(decode) == (3, SAID)
    assert capfd.readouterr().err == "first\n10 %\r20 %" * 2  # decoded twice
    assert decode_silently(decode) == 3
    assert capfd.readouterr().err == "first\n10 %\r20 %"


def test_standard_error_is_shown_again_after_an_exception(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ZeroDivisionError):
        decode_noting(lambda: 1 // 0)
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"


def test_closed_standard_error(damaged: Path) -> None:
    code = (
        "import os, sys; os.close(2); os.environ['OPENCV_LOG_LEVEL'] = 'SILENT'\n"
        "from refinemask.inference.images import load_image\n"
        "print(load_image(sys.argv[1]).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(damaged)], capture_output=True)
    assert done.stdout == b"(240, 320, 3)\n"


def test_a_process_forked_while_a_thread_decodes(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def decode() -> None:
        inside.set()
        leave.wait()

    thread = threading.Thread(target=decode_silently, args=[decode])
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        os.write(2, b"shown")
        os._exit(decode_noting(lambda: 3)[0])
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert capfd.readouterr().err == "shown"
