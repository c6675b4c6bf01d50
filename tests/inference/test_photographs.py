"""The photographs that packages ship are found, and their origin is known."""

import pytest

from refinemask.errors import RefineMaskError
from refinemask.inference import photographs
from refinemask.inference.images import load_image


def test_the_demo_knows_where_its_photographs_come_from():
    pytest.importorskip("skimage")
    found = photographs.demo_photos()
    assert found[0].title == "Astronaut"
    assert all(photo.source and photo.licence for photo in found)


def test_exports_are_verified_on_several_shapes():
    pytest.importorskip("skimage")
    images = [load_image(photo.path) for photo in photographs.verification_photos()]
    assert len({image.shape for image in images}) >= 3


def test_without_packages_there_are_none(monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)
    with pytest.raises(RefineMaskError, match="no photographs found; install scikit-image"):
        photographs.demo_photos()
