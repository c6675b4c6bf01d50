"""The compiled engine of PyTorch: the numbers of the model, in few graphs for all images."""

from functools import partial
from itertools import islice

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch._dynamo.utils import counters  # noqa: E402

from refinemask import engines  # noqa: E402
from refinemask.checkpoints import load_model  # noqa: E402
from refinemask.engines.torch import TorchEngine  # noqa: E402
from refinemask.engines.torch_compiled import compile_model  # noqa: E402
from refinemask.errors import RefineMaskError  # noqa: E402
from refinemask.export.parity import check_decision, summarise  # noqa: E402
from refinemask.export.subjects import default_subjects  # noqa: E402
from refinemask.export.verify import compare_subjects  # noqa: E402
from refinemask.inference.images import load_image  # noqa: E402
from refinemask.inference.opencv import cv2  # noqa: E402
from refinemask.inference.photographs import verification_photos  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return load_model("maskrcnn_small")


def photographs(*sizes):
    image = load_image(verification_photos()[0].path)
    return [cv2.resize(image, (width, height)) for height, width in sizes]


@pytest.mark.slow
def test_few_graphs_run_images_of_all_sizes(model, monkeypatch):
    """Captured and guarded as ever, but run without Inductor, which takes minutes."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled = compile_model(model, "toy")
    assert "features" not in vars(model)  # which stays as it is
    images = photographs((320, 448), (90, 90), (448, 320), (200, 150), (320, 416))
    for image in images:
        found, expected = (one.predict(image, masks="probs") for one in (compiled, model))
        assert len(found) == len(expected) > 0
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    assert len(list(compiled.predict_stream(images, masks="rle"))) == len(images)
    assert counters["stats"]["unique_graphs"] == 1
    with torch._dynamo.config.patch(recompile_limit=2):
        for count in (2, 3):
            compiled.predict_batch(images[:1] * count, masks="rle", batch_size=count)
        assert counters["stats"]["unique_graphs"] == 2
        compiled.predict(*photographs((20, 640)))  # for which no further graph is allowed
        compiled.predict(images[0])
    assert counters["stats"]["unique_graphs"] == 2


def test_without_a_compiler(monkeypatch, model):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    with pytest.raises(RefineMaskError, match=r"there is no /nowhere/c\+\+; install g\+\+, name"):
        compile_model(model, "toy")


def test_what_a_compiler_says(monkeypatch, model):
    def fail(*_):
        raise RuntimeError("C++ compile error\nx.cpp:1:10: fatal error: Python.h: no such file\n1")

    monkeypatch.setattr(torch, "compile", lambda _: fail)
    message = r"cannot compile toy: x\.cpp:1:10: fatal error: Python\.h: no such file; use the run"
    with pytest.raises(RefineMaskError, match=message):
        compile_model(model, "toy")


@pytest.mark.slow
def test_parity(model):
    """By the gate, on the photographs of an export, alone and as a batch."""
    torch._dynamo.reset()
    engine = engines.open("maskrcnn_small", "torch_compiled")
    assert isinstance(engine, TorchEngine)
    parts = list(compare_subjects(engine, islice(default_subjects(model, engine), 3)))
    report = summarise(parts)
    check_decision(report, parts)
    assert report.passed, report.table()
    (image,) = photographs((300, 400))
    boxes, labels = [[5, 5, 60, 60], [0, 0, 120, 90]], ["person"] * 2
    found, expected = (one.segment(image, boxes, labels, masks="probs") for one in (engine, model))
    np.testing.assert_allclose(np.asarray(found.masks), np.asarray(expected.masks), atol=1e-3)
