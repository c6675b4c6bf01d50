"""Photographs that installed packages ship: what `make demo` looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from refinemask.errors import RefineMaskError


@dataclass(frozen=True)
class Photo:
    """A photograph for the report."""

    path: Path
    title: str
    source: str = ""
    """The package that ships it, and its name there."""
    licence: str = ""
    """As that package states it."""


def plain_photos(paths: Sequence[Path]) -> list[Photo]:
    """Return photographs of which only the files are known."""
    return [Photo(path, path.name) for path in paths]


def demo_photos() -> list[Photo]:
    """Return those of the demo's photographs whose packages are installed, people first.

    Raises:
        RefineMaskError: there is none.
    """
    found = []
    for package, file, title, source, licence in _PHOTOS:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).parent / file
        if path.is_file():
            found.append(Photo(path, title, source, licence))
    if not found:
        raise RefineMaskError(
            "no photographs for the demo; install the packages that ship them with: "
            "pip install 'refinemask[train]'"
        )
    return found


_PHOTOS = (
    (
        "skimage",
        "data/astronaut.png",
        "Astronaut",
        "scikit-image, skimage.data.astronaut: Eileen Collins, from NASA",
        "no known copyright restrictions, released into the public domain",
    ),
    (
        "skimage",
        "data/camera.png",
        "Camera",
        "scikit-image, skimage.data.camera: by Lav Varshney",
        "CC0 by the photographer",
    ),
    (
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "Grace Hopper",
        "Matplotlib, sample data grace_hopper.jpg: official portrait, US Navy",
        "none stated in the package; a work of the US government",
    ),
    (
        "skimage",
        "data/coffee.png",
        "Coffee",
        "scikit-image, skimage.data.coffee: by Rachel Michetti, Pikolo Espresso Bar",
        "CC0 by the photographer",
    ),
    (
        "sklearn",
        "datasets/images/china.jpg",
        "China",
        "scikit-learn, china.jpg: by danielbuechele",
        "CC BY 2.0",
    ),
)
