"""Short runs on the embedded shapes, on images of 48 x 64."""

import json

import torch

from refinemask.checkpoints import load_model
from refinemask.training import TrainOptions

CLASSES = ("star", "ring")


def options(output, **changes):
    values = {
        "output": output,
        "datasets": ("shapes:2",),
        "preset": "maskrcnn_small",
        "classes": CLASSES,
        "iterations": 4,
        "batch_size": 1,
        "short_sides": (48,),
        "long_side": 64,
        "canvas": 64,
        "rois": 16,
        "mask_rois": 2,
        "warm_up": 2,
        "seed": 3,
    }
    return TrainOptions(**values | changes)


def weights(path):
    return load_model(path).state_dict()


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    different = [name for name in expected if not torch.equal(found[name], expected[name])]
    assert not different


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
