"""Photographs that installed packages ship, to verify an artifact on when no image is given."""

from importlib.util import find_spec
from pathlib import Path

from refinemask.errors import RefineMaskError

# Those first on which most presets keep to the gate with random weights (verify_on_photographs).
_PHOTOGRAPHS = (
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/camera.png"),
    ("sklearn", "datasets/images/china.jpg"),
)


def shipped_photographs() -> list[Path]:
    """Return the photographs found.

    Raises:
        RefineMaskError: none of the packages is installed.
    """
    folders = {package: _folder(package) for package, _ in _PHOTOGRAPHS}
    found = [
        path
        for package, name in _PHOTOGRAPHS
        if (folder := folders[package]) and (path := folder / name).is_file()
    ]
    if not found:
        raise RefineMaskError(
            "no photograph to verify the artifact on: install scikit-image, or give photographs "
            "that show the model's classes with --image"
        )
    return found


def _folder(package: str) -> Path | None:
    """Return where a package is installed, without importing it."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
