"""Predictions on disk: an interrupted evaluation goes on as if nothing had happened."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError
from refinemask.evaluation import PredictionLog, describe_images, evaluate
from refinemask.evaluation.packed_results import PackedResults
from refinemask.evaluation.prediction_log import FILE_NAME
from refinemask.inference.rle import encode_rle
from refinemask.inference.structures import Detections

MADE_BY = {"model": {"checkpoint": "abc"}, "dataset": {"images": 2}}
MASK = encode_rle(np.eye(6, 8, dtype=bool))


def result(image_id, score=0.5):
    return {
        "image_id": image_id,
        "category_id": 3,
        "bbox": [0.0, 0.125, 6.5, 6.0],
        "score": score,
        "segmentation": MASK,
    }


class Predictor:
    """Find the image's left half, and stop as by Ctrl-C after some images."""

    class_names = ("star", "ring")
    category_ids = (1, 2)

    def __init__(self, images=99):
        self._images = images
        self.predicted = 0

    def predict(self, image, masks="bitmap", score_threshold=0.0, max_detections=None):
        if self.predicted == self._images:
            raise KeyboardInterrupt
        self.predicted += 1
        height, width = image.shape[:2]
        mask = np.zeros((height, width), bool)
        mask[:, : width // 2] = True
        return Detections(
            np.array([[0, 0, width // 2, height]], np.float32),
            np.array([image.mean() / 256], np.float32),
            np.array([0]),
            [encode_rle(mask)],
            (height, width),
        )


def test_an_interrupted_evaluation_goes_on(tmp_path, caplog):
    dataset = open_dataset("shapes:5")
    made_by = {"dataset": describe_images(dataset, None)}
    whole = evaluate(Predictor(), dataset)
    with pytest.raises(KeyboardInterrupt), PredictionLog(tmp_path, made_by, resume=False) as log:
        evaluate(Predictor(3), dataset, log=log)
    path = tmp_path / FILE_NAME
    text = path.read_text()
    assert [json.loads(line).get("image_id") for line in text.splitlines()] == [None, 1, 2, 3]
    path.write_text(text[:-20])  # as a power cut would leave it
    again = Predictor()
    with PredictionLog(tmp_path, made_by, resume=True) as log:
        assert evaluate(again, dataset, log=log) == whole
    assert again.predicted == 3
    assert "resuming: 2 images are done" in caplog.text
    complete = path.read_bytes()
    finished = Predictor(0)
    with PredictionLog(tmp_path, made_by, resume=True) as log:
        assert evaluate(finished, dataset, log=log) == whole
    assert path.read_bytes() == complete


def test_nothing_is_made_before_the_first_image(tmp_path):
    folder = tmp_path / "a" / "b"
    with PredictionLog(folder, MADE_BY, resume=False) as log:
        assert list(tmp_path.iterdir()) == []
        log.add(7, [result(7)])
    header, line = (folder / FILE_NAME).read_text().splitlines()
    assert json.loads(header) == {"made_by": MADE_BY}
    entry = json.loads(line)
    assert entry["image_id"] == 7
    assert entry["results"] == [{k: v for k, v in result(7).items() if k != "image_id"}]
    with PredictionLog(folder, MADE_BY, resume=True) as log:
        assert log.get(7) == [result(7)]
        assert log.get(8) is None


def write(folder, text):
    (folder / FILE_NAME).write_text(text)


def test_only_a_line_cut_off_at_the_very_start(tmp_path):
    write(tmp_path, '{"made_by": {"mo')
    with PredictionLog(tmp_path, MADE_BY, resume=True) as log:
        log.add("a", [])
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"made_by": MADE_BY},
        {"image_id": "a", "results": []},
    ]


def test_predictions_of_an_earlier_evaluation_are_not_overwritten(tmp_path):
    write(tmp_path, json.dumps({"made_by": MADE_BY}) + "\n")
    with pytest.raises(
        RefineMaskError, match=r"an earlier command; continue with them by --resume"
    ):
        PredictionLog(tmp_path, MADE_BY, resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_two_processes_cannot_write_one_file(tmp_path, resume):
    other = PredictionLog(tmp_path, MADE_BY, resume=False)
    with PredictionLog(tmp_path, MADE_BY, resume=False) as log:
        log.add(7, [result(7)])
        with pytest.raises(RefineMaskError, match="is being written by another process; wait"):
            if resume:
                PredictionLog(tmp_path, MADE_BY, resume=True)
            else:
                other.add(8, [result(8)])
    with PredictionLog(tmp_path, MADE_BY, resume=True) as log:
        assert len(log) == 1 and log.get(7) == [result(7)]


def test_a_finished_log_may_be_replaced_or_continued(tmp_path):
    for done in (1, 2):
        with PredictionLog(tmp_path, MADE_BY, resume=False) as log:
            assert len(log) == 0
            log.add(7, [result(7)])
            log.finish()
        with PredictionLog(tmp_path, MADE_BY, resume=True) as log:
            log.add(done, [])
            assert log.get(7) == [result(7)]
            log.finish()
    with PredictionLog(tmp_path, MADE_BY, resume=True) as log:
        assert 7 in log and 2 in log and 1 not in log
        log.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_model_cannot_resume(tmp_path):
    write(tmp_path, json.dumps({"made_by": MADE_BY}) + "\n")
    other = MADE_BY | {"model": {"checkpoint": "def"}}
    with pytest.raises(RefineMaskError) as caught:
        PredictionLog(tmp_path, other, resume=True)
    assert "its model differ, model is {'checkpoint': 'abc'} there" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nonsense\n", 1),
        ('{"images": 3}\n', 1),
        ("[]\n", 1),
        (json.dumps({"made_by": MADE_BY}) + '\n{"image_id": 1}\n', 2),
        (json.dumps({"made_by": MADE_BY}) + '\n{"image_id": 1, "results": [1]}\n', 2),
        (json.dumps({"made_by": MADE_BY}) + '\n{"image_id": 1, "results": "{}"}\n', 2),
        (json.dumps({"made_by": MADE_BY}) + '\n{"image_id": 1, "results"\n{}\n', 2),
    ],
)
def test_damaged_files(text, line, tmp_path):
    write(tmp_path, text)
    with pytest.raises(RefineMaskError, match=f"line {line} of .* is damaged"):
        PredictionLog(tmp_path, MADE_BY, resume=True)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RefineMaskError, match=r"cannot create the folder .* is a file"):
        PredictionLog(tmp_path / "file" / "out", MADE_BY, resume=False)


