"""NumPy arrays out of pickles, and nothing else: the files of OpenGait's datasets.

Such a file holds one array, or a list of them (point clouds have a length of their own in every frame). The machine
below knows the few names by which NumPy 1 and 2 pickle arrays, in every protocol, and answers each with a plain
description that is checked before an array is made of it. Any other name is refused; nothing is looked up or called.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import reason_of

LARGEST_FILE = 2**31  # bytes; OUMVLP's and GREW's largest sequences take a few MB
_KINDS = "buif"  # booleans, integers, floats


def read_arrays(path: Path) -> NDArray[Any] | list[NDArray[Any]]:
    """The array that a pickle holds, or the list of arrays. They own their memory.

    Raises InputError for a file that is missing, damaged, too large, or holds anything else.
    """
    try:
        there = path.stat()
        if not S_ISREG(there.st_mode):  # a pipe would be waited for, for ever
            raise InputError(f"{path}: no file. Take it away.")
        if there.st_size > LARGEST_FILE:
            raise InputError(f"{path}: larger than {LARGEST_FILE >> 30} GB, no sequence of a gait dataset.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        content = _Machine(BytesIO(data), encoding="latin1").load()
        if isinstance(content, _Array) and isinstance(content.data, list):  # an array of objects: one array a frame
            content = content.data
        return [_array(item) for item in content] if isinstance(content, (list, tuple)) else _array(content)
    except _ForeignError as error:
        raise InputError(f"{path}: refused, its pickle holds other objects than arrays ({error}).") from None
    # a hostile pickle can make the machine fail in any way, but not do anything
    except Exception as error:
        reason = reason_of(error)
        raise InputError(f"{path}: damaged or no pickle of an array ({reason}). Make it again.") from None


def read_objects(npy: bytes) -> Any:
    """The one object of an .npy file, as lists, dictionaries and arrays; anything else in it is None, or refused.

    Raises ValueError, or whatever a damaged pickle leads to.
    """
    stream = BytesIO(npy)
    major, _ = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if shape != () or not dtype.hasobject:
        raise ValueError(f"an array of {shape} {dtype}")
    try:
        return _built(_Machine(stream, encoding="latin1").load().data[0], 0)
    except _ForeignError as error:
        raise ValueError(f"refused, its pickle holds other objects than arrays ({error})") from None


def _built(plan: Any, depth: int) -> Any:
    if depth > 8:
        raise ValueError("nested too deeply")
    if isinstance(plan, dict):
        return {key: _built(value, depth + 1) for key, value in plan.items()}
    if isinstance(plan, (list, tuple)):
        return [_built(value, depth + 1) for value in plan]
    return _array(plan) if isinstance(plan, _Array) else None


class _ForeignError(Exception):
    """The pickle names something that is no array."""


@dataclass
class _Dtype:
    """A dtype as the pickle describes it: its code ('u1'), and the byte order that its state adds."""

    code: str
    order: Any = "="


@dataclass
class _Array:
    """An array as the pickle describes it; `data` are its bytes, or the elements of an array of objects."""

    shape: Any = None
    dtype: Any = None
    fortran: bool = False
    data: Any = None


class _Machine(pickle._Unpickler):  # the Python one: its memo is a dict, so a hostile index costs no memory
    """An unpickler without access to anything but containers and descriptions of arrays."""

    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return _KNOWN[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise _ForeignError(f"{module}.{name}") from None

    def _take_state(self) -> None:
        """BUILD sets what lies below on the stack; only the two descriptions have something to set."""
        state = self.stack.pop()  # type: ignore[attr-defined]  # typeshed leaves the machine's stack out
        below = self.stack[-1]  # type: ignore[attr-defined]
        if isinstance(below, _Array):
            _, below.shape, below.dtype, below.fortran, below.data = state
        elif isinstance(below, _Dtype):
            below.order = state[1]
        else:
            raise pickle.UnpicklingError("state for what has none")

    def _take_bytearray(self) -> None:
        """As bytes, read before memory is taken for them."""
        (length,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
        data = self.read(length)  # type: ignore[attr-defined]
        if len(data) != length:
            raise EOFError("ends too early")
        self.append(data)  # type: ignore[attr-defined]

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: _take_state,
        pickle.BYTEARRAY8[0]: _take_bytearray,
    }


_KNOWN: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # what the pickle hands to _reconstruct; never called
    ("numpy", "dtype"): lambda code, *_: _Dtype(code),
    ("numpy.core.multiarray", "_reconstruct"): lambda kind, shape, code: _Array(),
    ("numpy.core.multiarray", "scalar"): lambda dtype, data: None,  # single numbers are nobody's sequence
    ("numpy.core.numeric", "_frombuffer"): lambda data, dtype, shape, order, *_: _Array(
        shape, dtype, order == "F", data
    ),
    # protocols below 3 write bytes as text, and b"" as a call of bytes
    ("_codecs", "encode"): lambda text, *_: text.encode("latin1") if isinstance(text, str) else b"",
    ("__builtin__", "bytes"): lambda *_: b"",
    ("builtins", "bytes"): lambda *_: b"",
}


def _array(plan: Any) -> NDArray[Any]:
    if not isinstance(plan, _Array) or not isinstance(plan.dtype, _Dtype):
        raise _ForeignError(type(plan).__name__)
    order: Literal["<", ">", "="] = plan.dtype.order if plan.dtype.order in ("<", ">") else "="
    dtype = np.dtype(str(plan.dtype.code)).newbyteorder(order)
    if dtype.kind not in _KINDS:
        raise _ForeignError(f"an array of {dtype.name}")
    shape = tuple(int(side) for side in plan.shape)
    data = plan.data.encode("latin1") if isinstance(plan.data, str) else plan.data  # Python 2 wrote bytes as text
    if not isinstance(data, (bytes, bytearray)) or min(shape, default=0) < 0:
        raise pickle.UnpicklingError("an array without bytes")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise pickle.UnpicklingError(f"{len(data)} bytes for an array of {shape} {dtype.name}")
    flat = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=True)
    return flat.reshape(shape, order="F" if plan.fortran else "C")
