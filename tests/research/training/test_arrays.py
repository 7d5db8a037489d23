"""Pickled arrays are read in every dialect; anything else in a pickle is refused and never run."""

from __future__ import annotations

import os
import pickle
import pickletools

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.research.training.data.arrays import read_arrays

ARRAYS = {
    "silhouettes": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "poses": np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3),
    "float64": np.array([[1.5, -2.0]]),
    "fortran order": np.asfortranarray(np.arange(12, dtype=np.int16).reshape(3, 4)),
    "big endian": np.arange(5, dtype=">i4"),
    "empty": np.zeros((0, 64, 44), np.uint8),
    "boolean": np.array([True, False]),
    "a view": np.arange(20, dtype=np.uint8).reshape(4, 5)[::2, 1:],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_array_is_read_as_it_was_written(tmp_path, protocol):
    path = tmp_path / "x.pkl"
    for name, written in ARRAYS.items():
        path.write_bytes(pickle.dumps(written, protocol))
        array = read_arrays(path)
        np.testing.assert_array_equal(array, written, err_msg=name)
        assert array.dtype == written.dtype.newbyteorder("=") and array.flags.writeable, name


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_that_numpy_1_wrote_are_read(tmp_path, protocol):
    old = pickle.dumps(ARRAYS["silhouettes"], protocol).replace(b"numpy._core", b"numpy.core")
    if protocol >= 4:  # the names are counted there, and lie in a frame that is counted too
        old = old.replace(b"\x8c\x16numpy.core.multiarray", b"\x8c\x15numpy.core.multiarray")
        old = old.replace(b"\x8c\x13numpy.core.numeric", b"\x8c\x12numpy.core.numeric")
        old = old[:2] + old[11:]  # frames are optional
    assert any(b"numpy.core" in str(argument).encode() for _, argument, _ in pickletools.genops(old) if argument)
    path = tmp_path / "x.pkl"
    path.write_bytes(old)
    np.testing.assert_array_equal(read_arrays(path), ARRAYS["silhouettes"])


def test_an_array_that_python_2_wrote_is_read(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\n"
        b"tR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\xff\\x07'\ntb."
    )
    np.testing.assert_array_equal(read_arrays(path), np.array([255, 7], np.uint8))


@pytest.mark.parametrize("as_array", [False, True], ids=["list", "array of objects"])
def test_clouds_of_different_lengths_are_a_list(tmp_path, as_array):
    clouds = [np.ones((3, 3), np.float32), np.zeros((5, 3), np.float32)]
    content = clouds
    if as_array:
        content = np.empty(2, object)
        content[:] = clouds
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(content))
    read = read_arrays(path)
    assert isinstance(read, list)
    for actual, expected in zip(read, clouds, strict=True):
        np.testing.assert_array_equal(actual, expected)


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "inside a list"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, protocol, hidden):
    trace, path = tmp_path / "trace", tmp_path / "x.pkl"
    content = Hostile(trace)
    path.write_bytes(pickle.dumps([ARRAYS["poses"], content] if hidden else content, protocol))
    with pytest.raises(InputError, match=r"x\.pkl: refused, its pickle holds other objects than arrays \(.*mkdir"):
        read_arrays(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [{"a": 1}, [1, 2], "text", np.array(["text"]), np.array([{}], object), np.float32(3), None],
    ids=lambda content: type(content).__name__ + str(getattr(content, "dtype", "")),
)
def test_other_objects_are_refused(tmp_path, content):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"x\.pkl: "):
        read_arrays(path)


WHOLE = pickle.dumps(ARRAYS["silhouettes"], 4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE[:-30],
        b"no pickle at all",
        b"\x96" + (2**40).to_bytes(8, "little") + b"ab.",  # a byte array of a terabyte
        b"N" + b"r" + (2**32 - 1).to_bytes(4, "little") + b".",  # a memo of 4 thousand million entries
        b"]" + b"q\x00h\x00a.",  # a list that holds itself
        WHOLE.replace(b"K\x02K\x03K\x04", b"K\x02K\x03K\xff"),  # a shape larger than its bytes
    ],
    ids=["empty", "cut short", "text", "swollen", "memo", "itself", "shape"],
)
def test_damage_is_one_line_with_the_file(tmp_path, data):
    path = tmp_path / "x.pkl"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"x\.pkl: "):
        read_arrays(path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none\.pkl: cannot be read"):
        read_arrays(tmp_path / "none.pkl")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "walk.pkl")
    with pytest.raises(InputError, match=r"walk\.pkl: no file"):
        read_arrays(tmp_path / "walk.pkl")
