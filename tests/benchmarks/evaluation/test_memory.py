"""The benchmark of an evaluation's memory."""

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "refinemask.benchmarks.evaluation.memory"]


def run(*options: str) -> str:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=True).stdout


def test_the_table_has_every_figure(tmp_path):
    lines = run("--images", "3", "--detections", "4", "--output", str(tmp_path)).splitlines()
    assert lines[0] == "3 images, 4 detections each"
    values = [int(line.split()[-2]) for line in lines[1:]]
    assert len(values) == 4
    assert 0 < values[0] <= values[1] <= values[2]
    assert list(tmp_path.iterdir())


@pytest.mark.slow
def test_memory_of_an_evaluation():
    """Without encodings, the masks of these 2,000 images would take 37 GiB."""
    found = json.loads(run("--json", "-"))
    assert found["images"] == 2000
    assert found["measured_bytes"] - found["before_bytes"] < 700 * 2**20
