"""Read what `torch.save` wrote without executing anything from the file.

PyTorch's `weights_only` unpickler makes tensors, plain containers and nothing else. The checkpoints
of mmcv, mmengine and torchvision also hold training state of a few other types; an inert stand-in
is made in their place, so that neither those packages nor their code are needed. Every other type
is refused by name.
"""

import pickle
import re
import threading
import warnings
from pathlib import Path
from typing import Any

import torch

from refinemask.checkpoints.array_pickles import is_plain_pickle, read_arrays
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
_REFUSED = re.compile(
    r"(?:Unsupported global: GLOBAL (\S+) was not an allowed"
    r"|unsupported GLOBAL (\S+) whose module)"
)


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
        with _LOCK, torch.serialization.safe_globals(_ALLOWED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a file, the error says
            with path.open("rb") as file:  # whose name then decides nothing
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise RefineMaskError(f"{path} {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = str(error)
    refused = _REFUSED.search(text)
    if refused:
        return (
            f"holds an object of the type {refused[1] or refused[2]}, which is not on the list of "
            "harmless ones: it was refused and nothing was executed; "
            "save the weights alone, as torch.save(model.state_dict(), FILE) does"
        )
    if "TorchScript" in text:
        return "is a TorchScript program; give the checkpoint it was made from"
    if ".tar format" in text:
        return "has the tar format of PyTorch 0.1; save it again with a current PyTorch"
    if isinstance(error, pickle.UnpicklingError):
        text = text.partition("WeightsUnpickler error: ")[2] or text
    line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"is not a readable PyTorch checkpoint (truncated, or another kind of file): {line}"
