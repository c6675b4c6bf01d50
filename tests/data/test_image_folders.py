"""File names of other machines and of strangers: what they match, and that nothing leads out."""

import unicodedata
from typing import Any

import pytest

from refinemask.data.open import open_dataset
from refinemask.errors import RefineMaskError


def rename(coco_files, change):
    for entry in coco_files.content["images"]:
        entry["file_name"] = change(entry["file_name"])
    return coco_files.write_json()


@pytest.mark.parametrize(
    "form",
    [
        r"images\{}",
        r"..\images\{}",
        r"C:\data\images\{}",
        r"\\server\share\{}",
        "/home/someone/set/images/{}",
        "../images/{}",
        "data/set/images/{}",
        "./images/{}",
        "images//{}",
        "file:///data/{}",
    ],
)
def test_paths_of_other_machines(coco_files, form, caplog):
    coco_files.write()
    dataset = open_dataset(rename(coco_files, form.format))
    assert dataset.image_path(1) == coco_files.root / "images" / "b.png"
    if form not in ("images//{}", "./images/{}"):  # from the folder of the annotations
        assert "4 of the 4 file names" in caplog.text
        assert len(caplog.records) == 1


def test_case_of_names(coco_files):
    coco_files.write()
    dataset = open_dataset(rename(coco_files, str.upper))
    assert dataset.image_path(1).name == "b.png"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_forms(coco_files, form):
    other: Any = {"NFC": "NFD", "NFD": "NFC"}[form]
    rename(coco_files, lambda name: unicodedata.normalize(form, f"é_{name}"))
    coco_files.write()
    dataset = open_dataset(rename(coco_files, lambda name: unicodedata.normalize(other, name)))
    assert dataset.image_path(0).is_file()


def test_one_name_of_another_form(coco_files, caplog):
    coco_files.write()
    coco_files.content["images"][2]["file_name"] = r"images\empty.png"
    assert open_dataset(coco_files.write_json()).image_path(2).name == "empty.png"
    assert "1 of the 4 file names" in caplog.text


def test_names_that_are_ambiguous(coco_files):
    coco_files.write()
    coco_files.content["images"][0]["file_name"] = "/first/a.png"
    coco_files.content["images"][1]["file_name"] = "/second/a.png"
    with pytest.raises(
        RefineMaskError, match=r"/first/a\.png and /second/a\.png, which both match"
    ):
        open_dataset(coco_files.write_json())


def test_case_that_is_ambiguous(coco_files):
    coco_files.write()
    (coco_files.root / "images" / "A.png").write_bytes(b"another")
    coco_files.content["images"][0]["file_name"] = "a.PNG"
    with pytest.raises(RefineMaskError, match=r"1 of the 4 images .* first is a\.PNG"):
        open_dataset(coco_files.write_json())


@pytest.mark.parametrize("name", ["../secret.png", "{}/secret.png", r"..\secret.png", ".."])
def test_nothing_outside_the_folder_is_read(coco_files, name):
    coco_files.write()
    (coco_files.root / "secret.png").write_bytes((coco_files.root / "images/a.png").read_bytes())
    coco_files.content["images"][0]["file_name"] = name.format(coco_files.root)
    spec = f"{coco_files.write_json()}@{coco_files.root / 'images'}"
    with pytest.raises(RefineMaskError, match=r"1 of the 4 images .* are not in"):
        open_dataset(spec)


def test_absolute_names_are_inside_the_root(coco_files):
    coco_files.write()
    spec = rename(coco_files, lambda name: str(coco_files.root / "images" / name))
    assert open_dataset(f"{spec}@/").image_path(0) == coco_files.root / "images" / "a.png"
