"""From image files to COCO results and pictures."""

import numpy as np
import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference.images import load_image, save_image
from refinemask.inference.options import PredictOptions
from refinemask.inference.prediction import file_sources, predict_images
from refinemask.inference.processing import postprocess, prepare
from refinemask.inference.rle import decode_rle
from refinemask.inference.structures import RawArrays


class OneBox:
    """Finds the middle of every image that is not black, with scores 0.9 and 0.4."""

    class_names = ("thing", "other")
    category_ids = (7, 9)

    def predict(self, image, masks="bitmap", score_threshold=0.0, max_detections=None):
        prepared = prepare(image, 64, 96)
        height, width = prepared.size
        count = 2 if image.any() else 0
        box = np.array([width / 4, height / 4, width * 3 / 4, height * 3 / 4], np.float32)
        outputs: RawArrays = RawArrays(
            np.tile(box, (count, 1)),
            np.array([0.9, 0.4], np.float32)[:count],
            np.array([1, 0], np.int64)[:count],
            np.zeros(count, np.int64),
            np.ones((count, 28, 28), np.float32),
        )
        return postprocess(outputs, prepared, masks, score_threshold, max_detections)


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    save_image(images / "white.png", np.full((100, 200, 3), 255, np.uint8))
    save_image(images / "black.png", np.zeros((50, 60, 3), np.uint8))
    return images


def test_results_are_coco_results(folder):
    results = predict_images(OneBox(), [folder / "white.png", folder / "black.png"])
    assert [(r["image_id"], r["category_id"]) for r in results] == [
        ("white.png", 9),
        ("white.png", 7),
    ]
    assert results[0]["bbox"] == pytest.approx([50, 25, 100, 50], abs=1e-3)
    assert results[0]["score"] == pytest.approx(0.9)
    mask = decode_rle(results[0]["segmentation"])
    assert mask.shape == (100, 200)
    assert mask[30:70, 55:145].all() and not mask[:25].any()


def test_rle_equals_that_of_the_predictor(folder):
    results = predict_images(OneBox(), [folder / "white.png"])
    expected = OneBox().predict(load_image(folder / "white.png"), "rle").masks
    assert [result["segmentation"] for result in results] == expected


def test_thresholds_and_limits(folder):
    paths = [folder / "white.png"]
    assert len(predict_images(OneBox(), paths, PredictOptions(score_threshold=0.5))) == 1
    assert len(predict_images(OneBox(), paths, PredictOptions(max_detections=1))) == 1
    assert predict_images(OneBox(), paths, PredictOptions(score_threshold=0.95)) == []
    assert predict_images(OneBox(), []) == []


def test_pictures(folder, tmp_path):
    output = tmp_path / "new" / "pictures"
    seen = []
    predict_images(
        OneBox(),
        [folder / "white.png", folder / "black.png"],
        PredictOptions(output),
        lambda done, total: seen.append((done, total)),
    )
    assert sorted(path.name for path in output.iterdir()) == ["black.png", "white.png"]
    assert seen == [(1, 2), (2, 2)]
    assert not load_image(output / "black.png").any()
    assert (load_image(output / "white.png") != 255).any()


def test_equal_names_are_told_apart(folder, tmp_path):
    other = tmp_path / "other" / "white.png"
    save_image(other, np.full((10, 10, 3), 255, np.uint8))
    jpeg = tmp_path / "other" / "white.jpg"
    save_image(jpeg, np.full((10, 10, 3), 255, np.uint8))
    images = [folder / "white.png", other, jpeg]
    results = predict_images(OneBox(), images, PredictOptions(tmp_path / "out", max_detections=1))
    assert [result["image_id"] for result in results] == [str(images[0]), str(other), "white.jpg"]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["white.png", "white_2.png", "white_3.png"]


def test_names_of_many_pictures_are_made_at_once(tmp_path):
    """Twice as many took four times as long, minutes before the first image."""
    images = [tmp_path / str(number) / "rgb.png" for number in range(20_000)]
    pictures = [source.picture for source in file_sources(images, tmp_path / "out")]
    assert len(set(pictures)) == len(images)
    assert pictures[-1] == tmp_path / "out" / "rgb_20000.png"


def test_a_broken_image_ends_it_and_keeps_what_is_done(folder, tmp_path):
    broken = folder / "broken.png"
    broken.write_bytes((folder / "white.png").read_bytes()[:60])
    paths = [folder / "white.png", broken, folder / "black.png"]
    with pytest.raises(RefineMaskError, match=r"broken\.png is truncated"):
        predict_images(OneBox(), paths, PredictOptions(tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["white.png"]


def test_nothing_is_left_where_the_first_image_is_broken(folder, tmp_path):
    broken = folder / "broken.png"
    broken.write_bytes((folder / "white.png").read_bytes()[:60])
    with pytest.raises(RefineMaskError, match="truncated"):
        predict_images(OneBox(), [broken], PredictOptions(tmp_path / "a" / "out"))
    assert not (tmp_path / "a").exists()


def test_inputs_are_never_replaced(folder):
    before = (folder / "white.png").read_bytes()
    with pytest.raises(RefineMaskError, match="would replace an input image"):
        predict_images(OneBox(), [folder / "white.png"], PredictOptions(folder))
    assert (folder / "white.png").read_bytes() == before


def test_unwritable_output(folder, tmp_path):
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(RefineMaskError, match=r"cannot create the folder .*file"):
            predict_images(OneBox(), [folder / "white.png"], PredictOptions(output))
