"""Walk the opcodes of a file of `torch.save` before PyTorch's unpickler carries them out.

That unpickler calls harmless functions only, but it calls them as often and with as much as the
file says: a few bytes can ask for an array of any size, or for a key that takes hours to hash.
What files of `torch.save` do not hold is refused here, with nothing made yet.
"""

import pickle
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any

import torch

from refinemask.printable import one_line

_REBUILD_TENSOR = {
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
}
_WITH_KEYS = {"builtins.set", "collections.Counter", "collections.OrderedDict"}
_CALLED = {
    *_REBUILD_TENSOR,
    *_WITH_KEYS,
    "_codecs.encode",
    "builtins.complex",
    "torch.Size",
    "torch.device",
    "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_sparse_tensor",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
}
_LARGEST_KEY = 2**60  # from 2**61 - 1 on, integers of one hash can be chosen
_WORK_PER_BYTE = 100  # what is shared in a file is passed more than once
_LEAST_WORK = 1_000_000


class NotHarmless(pickle.UnpicklingError):
    """An object that only code could make, or what no program writes."""


def _of_type(name: str) -> NotHarmless:
    shown = one_line(name.removeprefix("builtins."))[:100]
    return NotHarmless(f"an object of the type {shown}, which is not on the list of harmless ones")


@dataclass(slots=True, eq=False)
class _Value:
    """What an opcode makes: of which kind, how long, and what it holds."""

    kind: str
    """atom, long (an integer that no key may be), tuple, list, dict, global, or object."""
    size: int = 1
    parts: list["_Value"] = field(default_factory=list)
    name: str = ""
    """Of a global, or of the global that made an object."""

    def amount(self) -> int:
        """Return about how many bytes a function that is passed this has to look at."""
        return self.size + sum(part.size + len(part.parts) for part in self.parts)


def check_opcodes(stream: IO[bytes], size: int, ignored: Iterable[str]) -> bool:
    """Read one pickle of `size` bytes at most, to the byte after it.

    Args:
        ignored: Types for which the unpickler has stand-ins.

    Returns:
        Whether it holds nothing but a list of numbers or texts.

    Raises:
        NotHarmless: the pickle holds what only code could make.
        Exception: of any type; the pickle is damaged.
    """
    walk = _Walk(_LEAST_WORK + _WORK_PER_BYTE * size, set(ignored))
    for opcode, argument, _ in pickletools.genops(stream):
        walk.step(opcode.name, argument)
    (result,) = walk.pop(1)
    return result.kind == "list" and all(part.kind == "atom" for part in result.parts)


