"""Read what `torch.save` wrote without executing anything from the file.

PyTorch's `weights_only` unpickler makes tensors, plain containers and nothing else. The checkpoints
of mmcv, mmengine and torchvision also hold training state of a few other types; an inert stand-in
is made in their place, so that neither those packages nor their code are needed. Every other type
is refused by name.
"""

import io
import pickle
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from refinemask.checkpoints.array_pickles import is_plain_pickle, read_arrays
from refinemask.checkpoints.opcodes import NotHarmless, check_opcodes
from refinemask.errors import RefineMaskError


class Ignored:
    """Stands in for an object of training state, of which nothing is kept."""

    def __new__(cls, *arguments: object) -> "Ignored":
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


_IGNORED_TYPES = (
    # mmengine's `message_hub`: histories of losses, which refer to their own methods by getattr.
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
    # Arrays and numbers, such as the best score in mmcv's `hook_msgs`; NumPy 1 and 2.
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    # The options of torchvision's own training program.
    "argparse.Namespace",
)
_ALLOWED: list[Any] = [(Ignored, name) for name in _IGNORED_TYPES]
_LOCK = threading.Lock()  # the allow-list is PyTorch's own, and the same for all threads
_PICKLES_BEFORE_1_6 = 5  # of a magic number, a version, the machine, the content, storages' names


def read_pickle(path: Path) -> Any:
    """Return the content of a `.pth` or `.pt` file, or of a plain pickle of arrays (`.pkl`).

    All tensors are on the CPU.

    Raises:
        RefineMaskError: the file is damaged, of an unsupported kind, or holds an object that only
            code from the file could make; nothing of it has been executed.
    """
    if is_plain_pickle(path):
        return read_arrays(path)
    try:
        with path.open("rb") as file:  # whose name then decides nothing
            _check(file, path.stat().st_size)
            file.seek(0)
            with _LOCK, torch.serialization.safe_globals(_ALLOWED), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is wrong with a file, the error says
                return torch.load(file, map_location="cpu", weights_only=True)
    except RefineMaskError as error:
        raise RefineMaskError(f"{path} {error}") from error
    except NotHarmless as error:
        raise RefineMaskError(
            f"{path} holds {error}: it was refused and nothing was executed; "
            "save the weights alone, as torch.save(model.state_dict(), FILE) does"
        ) from error
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise RefineMaskError(f"{path} {_reason(error)}") from error


def _check(file: IO[bytes], size: int) -> None:
    """Look at all that PyTorch would read, before it makes anything of it."""
    if file.read(4) != b"PK\x03\x04":  # by which PyTorch, too, tells the two formats apart
        file.seek(0)
        if tarfile.is_tarfile(file):
            raise RefineMaskError(
                "has the tar format of PyTorch 0.1; save it again with a newer one"
            )
        file.seek(0)
        are_names = [check_opcodes(file, size, _IGNORED_TYPES) for _ in range(_PICKLES_BEFORE_1_6)]
        if not are_names[-1]:
            raise pickle.UnpicklingError("it does not name its storages")
        return
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise RefineMaskError("is a TorchScript program; give the checkpoint it was made from")
    if sum(entry.file_size for entry in entries) > size:
        raise RefineMaskError(
            "is a zip file that holds more than its own size, unlike torch.save's"
        )
    # PyTorch's own reader, since two readers of one zip file may see different entries.
    file.seek(0)
    content = torch._C.PyTorchFileReader(file).get_record("data.pkl")
    check_opcodes(io.BytesIO(content), size, _IGNORED_TYPES)


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, pickle.UnpicklingError):
        text = text.partition("WeightsUnpickler error: ")[2] or text
    line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"is not a readable PyTorch checkpoint (truncated, or another kind of file): {line}"
