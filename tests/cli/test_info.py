"""What `refinemask info` says of checkpoints and artifacts."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from refinemask.checkpoints import save_checkpoint, synthetic_model
from refinemask.cli.file_description import describe_file
from refinemask.cli.main import app
from refinemask.configs import presets
from refinemask.errors import RefineMaskError
from refinemask.inference.metadata import InputLimits
from tests.artifact_bytes import make_metadata, model_bytes
from tests.checkpoints import foreign


def test_a_checkpoint_of_ours(tmp_path):
    path = tmp_path / "model.safetensors"
    config = presets.maskrcnn_small(2)
    save_checkpoint(synthetic_model(config), path, training={"iteration": 3})
    found = describe_file(path, (128, 192), rois=5)
    assert found["format"] == "refinemask"
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["bytes"] == path.stat().st_size
    assert found["provenance"] == {"iteration": 3}
    assert found["mismatch"] is None
    assert found["multiply_adds"]["size"] == [128, 192]
    assert found["multiply_adds"]["rois"] == 5
    assert json.loads(json.dumps(found))["preset"] == "maskrcnn_small"


def test_a_checkpoint_of_mmdetection(tmp_path):
    path = tmp_path / "model.pth"
    config = foreign.narrow(presets.refinemask_r50(2))
    torch.save(foreign.mmcv_checkpoint(config, ("cat", "dog")), path)
    found = describe_file(path)
    assert found["format"] == "mmdetection"
    assert found["config"]["class_names"] == ("cat", "dog")
    assert found["provenance"]["mmcv_version"] == "1.0.5"
    assert found["multiply_adds"]["size"] == [800, 1344]  # 1333, padded


def test_where_values_come_from(tmp_path):
    path = tmp_path / "model.pth"
    content = foreign.mmcv_checkpoint(foreign.narrow(presets.maskrcnn_r50(2)), ("cat", "dog"))
    content["meta"]["config"] = "test_cfg = dict(rcnn=dict(score_thr=0.25, max_per_img=300))"
    torch.save(content, path)
    shown = CliRunner().invoke(app, ["info", str(path), "--size", "64x64"]).stdout
    rows = {line[:19].strip(): line[19:] for line in shown.splitlines()}
    assert rows["score threshold"] == "0.25 (file)"
    assert rows["detections up to"] == "300 (file)"
    assert rows["anchor ratios"] == "0.5, 1, 2 (preset)"
    assert rows["weights from"] == "state_dict"
    assert describe_file(path, (64, 64))["recorded"] == ["max_detections", "score_threshold"]
    given = ["--set", "score_threshold=0.5", "--set", "input.mean=1,2,3"]
    shown = CliRunner().invoke(app, ["info", str(path), "--size", "64x64", *given]).stdout
    assert "score threshold    0.5 (option)" in shown
    assert "mean of RGB        1, 2, 3 (option)" in shown
    assert "detections up to   300 (file)" in shown


def test_a_checkpoint_that_cannot_be_loaded(tmp_path):
    path = tmp_path / "model.pth"
    weights = foreign.state_dict(foreign.narrow(presets.maskrcnn_r50(2)))
    del weights["rpn_head.rpn_reg.bias"]
    torch.save(weights, path)
    assert describe_file(path)["mismatch"] == "1 missing (rpn_head.rpn_reg.bias)"
    done = CliRunner().invoke(app, ["info", str(path), "--size", "64x64"])
    assert "does not fit       1 missing (rpn_head.rpn_reg.bias)" in done.stdout


def test_what_a_file_says_of_itself_stays_apart(tmp_path):
    path = tmp_path / "model.safetensors"
    config = replace(presets.maskrcnn_small(), class_names=("person\nformat  trusted",))
    claims = {"SHA-256": "0" * 64, "file": "other", "a\nfile": "b\nSHA-256  0"}
    save_checkpoint(synthetic_model(config), path, training=claims)
    lines = CliRunner().invoke(app, ["info", str(path), "--size", "64x64"]).stdout.splitlines()
    said = lines.index("the file says:")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [line for line in lines[:said] if line.startswith("SHA-256")] == [
        f"SHA-256            {digest}"
    ]
    assert f"  SHA-256          {'0' * 64}" in lines[said:]
    assert not [line for line in lines if line.startswith(("SHA-256  0", "format  trusted"))]
    assert len([line for line in lines if line.startswith("file ")]) == 1


def test_settings_of_an_artifact_are_fixed(artifact):
    with pytest.raises(RefineMaskError, match="has its values fixed; set them when you export"):
        describe_file(artifact, settings={"score_threshold": 0.5})


@pytest.fixture
def artifact(tmp_path) -> Path:
    """An ONNX file as `refinemask-export` writes it, without nodes."""
    metadata = make_metadata(InputLimits(384, 512), checkpoint_sha256="12ab" * 16)
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(metadata))
    return path


def test_an_artifact(artifact):
    found = describe_file(artifact)
    assert found["format"] == "onnx"
    assert found["preset"] == "maskrcnn_small"
    assert found["provenance"]["form"] == "portable"
    assert found["provenance"]["checkpoint_sha256"] == "12ab" * 16
    assert "class_names" not in found["provenance"]
    assert found["multiply_adds"]["size"] == [384, 512]


def test_an_artifact_that_is_given_boxes_has_no_detector(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(make_metadata(outputs="masks")))
    found = describe_file(path)
    assert found["provenance"]["outputs"] == "masks"
    assert list(found["parameters"]) == ["backbone", "fpn", "mask_head"]
    assert list(found["multiply_adds"]["parts"]) == ["backbone", "fpn", "mask_head"]
    assert found["multiply_adds"]["proposals"] == 0


def test_an_artifact_where_torch_is_not_installed(artifact):
    """Importing torch, or finding it, fails as if it were not there."""
    program = f"""
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxruntime"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "torch" else find(name)
from refinemask.cli.main import app
app(["info", {str(artifact)!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "maskrcnn_small" in done.stdout and "portable" in done.stdout
    assert "parameters and multiply-adds need PyTorch: pip install" in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x08\x08", "has no metadata 'refinemask'"),
        (b"\xff" * 9, "not an ONNX file"),
    ],
)
def test_artifacts_that_are_none(tmp_path, content, message):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(RefineMaskError, match=message):
        describe_file(path)


def test_sizes_that_no_image_is_padded_to(artifact):
    with pytest.raises(RefineMaskError, match="multiples of 32, got 100x200"):
        describe_file(artifact, (100, 200))


def test_the_command(artifact, tmp_path):
    written = tmp_path / "info.json"
    arguments = ["info", str(artifact), "--size", "64x96", "--rois", "3", "--json", str(written)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["preset", "maskrcnn_small"] in rows
    assert ["classes", "1:", "person"] in rows
    found = json.loads(written.read_text())
    total = sum(found["multiply_adds"]["parts"].values())
    millions = sum(found["parameters"].values())
    assert ["all", f"{millions / 1e6:.2f}", "M", f"{total / 1e9:.2f}", "G"] in rows
    assert "one padded 64x96 image, 1000 proposals, 3 masks" in done.stdout


@pytest.mark.parametrize("size", ["800", "800,1344", "axb", "-32x32"])
def test_sizes_that_are_none(size):
    done = CliRunner().invoke(app, ["info", "refinemask_small", "--size", size])
    assert done.exit_code == 2
    assert "HEIGHTxWIDTH" in done.stderr


def test_no_file():
    done = CliRunner().invoke(app, ["info", "nowhere.pth"])
    assert done.exit_code == 1
    assert "checkpoint nowhere.pth does not exist" in done.stderr
