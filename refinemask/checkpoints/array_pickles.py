"""Read plain pickles of NumPy arrays, as detectron2's model zoo has them, as data.

Stand-ins take the place of NumPy's own constructors: nothing from the file is called, and every
other type is refused by name.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refinemask.errors import RefineMaskError

_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
"""The number that begins the files of torch.save before 1.6."""
_TYPES = {"f2", "f4", "f8", "i4", "i8", "u1", "b1"}


class _Bytes:
    """Stands in for `_codecs.encode`, which makes the bytes of an array in protocol 2."""

    def __new__(cls, text: str, encoding: str) -> Any:
        return text.encode("latin1")

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("an object with unknown state")


class _Dtype:
    def __init__(self, code: str, *flags: object) -> None:
        if code not in _TYPES:
            raise pickle.UnpicklingError(f"an array of the type {str(code)[:20]}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(">" if state[1] == ">" else "<")


class _Scalar:
    """Stands in for a number of NumPy, which is of no use here."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Stands in for an array: made by `_reconstruct`, filled by its state."""

    def __init__(self, *arguments: object) -> None:
        self.tensor: Tensor | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, kind, columns_first, data = state[-4:]
        content = data.encode("latin1") if isinstance(data, str) else data
        sizes = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not (sizes and isinstance(kind, _Dtype) and isinstance(content, bytes)):
            raise pickle.UnpicklingError("an array of another kind than plain numbers")
        if len(content) != math.prod(shape) * kind.dtype.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(content)} bytes")
        flat = np.frombuffer(content, kind.dtype).astype(kind.dtype.newbyteorder("="))
        order = flat.reshape(shape, order="F" if columns_first else "C")
        self.tensor = torch.from_numpy(np.ascontiguousarray(order).reshape(shape))


class _Buffer(_Array):
    """Stands in for `_frombuffer`, which makes the arrays of protocol 5."""

    def __init__(self, data: bytes, kind: object, shape: object, order: object) -> None:
        self.__setstate__((shape, kind, order == "F", bytes(data)))


class _NoBytes:
    """Stands in for `bytes`, which makes the empty ones of protocol 2."""

    def __new__(cls) -> Any:
        return b""

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("an object with unknown state")


class _Ndarray:
    """Stands in for `numpy.ndarray`, an argument of `_reconstruct`."""

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("an object with unknown state")


class _Dict(dict[Any, Any]):
    def __setstate__(self, state: object) -> None:
        pass


_STAND_INS: dict[str, type] = {
    "_codecs.encode": _Bytes,
    "__builtin__.bytes": _NoBytes,
    "collections.OrderedDict": _Dict,
    "numpy.core.numeric._frombuffer": _Buffer,
    "numpy._core.numeric._frombuffer": _Buffer,
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Ndarray,
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy._core.multiarray.scalar": _Scalar,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _STAND_INS:
            raise pickle.UnpicklingError(f"an object of the type {module}.{name}")
        return _STAND_INS[f"{module}.{name}"]


def is_plain_pickle(path: Path) -> bool:
    """Tell a pickle from the files of torch.save, which are a zip file or begin with a number."""
    with path.open("rb") as file:
        start = file.read(2 + len(_MAGIC))
    return start[:1] == b"\x80" and len(start) > len(_MAGIC) and start[2:] != _MAGIC


def read_arrays(path: Path) -> dict[str, Any]:
    """Return a pickled mapping with tensors on the CPU in place of its arrays.

    Raises:
        RefineMaskError: the file is damaged, or holds something else; nothing was executed.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError(f"an object of the type {type(content).__name__}")
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefineMaskError(
            f"{path} is a plain pickle, not a file of torch.save, and cannot be read as a mapping "
            f"of arrays alone ({reason}); nothing in it was executed"
        ) from error
    return {
        name: {n: _tensor(v) for n, v in value.items()} if isinstance(value, Mapping)
        else _tensor(value)
        for name, value in content.items()
    }  # fmt: skip


def _tensor(value: object) -> object:
    return value.tensor if isinstance(value, _Array) else value
