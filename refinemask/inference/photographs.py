"""Photographs that installed packages ship: what exports are verified on and the demo shows."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Photo:
    """A photograph."""

    path: Path
    title: str
    source: str = ""
    """The package that ships it, and its name there."""
    licence: str = ""
    """As that package states it."""


def demo_photos() -> list[Photo]:
    """Return the photographs of the demo whose packages are installed, people first.

    Raises:
        RefineMaskError: there is none.
    """
    return _installed("astronaut.png", "camera.png", "grace_hopper.jpg", "coffee.png", "china.jpg")


def verification_photos() -> list[Photo]:
    """Return the photographs that exports are verified on where no others are given.

    Three shapes of which random weights, too, make detections that rounding hardly moves.

    Raises:
        RefineMaskError: scikit-image, which ships them, is not installed.
    """
    return _installed("chelsea.png", "coins.png", "rocket.jpg")


def _installed(*names: str) -> list[Photo]:
    found = []
    for name in names:
        package, folder, title, source, licence = _PHOTOS[name]
        spec = find_spec(package)  # without importing it
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).parent / folder / name
        if path.is_file():
            found.append(Photo(path, title, source, licence))
    if not found:
        raise RefineMaskError(
            "no photographs found; install scikit-image, which ships some, or give your own "
            "(refinemask-export --image)"
        )
    return found


_PHOTOS = {
    "astronaut.png": (
        "skimage",
        "data",
        "Astronaut",
        "scikit-image, skimage.data.astronaut: Eileen Collins, from NASA",
        "no known copyright restrictions, released into the public domain",
    ),
    "camera.png": (
        "skimage",
        "data",
        "Camera",
        "scikit-image, skimage.data.camera: by Lav Varshney",
        "CC0 by the photographer",
    ),
    "coffee.png": (
        "skimage",
        "data",
        "Coffee",
        "scikit-image, skimage.data.coffee: by Rachel Michetti, Pikolo Espresso Bar",
        "CC0 by the photographer",
    ),
    "chelsea.png": (
        "skimage",
        "data",
        "Chelsea",
        "scikit-image, skimage.data.chelsea: by Stefan van der Walt",
        "CC0 by the photographer",
    ),
    "coins.png": (
        "skimage",
        "data",
        "Coins",
        "scikit-image, skimage.data.coins: Greek coins from Pompeii, Brooklyn Museum",
        "no known copyright restrictions",
    ),
    "rocket.jpg": (
        "skimage",
        "data",
        "Rocket",
        "scikit-image, skimage.data.rocket: launch of DSCOVR, by SpaceX",
        "released into the public domain",
    ),
    "grace_hopper.jpg": (
        "matplotlib",
        "mpl-data/sample_data",
        "Grace Hopper",
        "Matplotlib, sample data grace_hopper.jpg: official portrait, US Navy",
        "none stated in the package; a work of the US government",
    ),
    "china.jpg": (
        "sklearn",
        "datasets/images",
        "China",
        "scikit-learn, china.jpg: by danielbuechele",
        "CC BY 2.0",
    ),
}
