"""Training on datasets in the layouts of YOLO and LabelMe."""

import pytest

from refinemask.checkpoints import load_model
from refinemask.training import train
from tests.data.foreign_files import mask_shape, shape, write_labelme, write_yolo
from tests.data.test_labelme import DISC, SQUARE
from tests.training.runs import metrics, options


@pytest.mark.parametrize("kind", ["yolo", "labelme"])
def test_two_iterations(tmp_path, kind):
    if kind == "yolo":
        spec, classes = f"{write_yolo(tmp_path / 'set')}:train", ("person", "no")
    else:
        shapes = [shape("tree", SQUARE), mask_shape("car", DISC, 40, 30)]
        spec, classes = str(write_labelme(tmp_path / "set", shapes)), ("car", "tree")
    chosen = options(
        tmp_path / "run",
        datasets=(spec,),
        preset="refinemask_small",
        backbone_weights="none",
        classes=None,
        iterations=2,
    )
    assert load_model(train(chosen)).config.class_names == classes
    assert metrics(tmp_path / "run")[-1]["mask"] > 0