class _Walk:
    def __init__(self, work: int, ignored: set[str]) -> None:
        self.work = work
        self.ignored = ignored
        self.called = _CALLED | ignored
        self.stack: list[_Value] = []
        self.marked: list[list[_Value]] = []
        self.memo: dict[int, _Value] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """Do to the stack what the unpickler does at this opcode."""
        if opcode in _STEPS:
            _STEPS[opcode](self)
        elif opcode in _ATOMS:
            self.stack.append(_atom(argument))
        elif opcode in _EMPTY:
            self.stack.append(_Value(_EMPTY[opcode]))
        elif opcode in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif opcode == "GLOBAL":
            self.find(argument)
        elif opcode not in ("PROTO", "STOP"):
            raise pickle.UnpicklingError(f"the opcode {opcode}")

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[_Value]:
        parts, self.stack = self.stack, self.marked.pop()
        return parts

    def pop(self, count: int) -> list[_Value]:
        parts = [self.stack.pop() for _ in range(count)]
        return parts[::-1]

    def make_tuple(self, parts: list[_Value]) -> None:
        self.stack.append(_Value("tuple", parts=parts))

    def append(self, parts: list[_Value]) -> None:
        self.stack[-1].parts.extend(parts)

    def set_items(self, parts: list[_Value]) -> None:
        self.check_keys(parts[::2])
        self.stack[-1].parts.extend(parts[::2])

    def find(self, argument: str) -> None:
        name = argument.replace(" ", ".").replace("__builtin__.", "builtins.", 1)
        if name not in self.called and not _is_inert(name):
            raise _of_type(name)
        self.stack.append(_Value("global", name=name))

    def load_storage(self) -> None:
        (reference,) = self.pop(1)
        names, kinds, view = reference.parts[:1], reference.parts[1:2], reference.parts[2:]
        if len(view) == 4 and view[3].kind == "tuple":  # of the files before PyTorch 0.4
            view = view[:3] + view[3].parts
        plain = all(part.kind == "atom" for part in names + view)
        if reference.kind != "tuple" or not plain or [part.kind for part in kinds] != ["global"]:
            raise pickle.UnpicklingError("a storage that is not described as torch.save does")
        self.stack.append(_Value("object", name="storage"))

    def call(self) -> None:
        function, arguments = self.pop(2)
        if function.kind != "global":
            raise NotHarmless(
                f"a call of something else than a function, of the kind {function.kind}"
            )
        if function.name not in self.called:
            raise _of_type(function.name)
        if arguments.kind != "tuple":
            raise pickle.UnpicklingError(f"{function.name} with arguments that are no tuple")
        self.spend(arguments)
        if function.name in _WITH_KEYS:
            self.check_keys(_keys(function.name, arguments.parts))
        elif function.name == "torch._tensor._rebuild_from_type_v2":
            inner = arguments.parts[0]
            if inner.kind != "global" or inner.name not in _REBUILD_TENSOR:
                raise _of_type(inner.name or inner.kind)
        self.stack.append(_Value("object", name=function.name))

    def build(self) -> None:
        (state,) = self.pop(1)
        self.spend(state)
        if self.stack[-1].name in _WITH_KEYS and state.kind != "dict":
            raise pickle.UnpicklingError(f"a {self.stack[-1].name} whose state is no dict")

    def spend(self, value: _Value) -> None:
        self.work -= value.amount()
        if self.work < 0:
            raise NotHarmless("a value that is passed over and over again")

    def check_keys(self, keys: Iterable[_Value]) -> None:
        for key in keys:
            if key.kind != "atom":
                raise NotHarmless(f"a key of the kind {key.kind}")


def _atom(value: Any) -> _Value:
    is_long = isinstance(value, int) and abs(value) > _LARGEST_KEY
    return _Value("long" if is_long else "atom", len(value) if isinstance(value, str) else 1)


def _keys(name: str, arguments: list[_Value]) -> list[_Value]:
    """Return what a set, Counter or OrderedDict that is made of these arguments has to hash."""
    if not arguments:
        return []
    (content,) = arguments
    if name != "collections.OrderedDict" or content.kind == "dict":
        return content.parts
    return [pair.parts[0] for pair in content.parts]  # as Python 2 wrote them


def _is_inert(name: str) -> bool:
    """Tell the types of tensors and storages, which are looked at and not called."""
    module, _, kind = name.rpartition(".")
    if module == "torch" and isinstance(getattr(torch, kind, None), torch.dtype):
        return True
    return (module in ("torch", "torch.cuda") and kind.endswith("Storage")) or name in (
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
        "torch.Tensor",
    )


_EMPTY = {"EMPTY_LIST": "list", "EMPTY_DICT": "dict", "EMPTY_TUPLE": "tuple", "EMPTY_SET": "object"}
_ATOMS = {
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINSTRING"),
}
_STEPS: dict[str, Callable[[_Walk], None]] = {
    "MARK": _Walk.mark,
    "TUPLE": lambda walk: walk.make_tuple(walk.pop_mark()),
    "TUPLE1": lambda walk: walk.make_tuple(walk.pop(1)),
    "TUPLE2": lambda walk: walk.make_tuple(walk.pop(2)),
    "TUPLE3": lambda walk: walk.make_tuple(walk.pop(3)),
    "APPEND": lambda walk: walk.append(walk.pop(1)),
    "APPENDS": lambda walk: walk.append(walk.pop_mark()),
    "SETITEM": lambda walk: walk.set_items(walk.pop(2)),
    "SETITEMS": lambda walk: walk.set_items(walk.pop_mark()),
    "BINPERSID": _Walk.load_storage,
    "REDUCE": _Walk.call,
    "NEWOBJ": _Walk.call,
    "BUILD": _Walk.build,
}
