"""Files for trtexec and Polygraphy, read back as these programs read them."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest

from refinemask import engines
from refinemask.errors import RefineMaskError
from refinemask.export import verify_artifact
from refinemask.export.tensor_files import write_tensors
from refinemask.inference.artifact import output_type
from refinemask.inference.outputs import flat_outputs
from refinemask.inference.photographs import verification_photos
from tests.export.small import limited_as

PHOTOGRAPHS = tuple(photo.path for photo in verification_photos())
RAW_TYPES = {"fp32": "<f4", "uint8": "<u1", "int64": "<i8", "bool": "?"}


def raw_tensors(folder: Path, kind: str) -> dict[str, np.ndarray]:
    """Read the files of trtexec: bytes alone; shape and type are those in their names."""
    found = {}
    for path in folder.glob(f"*.{kind}.*.raw"):
        name, _, *shape, dtype, _ = path.name.split(".")
        values = np.frombuffer(path.read_bytes(), RAW_TYPES[dtype])
        found[name] = values.reshape([int(length) for length in shape])
    return found


def decoded(pairs):
    """Decode objects as Polygraphy's JSON decoder does: by the class that they name."""
    values = dict(pairs)
    kind = values.pop("polygraphy_class", None)
    if kind == "ndarray":
        data = base64.b64decode(values["array"].encode(), validate=True)
        return np.load(io.BytesIO(data), allow_pickle=False)
    if kind == "IterationResult":
        assert set(values) == {"outputs", "runtime", "runner_name"}
        return values["outputs"]
    if kind == "RunResults":
        return dict(map(tuple, values["lst"]))
    assert kind is None
    return values


def polygraphy(path: Path):
    return json.loads(path.read_text(), object_pairs_hook=decoded)


def assert_same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values.dtype == second[name].dtype, name
        np.testing.assert_array_equal(values, second[name], name)


INPUTS = {
    "images": np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3).transpose(0, 2, 1, 3),
    "image_sizes": np.array([[4, 2]], ">i8"),
}
OUTPUTS: dict[str, np.ndarray] = {
    "boxes": np.array([[np.nan, np.inf, -0.0, 1e-40]], np.float32),
    "truncated": np.array([True]),
    "labels": np.zeros(0, np.int64),
}


def test_tensors_of_every_type_and_shape(tmp_path):
    write_tensors(tmp_path, INPUTS, OUTPUTS)
    assert_same(raw_tensors(tmp_path, "output"), OUTPUTS)
    raw = raw_tensors(tmp_path, "input")
    np.testing.assert_array_equal(raw["images"], INPUTS["images"])
    assert raw["image_sizes"].tolist() == [[4, 2]]
    (feed,) = polygraphy(tmp_path / "inputs.json")
    assert feed["images"].shape == (1, 4, 2, 3)
    assert_same(polygraphy(tmp_path / "outputs.json")["PyTorch"][0], OUTPUTS)
    assert (tmp_path / "images.input.1.4.2.3.uint8.raw").read_bytes() == INPUTS["images"].tobytes()


def test_polygraphy_itself_reads_them(tmp_path):
    reader = pytest.importorskip("polygraphy.json")
    comparator = pytest.importorskip("polygraphy.comparator")
    write_tensors(tmp_path, INPUTS, OUTPUTS)
    (feed,) = reader.load_json(str(tmp_path / "inputs.json"))
    assert_same(feed, INPUTS)
    results = comparator.RunResults.load(str(tmp_path / "outputs.json"))
    (result,) = results["PyTorch"]
    assert result.runner_name == "PyTorch"
    assert_same(dict(result.items()), OUTPUTS)


@pytest.mark.parametrize("form", ["portable", pytest.param("static", marks=pytest.mark.slow)])
def test_the_files_of_an_image_are_what_an_engine_takes_and_returns(
    form, exported_as, model, tmp_path
):
    pytest.importorskip("onnxruntime")
    artifact = exported_as(form).path
    verify_artifact(artifact, limited_as(model, form), PHOTOGRAPHS[:2], save_tensors=tmp_path)
    folders = sorted(tmp_path.iterdir())
    assert [folder.name for folder in folders] == [
        f"{number}_{path.name}" for number, path in enumerate(PHOTOGRAPHS[:2], 1)
    ]
    engine = engines.open(artifact)
    for folder in folders:
        inputs, outputs = raw_tensors(folder, "input"), raw_tensors(folder, "output")
        (feed,) = polygraphy(folder / "inputs.json")
        assert_same(inputs, feed)
        (results,) = polygraphy(folder / "outputs.json").values()
        assert_same(outputs, results[0])
        kind = output_type(engine.metadata)
        assert list(results[0]) == list(kind._fields)
        expected = flat_outputs(kind(**outputs), "the files")
        found = engine.run(inputs["images"], inputs["image_sizes"])
        assert len(found.scores) == len(expected.scores) > 0
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=2e-3)
        np.testing.assert_allclose(found.scores, expected.scores, atol=5e-5)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_names_of_images_that_would_confuse_trtexec(exported, model, tmp_path):
    image = tmp_path / "a,b:c d.png"
    image.write_bytes(PHOTOGRAPHS[2].read_bytes())
    output = tmp_path / "tensors"
    verify_artifact(exported.path, model, [image], save_tensors=output)
    assert [path.name for path in output.iterdir()] == ["1_a_b_c_d.png"]


def test_a_folder_that_cannot_be_made(exported, model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RefineMaskError, match="is not a folder"):
        verify_artifact(exported.path, model, PHOTOGRAPHS[2:3], save_tensors=tmp_path / "file")
