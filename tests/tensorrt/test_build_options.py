"""Options of builds in the spelling of trtexec, and the profiles that they make."""

import dataclasses
from typing import Any

import pytest

from refinemask.engines.tensorrt.engine_file import make_profile
from refinemask.engines.tensorrt.options import BuildOptions, read_pools, read_shapes
from refinemask.engines.tensorrt.profile import default_profile
from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact
from refinemask.inference.metadata import InputLimits
from tests.artifact_bytes import make_metadata, model_bytes

pytestmark = pytest.mark.tensorrt

RTX = BuildOptions("tensorrt_rtx")


def test_spellings_of_trtexec():
    assert read_shapes("images:1x32x64x3,image_sizes:1x2") == (
        ("images", (1, 32, 64, 3)),
        ("image_sizes", (1, 2)),
    )
    assert read_pools("workspace:1.5G,tacticSharedMem:48K") == (
        ("workspace", 3 << 29),
        ("tacticSharedMem", 48 << 10),
    )
    assert read_pools("workspace:2") == (("workspace", 2 << 20),)


def test_default_profiles():
    limits = InputLimits(800, 1333)
    assert default_profile(make_metadata(limits)).shapes == {
        "images": ((1, 32, 32, 3), (1, 800, 1344, 3), (4, 1344, 1344, 3)),
        "image_sizes": ((1, 2), (1, 2), (4, 2)),
    }
    fixed = InputLimits(800, 1333, batch=2, height=800, width=1344)
    assert default_profile(make_metadata(fixed)).shapes == {}
    given = default_profile(make_metadata(fixed, outputs="masks")).shapes
    assert given == {"rois": ((0, 5), (100, 5), (1000, 5)), "labels": ((0,), (100,), (1000,))}


def test_profiles_that_are_given_in_part(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes())
    artifact = Artifact.open(path)

    def profile(**shapes):
        read: dict[str, Any] = {name: read_shapes(text) for name, text in shapes.items()}
        return make_profile(artifact, dataclasses.replace(RTX, **read))

    small = profile(max_shapes="images:1x64x64x3")
    assert small.shapes["images"] == ((1, 32, 32, 3), (1, 64, 64, 3), (1, 64, 64, 3))
    assert small.shapes["image_sizes"] == ((1, 2), (1, 2), (1, 2))
    large = profile(min_shapes="images:8x64x96x3")
    assert large.shapes["images"][1:] == ((8, 64, 96, 3), (8, 96, 96, 3))
    with pytest.raises(RefineMaskError, match=r"multiples of 32 from 32 to 2048, got 1x70x64x3"):
        profile(max_shapes="images:1x70x64x3")
    with pytest.raises(RefineMaskError, match=r"inputs of .* are images of 4 sizes"):
        profile(max_shapes="pictures:1x64x64x3")
    with pytest.raises(RefineMaskError, match="in this order in each dimension"):
        profile(min_shapes="images:1x96x96x3", opt_shapes="images:1x64x64x3")