def test_images_and_classes_identify_a_dataset():
    def describe(**changes):
        image = {"id": 1, "file_name": "a.jpg", "height": 3, "width": 4}
        dataset = SimpleNamespace(
            class_names=changes.pop("class_names", ("a",)),
            category_ids=(1,),
            image_ids=(1,),
            ground_truth={"images": [image | changes], "annotations": []},
        )
        return describe_images(dataset, None)["sha256"]

    assert describe() == describe()
    changed = [describe(width=5), describe(file_name="b.jpg"), describe(class_names=("b",))]
    assert len({describe(), *changed}) == 4


def test_packed_results_are_what_was_packed():
    packed = PackedResults()
    packed.add(7, [result(7), result(7, 0.25)])
    packed.add(8, [])
    packed.add("c.jpg", [result("c.jpg")])
    assert list(packed) == [result(7), result(7, 0.25), result("c.jpg")]
    assert packed[-1] == result("c.jpg")
    assert packed[1:] == [result(7, 0.25), result("c.jpg")]
    assert len(packed) == 3
    with pytest.raises(IndexError):
        packed[3]


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": [1, 2, 3]},
        {"bbox": None},
        {"score": "high"},
        {"category_id": 2**63},
        {"category_id": None},
        {"segmentation": None},
        {"segmentation": {"size": [6, 8]}},
        {"segmentation": {"size": [6], "counts": "0"}},
        {"segmentation": {"size": [6, 8], "counts": "é"}},
    ],
    ids=str,
)
def test_damaged_predictions(change):
    with pytest.raises(RefineMaskError, match=r"predictions of image 'a\.jpg' are damaged"):
        PackedResults().add("a.jpg", [result("a.jpg") | change])
