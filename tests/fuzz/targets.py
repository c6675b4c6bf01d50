"""Fuzz targets: the readers of files that come from strangers, with seeds and mutations."""

import contextlib
import io
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np
import onnx
import torch

from refinemask import engines
from refinemask.checkpoints import load_model
from refinemask.checkpoints.shipped import find_checkpoint
from refinemask.cli.file_description import describe_file
from refinemask.configs.presets import maskrcnn_r50
from refinemask.data.boxes_file import read_boxes
from refinemask.data.dataset import InstanceDataset
from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation.measure import check_masks, measure_file
from refinemask.inference.artifact import Artifact
from refinemask.inference.drawing import draw
from refinemask.inference.images import load_image
from refinemask.inference.metadata import METADATA_KEY, sidecar_path
from refinemask.inference.prediction import file_sources
from refinemask.inference.results import to_coco_results
from refinemask.inference.rois import given_boxes
from refinemask.inference.segmentation import label_boxes, match_images
from tests.artifact_bytes import make_metadata, sealed
from tests.checkpoints.foreign import (
    TEXT,
    cell_anchors,
    detectron2_name,
    narrow,
    shapes,
    thin_tensors,
)
from tests.engines.conftest import GRAPH
from tests.fuzz.c_interface import call_c_interface
from tests.fuzz.child import Reader
from tests.fuzz.formats import (
    SEPARATOR,
    mutate_artifact,
    mutate_checkpoint,
    mutate_parts,
    mutate_safetensors,
)
from tests.fuzz.mutations import Mutation, mutate_bytes, mutate_json, mutate_text

ENGINE = b"an engine"
"""What the records in the corpus are about."""

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """A reader and its inputs.

    Attributes:
        name: that of its folder in the corpus.
        read: reads one input.
        mutate: makes another input of one.
        large_seeds: makes the inputs that are too large for the corpus.
    """

    name: str
    read: Reader
    mutate: Mutation
    large_seeds: Callable[[], Iterable[bytes]] = tuple

    def seeds(self) -> list[bytes]:
        """Return the inputs that are mutated."""
        files = sorted(path for path in (CORPUS / self.name).iterdir() if path.is_file())
        return [*(path.read_bytes() for path in files), *self.large_seeds()]

    def mutated(self, seeds: list[bytes], random: Random) -> bytes:
        """Return a new input."""
        data = random.choice(seeds)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            data = self.mutate(data, random)
        return data


def _read_artifact(data: bytes, folder: Path) -> None:
    path = folder / "a.onnx"
    path.write_bytes(data)
    Artifact.open(path).describe()
    engine = engines.open(path, threads=1)
    image = np.full((48, 64, 3), 200, np.uint8)
    detections = engine.predict(image)
    to_coco_results(detections, "a.png", engine.category_ids)
    draw(image, detections, engine.class_names)


def _read_engine(data: bytes, folder: Path) -> None:
    engine = folder / "a.engine"
    engine.write_bytes(ENGINE)
    sidecar_path(engine).write_bytes(data)
    describe_file(engine)


def _read_safetensors(data: bytes, folder: Path) -> None:
    (folder / "a.safetensors").write_bytes(data)
    load_model(folder / "a.safetensors")


def _read_pickle(data: bytes, folder: Path) -> None:
    (folder / "a.pth").write_bytes(data)
    load_model(folder / "a.pth")


def _read_image(data: bytes, folder: Path) -> None:
    (folder / "a.image").write_bytes(data)
    load_image(folder / "a.image")


def _read_coco(data: bytes, folder: Path) -> None:
    annotations, _, results = data.partition(SEPARATOR)
    (folder / "annotations.json").write_bytes(annotations)
    (folder / "results.json").write_bytes(results)
    _write_image(folder / "a.png")
    _use(str(folder / "annotations.json"))
    dataset = open_dataset(str(folder / "annotations.json"), with_images=False)
    measure_file(folder / "results.json", dataset)


def _read_yolo(data: bytes, folder: Path) -> None:
    description, _, labels = data.partition(SEPARATOR)
    (folder / "data.yaml").write_bytes(description)
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_bytes(labels)
    _write_image(folder / "images" / "a.png")
    _use(f"{folder / 'data.yaml'}:val")


