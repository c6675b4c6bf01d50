"""Files of boxes: COCO results and CSV, and every way in which they are malformed."""

import json

import pytest

from refinemask.data.boxes_file import read_boxes
from refinemask.errors import RefineMaskError

RESULT = {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40], "score": 0.5}


@pytest.fixture
def read(tmp_path):
    def read(content, name="boxes.txt"):
        path = tmp_path / name
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_boxes(path)

    return read


def test_coco_results(read):
    (first, second) = read(
        [
            RESULT | {"segmentation": {"size": [9, 9], "counts": "x"}},
            {"file_name": "a.jpg", "bbox": [0.5, 0, 0, 1], "category_name": "cat"},
        ]
    )
    assert (first.image, first.box, first.score) == (7, (10, 20, 40, 60), 0.5)
    assert (first.name, first.category_id) == (None, 3)
    assert first.where.endswith("boxes.txt, entry 1")
    assert (second.image, second.box, second.score) == ("a.jpg", (0.5, 0, 0.5, 1), 1)
    assert (second.name, second.category_id) == ("cat", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b.jpg,1,2,3,4,cat\n", ("a b.jpg", (1, 2, 3, 4), "cat", 1)),
        ("a.jpg, 1, 2, 3, 4\n", ("a.jpg", (1, 2, 3, 4), None, 1)),
        ("a.jpg,1,2,3,4,,0.5", ("a.jpg", (1, 2, 3, 4), None, 0.5)),
        ("file,x1,y1,x2,y2,label\r\n\r\na.jpg,1,2,3,4,17\r\n", ("a.jpg", (1, 2, 3, 4), "17", 1)),
        ("Score,File,X1,X2,Y1,Y2\n.25,a.jpg,1,3,2,4\n", ("a.jpg", (1, 2, 3, 4), None, 0.25)),
        ('\ufefffile,x1,y1,x2,y2,label\n"a,b.jpg",1e0,2,3,4,"x ""y"""', ("a,b.jpg", (1, 2, 3, 4))),
    ],
)
def test_lines(read, text, expected):
    (entry,) = read(text)
    assert (entry.image, entry.box, entry.name, entry.score)[: len(expected)] == expected


@pytest.mark.parametrize("text", ["[]", "file,x1,y1,x2,y2\n"])
def test_a_detector_that_found_nothing(read, text):
    assert read(text) == []


def test_lines_are_numbered_as_an_editor_does(read):
    first, second = read('file,x1,y1,x2,y2\n"a\nb.jpg",1,2,3,4\n\nc.jpg,1,2,3,4\n', "b.csv")
    assert first.where.endswith("b.csv, line 3") and second.where.endswith("b.csv, line 5")


def test_a_csv_file_may_begin_with_a_bracket(read):
    (entry,) = read("[1].jpg,1,2,3,4", "boxes.CSV")
    assert entry.image == "[1].jpg"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 3]}, r"bbox must be x, y, width, height, got \[1, 2, 3\]"),
        ({"bbox": [1, 2, float("nan"), 4]}, "bbox must be x, y, width, height"),
        ({"bbox": [1, 2, "3", 4]}, "bbox must be"),
        ({"bbox": [1, 2, True, 4]}, "bbox must be"),
        ({"bbox": [1, 2, 10**400, 4]}, "bbox must be"),
        ({"bbox": None}, "bbox must be"),
        (
            {"bbox": [1, 2, -3, 4]},
            r"the width and the height of a bbox must be >= 0, got \[1, 2, -",
        ),
        ({"image_id": None}, "image_id must be an id or a file name, got None"),
        ({"image_id": [1]}, "image_id must be an id or a file name"),
        ({"image_id": True}, "image_id must be an id or a file name"),
        ({"category_id": "3"}, "category_id must be of type int, got '3'"),
        ({"category_id": 1 << 70}, r"category_id must be below 2\^63"),
        ({"category_name": 3}, "category_name must be of type str"),
        ({"category_name": "\ud800"}, "is not text"),
        ({"score": 2}, "a score must be from 0 to 1, got 2"),
        ({"score": float("nan")}, "a score must be from 0 to 1"),
        ({"score": None}, "a score must be from 0 to 1"),
    ],
)
def test_malformed_results(read, change, message):
    with pytest.raises(RefineMaskError, match=rf"boxes\.txt, entry 1: .*{message}"):
        read([RESULT | change])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg,1,2,x,4", "line 1: x2 must be a number, got 'x'"),
        ("a.jpg,1,2,3,4\na.jpg,1,2,nan,4", "line 2: its corners must be finite"),
        ("a.jpg,5,2,3,4", "line 1: it ends before it begins"),
        ("a.jpg,1,2,3", "line 1: file,x1,y1,x2,y2 are 5 values, got 4"),
        ("a.jpg,1,2,3,4,cat,0.5,9", "are 7 values, got 8"),
        ("a.jpg,1,2,3,4,cat,high", "line 1: score must be a number, got 'high'"),
        ("a.jpg,1,2,3,4,cat,7", "line 1: a score must be from 0 to 1, got 7"),
        (",1,2,3,4", "line 1: the name of the file is empty"),
        ("file,x1,y1,x2\n", r"line 1: the header \['file', .* must have each of file, x1, y1, x2"),
        ("file,x1,y1,x2,y2,label\na,1,2,3,4", "line 2: file,x1,y1,x2,y2,label are 6 values, got 5"),
        ("a\0.jpg,1,2,3,4", "line 1: .*null|line 1: .*NUL"),
        ("a" * 200_000, "line 1: .*larger than"),
        (" \n", "is empty; a list of COCO results, or lines of file,x1,y1,x2,y2,label is exp"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "entry 1: a COCO result is an object, got 1"),
        ("{}", "is not a list of COCO results but of type dict; give the results of a detector"),
        ("[{]", "is not JSON"),
        (b"\xff\xfe", "is not text in UTF-8"),
    ],
)
def test_malformed_files(read, text, message):
    with pytest.raises(RefineMaskError, match=message):
        read(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RefineMaskError, match=r"cannot read boxes .*absent\.csv: No such file"):
        read_boxes(tmp_path / "absent.csv")
    with pytest.raises(RefineMaskError, match="it is not a file"):
        read_boxes(tmp_path)
