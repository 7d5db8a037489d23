"""A hostile zip never writes outside of its folder, nor fills the disk."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import CheckpointError
from pipeline.weights.fetch import unpack_zip


def _zip(path: Path, members: dict[str, bytes], mode: int = 0o644, compress: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = compress
            archive.writestr(info, content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "inner" / "folder"
    path.mkdir(parents=True)
    return path


def test_files_land_below_the_folder(tmp_path: Path, folder: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"model/": b"", "model/a.txt": b"one", "b.txt": b"two"})
    assert unpack_zip(archive, folder) == [folder / "model" / "a.txt", folder / "b.txt"]
    assert (folder / "model" / "a.txt").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", "\\out", "a\\..\\..\\out", "C:\\out", "C:out", ".."])
def test_members_that_climb_out_are_refused(tmp_path: Path, folder: Path, name: str) -> None:
    archive = _zip(tmp_path / "a.zip", {"first": b"1", name: b"2"})
    with pytest.raises(CheckpointError, match="climbs out"):
        unpack_zip(archive, folder)
    assert sorted(tmp_path.rglob("*out*")) == [] and list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "n" * 300, "a/" + "\u00e4" * 200, "a/" * 3000 + "b"])
def test_empty_and_too_long_names_are_refused(tmp_path: Path, folder: Path, name: str) -> None:
    archive = _zip(tmp_path / "a.zip", {"first": b"1", name: b"2"})
    with pytest.raises(CheckpointError, match=r"no name|too long") as error:
        unpack_zip(archive, folder)
    assert len(str(error.value)) < 500 and list(folder.iterdir()) == []


def test_what_a_mac_packs_beside_the_files_is_passed_over(tmp_path: Path, folder: Path) -> None:
    members = {"__MACOSX/model/._a.pdiparams": b"?", "model/._a.pdiparams": b"?", "model/a.pdiparams": b"weights"}
    assert unpack_zip(_zip(tmp_path / "a.zip", members), folder) == [folder / "model" / "a.pdiparams"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR], ids=["link", "pipe", "device"])
def test_links_and_devices_are_refused(tmp_path: Path, folder: Path, kind: int) -> None:
    with pytest.raises(CheckpointError, match="no plain file"):
        unpack_zip(_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, kind | 0o777), folder)


def test_a_bomb_is_refused_before_it_swells(tmp_path: Path, folder: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"zeros": bytes(20_000_000)}, compress=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="20000000 bytes in"):
        unpack_zip(archive, folder)
    assert list(folder.iterdir()) == []


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="same name"):
        unpack_zip(_zip(tmp_path / "a.zip", {"Model": b"1", "model": b"2"}), folder)


def test_a_member_that_is_file_and_folder_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="both a file and a folder"):
        unpack_zip(_zip(tmp_path / "a.zip", {"a": b"1", "a/b": b"2"}), folder)


def test_a_truncated_or_corrupt_zip_is_refused(tmp_path: Path, folder: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"a": b"some content" * 50})
    whole = archive.read_bytes()
    for damaged in (whole[:200], whole.replace(b"some", b"sane", 1), b"", b"<html>"):
        archive.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="fetch again"):
            unpack_zip(archive, folder)
        (folder / "a").unlink(missing_ok=True)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_that_cannot_be_unpacked_is_refused(tmp_path: Path, folder: Path, method: int) -> None:
    """Damage inside the packed bytes: the libraries below zipfile have errors of their own."""
    archive = _zip(tmp_path / "a.zip", {"a": bytes(range(256)) * 40}, compress=method)
    whole = archive.read_bytes()
    start = 30 + 1 + 9 * (method == zipfile.ZIP_LZMA)  # after the member's header and name, and LZMA's own header
    archive.write_bytes(whole[:start] + b"\xff" * 24 + whole[start + 24 :])
    with pytest.raises(CheckpointError, match="fetch again"):
        unpack_zip(archive, folder)