def _read_labelme(data: bytes, folder: Path) -> None:
    (folder / "a.json").write_bytes(data)
    (folder / "b.json").write_text('{"shapes": [], "imagePath": "b.png"}')
    for name in ("a.png", "b.png"):
        _write_image(folder / name)
    _use(str(folder))


def _read_boxes(data: bytes, folder: Path) -> None:
    (folder / "boxes").write_bytes(data)
    _write_image(folder / "a.png")
    sources = file_sources([folder / "a.png"], None)
    model = maskrcnn_r50()
    for found in match_images(read_boxes(folder / "boxes"), sources).values():
        boxes = label_boxes(found, model.class_names, model.category_ids)
        corners = [one.entry.box for one in boxes]
        scores = [one.entry.score for one in boxes]
        given_boxes(corners, [one.label for one in boxes], scores, model.class_names, (40, 60))


def _use(spec: str) -> None:
    """Do with a dataset what evaluation and training do."""
    dataset = open_dataset(spec, with_images=False)
    with contextlib.suppress(RefineMaskError):
        check_masks(dataset, dataset.image_ids, set(dataset.category_ids))
    with contextlib.suppress(RefineMaskError):
        _read_samples(open_dataset(spec).for_training())


def _read_samples(dataset: InstanceDataset) -> None:
    for index in range(len(dataset)):
        sample = dataset[index]
        height, width = sample.image.shape[:2]
        for mask in sample.masks:
            mask.hflip(width).resize(height, width, 40, 50).to_bitmap(40, 50)


def _write_image(path: Path) -> None:
    """Write the image, 40 high and 60 wide, that the inputs of datasets are about."""
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))


def _artifact_seeds() -> list[bytes]:
    """Return an artifact with metadata of today, which the checks let through to a runtime."""
    model = onnx.parser.parse_model(GRAPH)
    onnx.helper.set_model_props(model, {METADATA_KEY: make_metadata().to_json()})
    return [sealed(model.SerializeToString())]


def _safetensors_seeds() -> list[bytes]:
    return [find_checkpoint("maskrcnn_small").read_bytes()]


def _pickle_seeds() -> list[bytes]:
    """Return checkpoints of mmdetection and detectron2, and a plain pickle of arrays.

    Their tensors are views of one small storage, so that they are small and still whole.
    """
    ours = shapes(narrow(maskrcnn_r50()))
    mmdetection = thin_tensors({f"module.{name}": shape for name, shape in ours.items()})
    theirs = {detectron2_name(n): s for n, s in ours.items() if "num_batches" not in n}
    recorded = cell_anchors() | {"pixel_mean": torch.ones(3), "pixel_std": torch.ones(3)}
    detectron2 = thin_tensors(theirs) | recorded
    meta = {"config": TEXT, "CLASSES": ("person", "car"), "epoch": 12}
    seeds = []
    for content in (
        {"meta": meta, "state_dict": mmdetection},
        {"model": detectron2, "iteration": 9},
        dict(list(mmdetection.items())[:3]),
    ):
        file = io.BytesIO()
        torch.save(content, file)
        seeds.append(file.getvalue())
    arrays = {name: np.ones((2,) + (1,) * (len(shape) - 1), "f4") for name, shape in theirs.items()}
    arrays |= {name: tensor.numpy() for name, tensor in recorded.items()}
    return [*seeds, pickle.dumps({"model": arrays, "__author__": "Detectron2 Model Zoo"}, 2)]


TARGETS = {
    target.name: target
    for target in (
        Target("artifact", _read_artifact, mutate_artifact, _artifact_seeds),
        Target("engine", _read_engine, mutate_json),
        Target("safetensors", _read_safetensors, mutate_safetensors, _safetensors_seeds),
        Target("pickle", _read_pickle, mutate_checkpoint, _pickle_seeds),
        Target("coco", _read_coco, mutate_parts(mutate_json, mutate_json)),
        Target("yolo", _read_yolo, mutate_parts(mutate_text, mutate_text)),
        Target("labelme", _read_labelme, mutate_json),
        Target("boxes", _read_boxes, mutate_text),
        Target("image", _read_image, mutate_bytes),
        Target("c_interface", call_c_interface, mutate_bytes),
    )
}
