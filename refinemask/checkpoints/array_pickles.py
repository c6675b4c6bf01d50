"""Read plain pickles of NumPy arrays, as detectron2's model zoo has them, as data.

Stand-ins take the place of NumPy's own constructors: nothing from the file is called, and every
other type is refused by name.
"""

import math
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refinemask.errors import RefineMaskError
from refinemask.printable import shown

_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
"""The number that begins the files of torch.save before 1.6."""
_TYPES = {"f2", "f4", "f8", "i4", "i8", "u1", "b1"}
_MOST_DIMENSIONS = 32


class _Bytes:
    """Stands in for `_codecs.encode`, which makes the bytes of an array in protocol 2."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = text

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("an object with unknown state")


class _Dtype:
    def __init__(self, code: str, *flags: object) -> None:
        if not isinstance(code, str) or code not in _TYPES:
            raise pickle.UnpicklingError(f"an array of the type {shown(code)}")
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
    """Stands in for an array: made by `_reconstruct`, described by its state.

    It becomes a tensor once the file is read, since many may have the same bytes.
    """

    def __init__(self, *arguments: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, kind, columns_first, data = state[-4:]
        data = data.text if isinstance(data, _Bytes) else data
        sizes = isinstance(shape, tuple) and len(shape) <= _MOST_DIMENSIONS
        if not (
            sizes
            and all(type(n) is int and 0 <= n < 2**60 for n in shape)
            and isinstance(kind, _Dtype)
            and isinstance(data, str | bytes | bytearray)
        ):
            raise pickle.UnpicklingError("an array of another kind than plain numbers")
        if len(data) != math.prod(shape) * kind.dtype.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(data)} bytes")
        self._state = shape, kind.dtype, columns_first, data

    def size(self) -> int:
        """Return the number of its bytes."""
        return len(self._state[-1]) if self._state else 0

    @cached_property
    def tensor(self) -> Tensor | None:
        """The array as a tensor of its own memory; None if it was never described."""
        if not self._state:
            return None
        shape, dtype, columns_first, data = self._state
        content = data.encode("latin1") if isinstance(data, str) else data
        flat = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
        order = flat.reshape(shape, order="F" if columns_first else "C")
        return torch.from_numpy(np.ascontiguousarray(order).reshape(shape))


class _Buffer(_Array):
    """Stands in for `_frombuffer`, which makes the arrays of protocol 5."""

    def __init__(self, data: bytes, kind: object, shape: object, order: object) -> None:
        self.__setstate__((shape, kind, order == "F", data))


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
    """Stands in for dicts and `OrderedDict`: no copies, nor keys that take long to hash."""

    def __init__(self) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        if not (isinstance(key, str) or (isinstance(key, int) and key.bit_length() < 61)):
            raise pickle.UnpicklingError(f"a key of the type {type(key).__name__}")
        super().__setitem__(key, value)

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


def _add_dict(unpickler: Any) -> None:
    unpickler.append(_Dict())


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler; that of C fills its memo up to the index that the file gives."""

    dispatch = {
        opcode: load
        for opcode, load in pickle._Unpickler.dispatch.items()
        if opcode not in pickle.EMPTY_SET + pickle.ADDITEMS + pickle.FROZENSET + pickle.DICT
    } | {pickle.EMPTY_DICT[0]: _add_dict}

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _STAND_INS:
            raise pickle.UnpicklingError(f"an object of the type {f'{module}.{name}'[:100]}")
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
        _make_tensors(content, path.stat().st_size)
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefineMaskError(
            f"{path} is a plain pickle, not a file of torch.save, and cannot be read as a mapping "
            f"of arrays alone ({reason}); nothing in it was executed"
        ) from error
    return content


def _make_tensors(content: dict[str, Any], size: int) -> None:
    """Put tensors in the place of arrays, in a mapping and in those in it.

    Arrays and mappings may be shared; each is converted once, and they have no more bytes than the
    file, `size`.
    """
    mappings = {id(value): value for value in (content, *content.values())}.values()
    places = [
        (mapping, name, value)
        for mapping in mappings
        if isinstance(mapping, dict)
        for name, value in mapping.items()
        if isinstance(value, _Array)
    ]
    if sum({id(array): array.size() for _, _, array in places}.values()) > size:
        raise pickle.UnpicklingError("arrays of more bytes than the file has")
    for mapping, name, array in places:
        mapping[name] = array.tensor
