"""Files that processes share are made once, whole or not at all, and removed after the run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.shared_files import made_once, shared_in

PROGRAM = """
import sys, time
from pathlib import Path
from tests.shared_files import made_once

def make(folder):
    (folder / "text").write_text("whole")
    time.sleep(0.2)
    return {"made by": sys.argv[1]}

folder, returned = made_once(Path(sys.argv[1]), "text", make)
assert (folder / "text").read_text() == "whole"
print(returned["made by"])
"""


def test_one_process_makes_them(tmp_path: Path) -> None:
    bases = [tmp_path / f"popen-gw{number}" for number in (0, 1)]

    def made(base: Path) -> str:
        command = [sys.executable, "-c", PROGRAM, str(base)]
        return subprocess.check_output(command, cwd=ROOT, text=True).strip()

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(made, bases)
    assert first == second and Path(first) in bases
    names = [path.name for path in shared_in(bases[0]).iterdir()]
    assert sorted(names) == ["text", "text.lock"]
    assert shared_in(bases[0]) == shared_in(tmp_path)


def test_what_fails_is_made_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError

    with pytest.raises(OSError):
        made_once(tmp_path, "text", fail)
    folder, found = made_once(tmp_path, "text", lambda folder: list(folder.iterdir()))
    assert found == [] and list(folder.iterdir()) == []


TEST = """
from tests.shared_files import made_once

def test(tmp_path_factory):
    made_once(tmp_path_factory.getbasetemp(), "text", lambda folder: (folder / "a").write_text(""))
    assert False
"""


def test_they_are_removed_after_a_run(tmp_path: Path) -> None:
    """By the process that started the others, though a test failed."""
    (tmp_path / "test_one.py").write_text(TEST, encoding="utf-8")
    base = tmp_path / "base"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", "/dev/null"]
    command += [f"--basetemp={base}", "--numprocesses=1", "test_one.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert base.is_dir() and not shared_in(base).exists()
