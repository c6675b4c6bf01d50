"""The command line's own work: options, exit codes, and where output goes.

What the commands do is tested where it is implemented.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import refinemask.checkpoints
import refinemask.training
from refinemask.cli.main import COMMANDS, app, export_app
from refinemask.console import exit_on_error, write_result
from refinemask.errors import GateFailed, RefineMaskError, WrongUsage
from refinemask.training import TrainOptions
from tests.cli.program import SYNTHETIC, invoke


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: ")


def test_without_a_command_the_commands_are_listed() -> None:
    done = invoke()
    assert all(command in done.output for command in COMMANDS)


def test_refinemask_export_is_refinemask_export() -> None:
    group = typer.main.get_command(app)
    program = typer.main.get_command(export_app)
    command = group.commands["export"]  # type: ignore[attr-defined]
    assert [p.opts for p in program.params] == [p.opts for p in command.params]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("export --output x.onnx", "give exactly one of --model"),
        ("export --output x.onnx --model a --preset b", "got --model and --preset"),
        ("export --output x.onnx --preset refinemask_r50", "requires --weights synthetic"),
        ("export --output x.onnx --preset refinemask_r50 --weights best", "best"),
        ("export --output x.onnx --model a --weights synthetic", "require --preset"),
        ("export --output x.onnx --model a --num-classes 2", "require --preset"),
        ("eval --dataset shapes:1 --artifact a --bn-eps 0", "--bn-eps requires --model"),
        ("eval --dataset shapes:1 --model a --bn-eps -1", "--bn-eps"),
        ("export --output x.onnx --model a --width 100", "--width must be a multiple of 32"),
        ("export --output x.onnx --model a --height 4096", "2048"),
        ("export --output x.onnx --model a --form square", "square"),
        ("export --model a", "--output"),
        ("predict --model a", "IMAGE"),
        ("predict x.png --model a", "give --output DIR, --json PATH or both"),
        ("predict x.png --output out", "--artifact FILE: got none"),
        ("predict x.png --output out --model a --artifact b", "got --model and --artifact"),
        ("predict x.png --output out --model a --score-threshold 2", "--score-threshold"),
        ("eval --dataset shapes:1 --model a --runtime openvino", "requires --artifact; a model"),
        ("eval --dataset shapes:1 --model a --runtime auto", "runs in torch or torch_compiled"),
        ("eval --dataset shapes:1 --model a --device tpu", "--device must be auto, cpu or cuda:N"),
        ("eval --dataset shapes:1 --model a --device npu", "cpu or cuda:N for PyTorch, got 'npu'"),
        ("eval --dataset shapes:1 --artifact a --device cuda:x", "--device must be"),
        ("eval --dataset shapes:1 --artifact a --runtime pytorch", "unknown runtime 'pytorch'"),
        ("eval --dataset shapes:1 --artifact a --runtime openvino:gpu", "has no providers"),
        ("verify --artifact a --images . --model a --runtime torch", "which runs checkpoints"),
        ("eval --model a", "--dataset"),
        ("verify --artifact a --images .", "give exactly one of --model"),
        ("verify --artifact a --images . --model a --layers", "--layers requires --runtimes"),
        (
            "verify --artifact a --images . --model a --runtimes torch,openvino --runtime openvino",
            "give --runtime or --runtimes, not both",
        ),
        (
            "verify --artifact a --images . --model a --runtimes torch,caffe",
            "unknown runtime 'caffe'; choose one of onnxruntime[:PROVIDER], openvino",
        ),
        ("verify --artifact a --images . --model a --runtimes torch,torch", "torch is given twice"),
        ("verify --artifact a --images . --model a --runtimes torch", "two or more runtimes"),
        ("bench --images .", "give at least one --artifact FILE, --engine FILE or --model"),
        (
            "report --images . --output x.html",
            "give at least one --artifact FILE, --engine FILE or --model",
        ),
        ("info", "FILE|NAME"),
        ("info a.onnx --size 800", "--size must be HEIGHTxWIDTH"),
        ("data cityscapes --source . --output out", "cityscapes"),
        ("train --dataset shapes:1 --output out --schedule 3x", "cityscapes"),
        ("train --dataset shapes:1 --output out --precision half", "bfloat16"),
        ("train --dataset shapes:1 --output out --short-sides 9..8", "as N,N,... or A..B"),
        ("train --dataset shapes:1 --output out --steps 8,x", "--steps must be numbers as N,N"),
        ("frobnicate", "frobnicate"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_allowed(arguments: str, message: str) -> None:
    done = invoke(*arguments.split())
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RefineMaskError("no such thing"), 1, "error: no such thing\n"),
        (WrongUsage("nonsense"), 2, "error: nonsense\n"),
        (GateFailed("too far off"), 3, "error: too far off\n"),
        (
            ModuleNotFoundError("", name="torch.onnx"),
            1,
            "error: this command needs torch; install it with: pip install 'refinemask[torch]'\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(36, "File name too long", "x"), 1, "error: x: File name too long\n"),
        (MemoryError(), 1, "error: not enough memory\n"),
        (MemoryError("8 GB"), 1, "error: not enough memory (8 GB)\n"),
        (RecursionError("maximum"), 1, "error: a file is nested too deeply to be read\n"),
        (RefineMaskError("\x1b[2J"), 1, "error: \\x1b[2J\n"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(error: BaseException, code: int, line: str) -> None:
    def fail() -> None:
        raise error

    app = typer.Typer()
    app.command()(exit_on_error(fail))
    done = invoke(app=app)
    assert (done.exit_code, done.stderr, done.stdout) == (code, line, "")


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    done = invoke("export", "--model", "nowhere.safetensors", "--output", tmp_path / "m.onnx")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: checkpoint nowhere.safetensors does not exist")
    assert list(tmp_path.iterdir()) == []


def test_train_resolves_a_published_schedule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[TrainOptions] = []

    def train(options: TrainOptions, *_: object, **__: object) -> Path:
        runs.append(options)
        return options.output / "model.safetensors"

    monkeypatch.setattr(refinemask.training, "train", train)
    command = f"train --dataset shapes:1 --preset refinemask_r50 --output {tmp_path} --device cpu"
    more = "--schedule cityscapes --batch-size 4 --short-sides 512..514 --warm-up 0 --seed 5"
    done = invoke(*command.split(), *more.split())
    assert done.exit_code == 0, done.output
    (found,) = runs
    assert (found.epochs, found.steps, found.repeat) == (8, (7,), 8)
    assert (found.batch_size, found.base_learning_rate) == (4, 0.0025)
    assert (found.short_sides, found.warm_up, found.seed) == ((512, 513, 514), 0, 5)
    assert "--epochs 8 --steps 7 --short-sides 512..514 --long-side 2048" in done.stderr
    assert done.stdout == f"wrote {tmp_path / 'model.safetensors'}\n"


def test_an_unknown_preset_is_wrong_usage() -> None:
    done = invoke("eval", "--dataset", "shapes:1", "--preset", "yolo", "--weights", "synthetic")
    assert done.exit_code == 2
    assert "unknown preset 'yolo'; choose one of refinemask_r50" in done.stderr


def test_a_missing_gpu_is_an_error() -> None:
    done = invoke("eval", "--dataset", "shapes:1", "--device", "cuda:99", *SYNTHETIC)
    assert done.exit_code == 1
    assert "use --device cpu or auto" in done.stderr


def test_an_export_that_fails_its_gate_exits_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def export_model(*_: object, **__: object) -> None:
        raise GateFailed("boxes differ by 3 px")

    monkeypatch.setattr("refinemask.export.artifact.export_model", export_model)
    monkeypatch.setattr(refinemask.checkpoints, "synthetic_model", lambda _: _Model())
    done = invoke("export", *SYNTHETIC, "--output", tmp_path / "m.onnx")
    assert (done.exit_code, done.stderr) == (3, "error: boxes differ by 3 px\n")


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 3)])
def test_verify_shows_the_report_and_exits_by_it(
    passed: bool, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = SimpleNamespace(
        passed=passed, table=lambda: "the table", to_dict=lambda: {"passed": passed}
    )
    monkeypatch.setattr("refinemask.export.verify.verify_artifact", lambda *_, **__: report)
    monkeypatch.setattr(refinemask.checkpoints, "synthetic_model", lambda _: _Model())
    (tmp_path / "image.png").touch()
    written = tmp_path / "parity.json"
    options = ("--artifact", "m.onnx", "--images", tmp_path, "--json", written)
    done = invoke("verify", *SYNTHETIC, *options)
    assert (done.exit_code, done.stdout) == (code, "the table\n"), done.output
    assert json.loads(written.read_text())["passed"] is passed


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 3)])
def test_verify_shows_the_matrix_of_runtimes_and_exits_by_it(
    passed: bool, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, object] = {}

    def verify_runtimes(*arguments: object, **options: object) -> object:
        given.update(options, runtimes=arguments[2])
        return SimpleNamespace(
            passed=passed, table=lambda: "the matrix", to_dict=lambda: {"passed": passed}
        )

    monkeypatch.setattr("refinemask.export.runtime_matrix.verify_runtimes", verify_runtimes)
    monkeypatch.setattr(refinemask.checkpoints, "synthetic_model", lambda _: _Model())
    (tmp_path / "image.png").touch()
    options = ("--artifact", "m.onnx", "--images", tmp_path, "--runtimes", "torch, openvino")
    done = invoke("verify", *SYNTHETIC, *options, "--layers", "--save-tensors", tmp_path / "saved")
    assert (done.exit_code, done.stdout) == (code, "the matrix\n"), done.output
    assert ("does not give the same numbers in every runtime" in done.stderr) != passed
    assert given["runtimes"] == ("torch", "openvino")
    assert (given["layers"], given["save_tensors"]) == (True, tmp_path / "saved")


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_signals_that_end_a_process_clean_up_like_ctrl_c(number: str) -> None:
    code = (
        "import os, signal, sys\n"
        "from refinemask.cli import main\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # the tests may run under nohup
        "main._terminate_like_ctrl_c()\n"
        "try:\n"
        "    os.kill(os.getpid(), getattr(signal, sys.argv[1]))\n"
        "finally:\n"
        "    print('cleaned up')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, number], capture_output=True, text=True)
    assert done.stdout == "cleaned up\n"
    assert "KeyboardInterrupt" in done.stderr


def test_eval_measures_a_dataset_on_disk(photograph: Path) -> None:
    annotations = photograph.parent / "annotations.json"
    box = [8, 8, 32, 32]
    shape = {"bbox": box, "segmentation": [[8, 8, 40, 8, 40, 40, 8, 40]], "area": 1024}
    annotations.write_text(
        json.dumps(
            {
                "images": [{"id": 7, "file_name": photograph.name, "height": 64, "width": 96}],
                "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "shadow"}],
                "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, **shape}],
            }
        )
    )
    spec = f"{annotations}@{photograph.parent}"
    done = invoke("eval", "--dataset", spec, *SYNTHETIC, "--json", "-")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["images"] == 1
    assert result.keys() == {"images", "box", "mask", "boundary", "dataset", "setup"}
    unknown = invoke("eval", "--dataset", spec, *SYNTHETIC, "--classes", "person,ghost")
    assert unknown.exit_code == 1
    assert "ghost" in unknown.stderr


class _Model:
    def to(self, _: str) -> "_Model":
        return self


def test_json_on_standard_output_takes_the_place_of_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_result("a table", {"images": 3}, "-")
    result = json.loads(capsys.readouterr().out)
    assert result["images"] == 3
    assert result["setup"].keys() == {"command", "versions", "machine"}
    assert "numpy" in result["setup"]["versions"]
    write_result("a table", [1, 2], "-")
    assert json.loads(capsys.readouterr().out) == [1, 2]


def test_json_in_a_file_comes_with_the_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_result("a table", [{"score": 0.5}], str(tmp_path / "new" / "result.json"))
    assert capsys.readouterr().out == "a table\n"
    assert json.loads((tmp_path / "new" / "result.json").read_text()) == [{"score": 0.5}]


def test_json_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        RefineMaskError, match=r"cannot write .* is not a folder; choose another path"
    ):
        write_result("a table", [], str(tmp_path / "file" / "result.json"))
