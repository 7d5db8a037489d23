"""torch.save's files, opened to take tensors out of them. Nothing else that they hold is ever built or executed.

A file is a zip with data.pkl and one member for each storage, or (before torch 1.6) five pickles in a row with the
storages behind them. Pickles are read by a machine that can build containers and tensor plans only: every global that
one names is answered from a short table here; whatever is not in it becomes an `Inert` placeholder, so no code that the
file names is ever imported, looked up or called.
"""

from __future__ import annotations

import math
import pickle
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, NamedTuple

from pipeline.errors import CheckpointError
from pipeline.weights.not_weights import damage_error

if TYPE_CHECKING:
    import torch

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
_BYTES = dict(zip(_DTYPES.values(), (4, 8, 2, 2, 8, 4, 2, 1, 1, 1), strict=True))
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_HIGHEST_RANK = 64  # torch's own limit
_SHARED = 4  # tensors may share storages, but not make so many times the file of it


class Pickled:
    """What a torch.save file holds. content: containers, numbers and strings, a TensorPlan for each tensor, else Inert.

    Hostile content may hold itself.
    """

    def __init__(self, content: Any, read: Callable[[Storage], bytes], size: int) -> None:
        self.content = content
        self._read, self._left = read, _SHARED * size
        self._latest: tuple[Storage, torch.Tensor] | None = None

    def tensor(self, plan: TensorPlan) -> torch.Tensor:
        """Build a tensor, on the CPU and owning its memory. Raises UnpicklingError where the file does not have it."""
        import torch

        storage = plan.storage
        rank = len(plan.shape)
        if rank != len(plan.stride) or rank > _HIGHEST_RANK or min((plan.offset, *plan.shape, *plan.stride)) < 0:
            raise pickle.UnpicklingError("a tensor's shape and strides do not line up")
        last = plan.offset + sum((side - 1) * step for side, step in zip(plan.shape, plan.stride, strict=True))
        numel = math.prod(plan.shape)
        self._left -= numel * storage.itemsize
        if numel > storage.numel or (numel and last >= storage.numel) or self._left < 0:
            raise pickle.UnpicklingError(f"a tensor claims {plan.shape}, more than the file holds")
        if self._latest is None or self._latest[0] != storage:
            self._latest = storage, self._flat(storage)
        view = torch.as_strided(self._latest[1], plan.shape, plan.stride, plan.offset)
        return view.clone(memory_format=torch.contiguous_format)

    def build(self, *names: str) -> dict[str, Any]:
        """These entries of the content, as far as it has them, with their tensors built.

        What cannot be built is left out of mappings, and None in sequences.
        """
        wanted = {name: self.content[name] for name in names if name in self.content}
        return dict(self._build(wanted, {}))

    def _build(self, value: Any, known: dict[int, Any]) -> Any:
        if not isinstance(value, (dict, list, tuple)):
            return None if isinstance(value, Inert) else value
        if id(value) not in known:
            known[id(value)] = None  # of a container that holds itself
            if isinstance(value, TensorPlan):
                known[id(value)] = self.tensor(value)
            elif isinstance(value, dict):
                inside = {key: self._build(each, known) for key, each in value.items() if not isinstance(each, Inert)}
                known[id(value)] = Counter(inside) if isinstance(value, Counter) else inside
            elif type(value) in (list, tuple):
                known[id(value)] = type(value)(self._build(each, known) for each in value)
        return known[id(value)]

    def _flat(self, storage: Storage) -> torch.Tensor:
        import torch

        buffer = bytearray(self._read(storage))  # torch needs memory that it may write to
        if len(buffer) != storage.numel * storage.itemsize:
            raise pickle.UnpicklingError(f"storage {storage.key} is cut short")
        dtype = getattr(torch, storage.dtype)
        return torch.frombuffer(buffer, dtype=dtype) if buffer else torch.empty(0, dtype=dtype)


@contextmanager
def open_pickled(path: Path) -> Iterator[Pickled]:
    """What a torch.save file holds, to build tensors from while it is open.

    Raises CheckpointError, there and inside of the `with`, when the file is damaged or not torch.save's.
    """
    try:
        with _opened_zip(path) if zipfile.is_zipfile(path) else _opened_legacy(path) as pickled:
            yield pickled
    except CheckpointError:
        raise
    # a hostile pickle can make the machine below fail in any way, but not do anything
    except Exception as error:
        raise damage_error(path, error) from None


@contextmanager
def _opened_zip(path: Path) -> Iterator[Pickled]:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > size:  # torch.save never compresses, so it is a zip bomb
            raise CheckpointError(
                f"{path}: unpacks to {total} bytes, more than it holds, so torch did not write it. Fetch it again."
            )
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("no data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        if archive.getinfo(pickles[0]).file_size > LARGEST:
            raise pickle.UnpicklingError("its pickle is too large")
        content = Machine(Bounded(BytesIO(archive.read(pickles[0])))).load()
        yield Pickled(content, lambda storage: archive.read(f"{root}data/{storage.key}"), size)


@contextmanager
def _opened_legacy(path: Path) -> Iterator[Pickled]:
    size = path.stat().st_size
    with path.open("rb") as file:
        bounded = Bounded(file)
        if Machine(bounded).load() != _LEGACY_MAGIC:
            raise pickle.UnpicklingError("not torch.save's format")
        Machine(bounded).load()  # protocol version
        Machine(bounded).load()  # byte order and sizes, always little-endian in practice
        machine = Machine(bounded)
        content = machine.load()
        starts: dict[str, int] = {}
        for key in Machine(bounded).load():
            storage = machine.storages[key if isinstance(key, str) else ""]
            (count,) = struct.unpack("<q", file.read(8))
            starts[key] = file.tell()
            if count != storage.numel or file.seek(count * storage.itemsize, 1) > size:
                raise pickle.UnpicklingError("its storages do not line up")

        def read(storage: Storage) -> bytes:
            file.seek(starts[storage.key])
            return file.read(storage.numel * storage.itemsize)

        yield Pickled(content, read, size)


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

    @property
    def itemsize(self) -> int:
        """Bytes of one of its values."""
        return _BYTES[self.dtype]


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


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): lambda items=(): _put({}, items),
    ("collections", "Counter"): lambda counts: Counter(_put({}, counts.items())),
    ("collections", "defaultdict"): lambda *_: {},  # whose factory may be anything
    ("torch._utils", "_rebuild_tensor_v2"): _plan,
    ("torch._utils", "_rebuild_tensor"): _plan,
    ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda data, *_: data,
}
