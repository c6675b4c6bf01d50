"""Images that `refinemask predict` is given: what is written for them, and what is refused."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.program import SYNTHETIC, invoke


def test_predict_writes_pictures_and_results(photograph: Path, tmp_path: Path) -> None:
    output, results = tmp_path / "drawn", tmp_path / "results.json"
    done = invoke("predict", photograph, *SYNTHETIC, "--output", output, "--json", results)
    assert done.exit_code == 0, done.output
    assert isinstance(json.loads(results.read_text()), list)
    assert cv2.imread(str(output / "photo.png")) is not None


def test_predict_keeps_progress_out_of_the_results(photograph: Path) -> None:
    done = invoke("predict", photograph.parent, *SYNTHETIC, "--json", "-")
    assert isinstance(json.loads(done.stdout), list)
    assert "1/1" in done.stderr


@pytest.mark.parametrize("name", ["missing.png", "empty", "text.png"])
def test_predict_refuses_what_is_no_image(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("not an image")
    done = invoke("predict", tmp_path / name, *SYNTHETIC, "--output", tmp_path / "drawn")
    assert done.exit_code == 1
    failures = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert re.fullmatch(rf"error: .*{name}.*", failures[0])
    assert not (tmp_path / "drawn" / name).exists()


def test_predict_needs_images_from_one_place(photograph: Path) -> None:
    for given in ((photograph, "--dataset", "shapes:1"), ()):
        done = invoke("predict", *given, *SYNTHETIC, "--json", "-")
        assert done.exit_code == 2
        assert "give either IMAGE ... (images, or folders of images) or --dataset" in done.stderr
    done = invoke("predict", photograph, *SYNTHETIC, "--json", "-", "--resume")
    assert "--resume requires --output DIR or --json PATH" in done.stderr
    done = invoke("predict", photograph, *SYNTHETIC, "--json", "-", "--limit", "3")
    assert "--limit requires --dataset SPEC" in done.stderr


def test_predict_refuses_an_output_that_is_a_file(photograph: Path) -> None:
    done = invoke("predict", photograph, *SYNTHETIC, "--output", photograph)
    assert done.exit_code == 1
    assert "error: cannot create the folder" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "predict IT --model a --json IT",
        "predict . --artifact IT --json IT",
        "verify --artifact IT --images . --model a --json IT",
        "export --model IT --output IT",
        "predict IT --model a --json .",
    ],
)
def test_outputs_that_would_destroy_something_are_refused(
    arguments: str, photograph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photograph.parent)
    before = photograph.read_bytes()
    done = invoke(*arguments.replace("IT", photograph.name).split())
    assert done.exit_code == 2, done.output
    assert re.search("is an input of this command|it is a folder", done.stderr)
    assert photograph.read_bytes() == before


def test_a_broken_image_prints_nothing_of_opencv(photograph: Path) -> None:
    broken = photograph.with_suffix(".tiff")
    cv2.imwrite(str(broken), np.zeros((64, 64, 3), np.uint8))
    broken.write_bytes(broken.read_bytes()[:-50])
    code = (
        "import sys\n"
        "from refinemask.cli import main\n"
        "main._set_up_process()\n"
        "from refinemask.errors import RefineMaskError\n"
        "from refinemask.inference.images import load_image\n"
        "try:\n"
        "    load_image(sys.argv[1])\n"
        "except RefineMaskError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(broken)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "photo.tiff as TIFF: it is damaged" in done.stdout
    assert done.stderr == ""


def test_a_damaged_image_prints_nothing_of_its_decoder(photograph: Path) -> None:
    damaged = photograph.with_name("damaged.png")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    cv2.imwrite(str(damaged), pixels)
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(range(40))
    damaged.write_bytes(data)
    command = ["predict", str(damaged), "--model", "maskrcnn_small", "--json", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "refinemask", *command], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "damaged.png as PNG: it is damaged" in done.stderr
    assert "libpng" not in done.stderr
