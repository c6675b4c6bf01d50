"""Options that change a model: the maximum of detections, and settings by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

import refinemask.checkpoints
import refinemask.training
from refinemask.cli.selection import PredictorChoice
from refinemask.configs.presets import maskrcnn_small
from refinemask.engines.torch import TorchEngine
from refinemask.errors import WrongUsage
from tests.cli.program import SYNTHETIC, invoke


def test_max_detections_raises_the_maximum_of_the_model(photograph: Path) -> None:
    given = ("predict", photograph, *SYNTHETIC, "--num-classes", "9")
    counts = []
    for more in (
        [],
        ["--max-detections", "140"],
        ["--max-detections", "3"],
        ["--set", "max_detections=7"],
    ):
        done = invoke(*given, "--json", "-", *more)
        assert done.exit_code == 0, done.output
        counts.append(len(json.loads(done.stdout)))
    assert counts == [100, 140, 3, 7]


def test_settings_belong_to_a_model(photograph: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="--set requires --model or --preset"):
        PredictorChoice(artifact=tmp_path / "a.onnx", settings=("score_threshold=0.1",)).check()
    done = invoke("predict", photograph, *SYNTHETIC, "--json", "-", "--set", "score_threshold")
    assert done.exit_code == 2
    assert "must be NAME=VALUE" in done.output


def test_more_detections_than_a_protocol_counts(tmp_path: Path) -> None:
    given = ("eval", "--dataset", "shapes:1", *SYNTHETIC, "--num-classes", "4")
    for most, said in (("300", True), ("100", False)):
        done = invoke(*given, "--max-detections", most, "--json", "-")
        assert done.exit_code == 0, done.output
        assert ("counts the best 100 detections of an image" in done.stderr) == said


def test_settings_decide_whether_an_evaluation_continues() -> None:
    plain = PredictorChoice("refinemask_small").identity()
    changed = PredictorChoice("refinemask_small", settings=("score_threshold=0.1",)).identity()
    assert changed == plain | {"score_threshold": 0.1}


def test_an_artifact_says_that_it_keeps_fewer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = TorchEngine(refinemask.checkpoints.synthetic_model(maskrcnn_small()))
    monkeypatch.setattr("refinemask.engines.open", lambda *_: engine)
    for wanted, noted in ((300, True), (100, False), (7, False)):
        choice = PredictorChoice(artifact=tmp_path / "a.onnx", max_detections=wanted)
        assert choice.open() is engine
        assert engine.max_detections == wanted
        lines = capsys.readouterr().err
        assert ("at most 100 detections" in lines) == noted
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert len(engine.predict(image)) == 7
    assert len(engine.predict(image, max_detections=2)) == 2
