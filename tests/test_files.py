"""Files appear whole or not at all, and the system's refusals are worded for people."""

from __future__ import annotations

import errno
import json
import os
import sys

import numpy as np
import pytest
from processes import run_program

from pipeline.errors import InputError, OutputError
from pipeline.files import atomic, private, read_json, write_bytes, write_json, writing


def test_a_file_appears_with_its_folders_when_the_block_ends(tmp_path):
    path = tmp_path / "a/b/file.bin"
    with atomic(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stands_and_no_partial_is_left(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic(path) as stream:
        stream.write(b"half of the new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "file.bin"
    write_bytes(path, b"first")
    with atomic(path) as stream:
        stream.write(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"


def test_a_file_where_a_folder_should_be_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"x\.json: cannot be written \(.*\)\. A file stands where"):
        write_json(tmp_path / "file/x.json", {})


def test_a_folder_where_the_file_should_be_is_refused_in_words(tmp_path):
    (tmp_path / "x.json").mkdir()
    with pytest.raises(OutputError, match=r"x\.json: cannot be written \(Is a directory\)"):
        write_json(tmp_path / "x.json", {})
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "that you may write to"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EFBIG, "another disk"),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_each_refusal_says_which_file_and_what_to_do(tmp_path, number, remedy):
    with pytest.raises(OutputError, match=remedy) as raised, writing(tmp_path / "file"):
        raise OSError(number, "from the system")
    assert str(raised.value).startswith(f"{tmp_path / 'file'}: cannot be written (")
    assert "--output" in str(raised.value)


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(ConnectionResetError), writing(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_a_name_that_is_too_long_is_refused_in_words(tmp_path):
    with pytest.raises(OutputError, match="shorter"):
        write_bytes(tmp_path / ("x" * 300), b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("what", ["bytes", "arrays"])
def test_a_file_that_no_longer_fits_is_refused_and_leaves_nothing(tmp_path, what):
    done = run_program("write_too_much", tmp_path / "big.bin", what)
    assert done.stderr == ""
    assert "big.bin: cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_is_readable_and_comes_back(tmp_path):
    tree = {"name": "Straße 人", "list": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "x.json", tree)
    assert "Straße 人" in (tmp_path / "x.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "x.json") == tree


def test_a_name_that_is_no_unicode_survives_in_json(tmp_path):
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")  # as Python gives us such a file's name
    write_json(tmp_path / "x.json", {"path": name})
    assert read_json(tmp_path / "x.json") == {"path": name}


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{half", b"[1]", b"\xff\xfe", b"null"], ids=repr)
def test_damaged_json_is_refused_by_name(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json: .*Start a new run\."):
        read_json(tmp_path / "run.json")


def test_missing_json_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"run\.json: not readable"):
        read_json(tmp_path / "run.json")


def test_arrays_go_through_the_same_door(tmp_path):
    with atomic(tmp_path / "a.npz") as stream:
        np.savez(stream, values=np.arange(5))
    assert json.loads(json.dumps(np.load(tmp_path / "a.npz")["values"].tolist())) == [0, 1, 2, 3, 4]


def test_what_is_private_is_so_under_any_umask_and_nothing_else_is(tmp_path):
    before = os.umask(0o022)
    try:
        with private():
            with private():
                write_bytes(tmp_path / "inner/file", b"")
            write_bytes(tmp_path / "outer/file", b"")  # the inner block has not ended it
        write_bytes(tmp_path / "public/file", b"")
    finally:
        assert os.umask(before) == 0o022
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "inner": 0o700, "inner/file": 0o600, "outer": 0o700, "outer/file": 0o600, "public": 0o755, "public/file": 0o644,
    }  # fmt: skip
