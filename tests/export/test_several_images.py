"""Batches and streams of images in a real artifact, by the gate for single images."""

import numpy as np
import pytest

from refinemask import engines
from refinemask.inference.structures import RawArrays
from tests.export.small import assert_parity, photo


def test_they_are_those_of_single_images(exported, model):
    """The first and the third have equal padded sizes; the second is another way up."""
    pytest.importorskip("onnxruntime")
    engine = engines.open(exported.path)
    images = [photo(224, 288, 1), photo(288, 224, 2), photo(448, 576, 3)]
    batch = engine.predict_batch(images, masks="probs")
    total = 0
    for image, detections in zip(images, batch, strict=True):
        prepared = engine.prepare(image)
        outputs = RawArrays(
            boxes=detections.boxes * prepared.scale_factor,
            scores=detections.scores,
            labels=detections.labels,
            image_index=np.zeros(len(detections), np.int64),
            masks=np.asarray(detections.masks),
        )
        sizes = np.array([prepared.size])
        total += assert_parity(model, prepared.image[None], sizes, outputs)
    assert total >= 15
    for image, detections in zip(images, engine.predict_stream(images, "probs"), strict=True):
        alone = engine.predict(image, "probs")
        np.testing.assert_allclose(detections.boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(detections.scores, alone.scores, atol=1e-5)
