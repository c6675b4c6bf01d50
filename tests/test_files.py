"""Files are written whole or not at all."""

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from refinemask.errors import RefineMaskError
from refinemask.files import atomic_path, check_destination, to_json, write_text


def test_replaces_the_destination(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    write_text(target, "one")
    write_text(target, "two")
    assert target.read_text() == "two"
    assert list(target.parent.iterdir()) == [target]


def test_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(KeyError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefineMaskError, match="it is a folder; choose another path"):
        write_text(tmp_path, "")


def test_a_file_as_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefineMaskError, match="file is not a folder"):
        write_text(tmp_path / "file" / "deeper" / "name", "")


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator may write anywhere, so what the system says is made up."""
    monkeypatch.setattr(os, "access", lambda path, mode: (Path(path), mode) != (tmp_path, os.W_OK))
    with pytest.raises(RefineMaskError, match=f"no permission to write into {tmp_path}; choose"):
        check_destination(tmp_path / "new" / "file.txt")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RefineMaskError, match="it is not a regular file"):
        write_text(pipe, "")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    code = (
        "from refinemask.errors import RefineMaskError\n"
        "from refinemask.files import write_text\n"
        "try:\n"
        f"    write_text({str(tmp_path / 'big')!r}, 'x' * 100_000)\n"
        "except RefineMaskError as error:\n"
        "    print(error)\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limit
    )
    assert "File too large; make room or choose another disk" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for name, target in (("link", "real/file"), ("dangling", "real/new"), ("folder/deep", "../x")):
        link = tmp_path / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
        write_text(link, "text")
        assert link.is_symlink()
        assert (link.parent / target).read_text() == "text"
    with pytest.raises(RefineMaskError, match="it is a folder"):
        (tmp_path / "to_folder").symlink_to("real")
        write_text(tmp_path / "to_folder", "")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    with pytest.raises(RefineMaskError, match="a symbolic link that leads back to itself; choose"):
        write_text(tmp_path / "one", "")
    with pytest.raises(RefineMaskError, match="cannot create the folder"):
        write_text(tmp_path / "one" / "file", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


KILLED = """
import os, sys
from refinemask.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    """But not what a process that lives is writing, nor files that only look alike."""
    folder = tmp_path / "folder"
    folder.mkdir()
    others = (".other.1234abcd", ".refinemask-12345678", "a.refinemask-12345678")
    for name in others:
        (folder / name).touch()
    os.mkfifo(folder / ".pipe.refinemask-12345678")
    running, killed = (
        subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("running", "killed")
    )
    for process in (running, killed):
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
    killed.communicate()
    write_text(folder / "new", "")
    left = sorted(path.name.partition(".refinemask-")[0] for path in folder.iterdir())
    running.communicate()
    assert left == sorted(["", ".other.1234abcd", ".running", "a", "new"])


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "\u00e9" * 127):
        write_text(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"


def test_a_file_and_its_folder_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def fsync(file: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")

    def replace(source: Path, target: Path) -> Path:
        events.append("replace")
        return original(source, target)

    original = Path.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_text(tmp_path / "file", "")
    assert events == ["file", "replace", "folder"]


@pytest.mark.parametrize("value", [float("nan"), {"a": [1, float("-inf")]}])
def test_json_has_no_other_numbers_than_finite_ones(value: object) -> None:
    with pytest.raises(RefineMaskError, match="which JSON cannot hold"):
        to_json(value)
