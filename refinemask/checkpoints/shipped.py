"""The models that ship with the package, and the files that names of checkpoints stand for."""

from pathlib import Path

from refinemask.errors import RefineMaskError

_WEIGHTS = Path(__file__).parent.parent / "weights"


def shipped_models() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(file.stem for file in _WEIGHTS.glob("*.safetensors"))


def find_checkpoint(path: str | Path) -> Path:
    """Return the file of a checkpoint path or of a shipped model's name.

    Raises:
        RefineMaskError: neither exists, or the path is a folder.
    """
    if str(path) in shipped_models():
        return _WEIGHTS / f"{path}.safetensors"
    path = Path(path)
    if not path.is_file():
        shipped = ", ".join(shipped_models()) or "none"
        raise RefineMaskError(
            f"checkpoint {path} {'is a folder' if path.is_dir() else 'does not exist'}; "
            f"give a .safetensors, .pth or .pt file or a model that ships ({shipped})"
        )
    return path
