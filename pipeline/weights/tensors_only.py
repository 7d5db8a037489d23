"""Pickles of tensors, whatever else they hold: read by a machine that can build containers and tensor plans only.

Every global that a pickle names is answered from a short table here; whatever is not in it becomes an `Inert`
placeholder, so no code that the file names is ever imported, looked up or called.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, ClassVar, NamedTuple

LARGEST = 16 * 2**20  # bytes; the tensors lie outside of the pickle, so real ones stay below one MB
_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class Inert:
    """Stands for an object that is not built. It takes whatever the pickle does to it, and does nothing."""

    def __init__(self, name: str) -> None:
        self.name = name  # of the class or function, as the pickle has it

    def __call__(self, *args: object, **kwargs: object) -> Inert:
        return self

    def append(self, value: object) -> None: ...

    def extend(self, values: object) -> None: ...


class _StorageType(NamedTuple):
    """A storage class that the pickle names, as the name of its dtype."""

    dtype: str


class Storage(NamedTuple):
    """A storage that the pickle refers to; its bytes are read when a tensor is built on it."""

    dtype: str
    key: str
    numel: int


class TensorPlan(NamedTuple):
    """A tensor as the pickle describes it, to be built by `Pickled.tensor`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Bounded:
    """A file as the machine reads it: no more of it than a pickle may have, whatever length a hostile one states."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, LARGEST

    def read(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise pickle.UnpicklingError("its pickle is too large")
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline(self._left)
        self._left -= len(line)
        return line


class Machine(pickle._Unpickler):  # the Python one: its memo is a dict, so a hostile index costs no memory
    """An unpickler without access to anything but containers, numbers, strings and tensor plans."""

    def __init__(self, file: Bounded) -> None:
        super().__init__(file, encoding="utf-8", errors="replace")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        return _KNOWN.get((module, name)) or Inert(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Storage:
        kind, storage_type, key, _location, count, *view = pid
        known = isinstance(storage_type, _StorageType) and isinstance(key, str) and isinstance(count, int)
        if kind != "storage" or not known or count < 0:
            raise pickle.UnpicklingError("it refers to what is no storage")
        if any(part is not None for part in view):  # once, a storage could be part of another
            raise pickle.UnpicklingError("written by a torch before 0.4")
        return self.storages.setdefault(key, Storage(storage_type.dtype, key, count))

    def _drop_state(self) -> None:
        """BUILD sets attributes on whatever lies on the stack; nothing here needs any."""
        self.stack.pop()  # type: ignore[attr-defined]  # typeshed leaves the machine's stack out, here and below

    def _new_object(self) -> None:
        """NEWOBJ calls __new__ of whatever lies on the stack, with arguments; NEWOBJ_EX with keywords too."""
        self.stack.pop()  # type: ignore[attr-defined]
        if not isinstance(self.stack[-1], Inert):  # type: ignore[attr-defined]
            raise pickle.UnpicklingError("an object of a class that is none")

    def _new_object_with_keywords(self) -> None:
        self.stack.pop()  # type: ignore[attr-defined]
        self._new_object()

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()  # type: ignore[attr-defined]
        _put(self.stack[-1], [(key, value)])  # type: ignore[attr-defined]

    def _set_items(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        _put(self.stack[-1], zip(items[::2], items[1::2], strict=True))  # type: ignore[attr-defined]

    def _dictionary(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        self.append(_put({}, zip(items[::2], items[1::2], strict=True)))  # type: ignore[attr-defined]

    def _empty_set(self) -> None:
        self.append(Inert("set"))  # type: ignore[attr-defined]

    def _pass_by_items(self) -> None:
        self.pop_mark()  # type: ignore[attr-defined]

    def _frozen_set(self) -> None:
        self.pop_mark()  # type: ignore[attr-defined]
        self._empty_set()

    def _refuse(self) -> None:
        """What torch.save does not write: objects that the process has registered, and memory of a stated size."""
        raise pickle.UnpicklingError("an operation that no checkpoint needs")

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: _drop_state,
        pickle.NEWOBJ[0]: _new_object,
        pickle.NEWOBJ_EX[0]: _new_object_with_keywords,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _dictionary,
        pickle.EMPTY_SET[0]: _empty_set,
        pickle.ADDITEMS[0]: _pass_by_items,
        pickle.FROZENSET[0]: _frozen_set,
        **dict.fromkeys(pickle.EXT1 + pickle.EXT2 + pickle.EXT4 + pickle.BYTEARRAY8, _refuse),
    }


def _put(mapping: Any, items: Iterable[tuple[Any, Any]]) -> Any:
    """Put items into a mapping (nothing into a placeholder), passing by keys whose hash could run for ever."""
    if isinstance(mapping, dict):
        for key, value in items:
            if key is None or isinstance(key, (str, int, float, bytes)):
                mapping[key] = value
    elif not isinstance(mapping, Inert):
        raise pickle.UnpicklingError("items for what is no mapping")
    return mapping


def _plan(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> TensorPlan:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return TensorPlan(storage, int(offset), tuple(int(n) for n in shape), tuple(int(n) for n in stride))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _ordered(items: Iterable[tuple[Any, Any]] = ()) -> Any:
    return _put({}, items)


def _counted(counts: Mapping[Any, Any]) -> Counter[Any]:
    return Counter(_put({}, counts.items()))


def _with_default(*_: Any) -> Any:
    return {}  # the factory may be anything


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _ordered,
    ("collections", "Counter"): _counted,
    ("collections", "defaultdict"): _with_default,
    ("torch._utils", "_rebuild_tensor_v2"): _plan,
    ("torch._utils", "_rebuild_tensor"): _plan,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
}
