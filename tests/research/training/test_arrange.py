"""`gait dataset arrange`: folders and archives, and what hostile ones must not do."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from published_datasets import PUBLISHED, write_published
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.dataset import arrange_command
from pipeline.errors import ConfigError, InputError
from pipeline.research.arranging import archives
from pipeline.research.arranging.archives import PASSWORD, Secret, members

WALK = "001/nm-01/000/001-nm-01-000-001.png"


def arrange(source, target, *more, dataset="casia-b", workers=1):
    given = (
        "dataset",
        "arrange",
        "--dataset",
        dataset,
        "--source",
        source,
        "--out",
        target,
        "--workers",
        workers,
        *more,
    )
    found = CliRunner().invoke(app, list(map(str, given)), catch_exceptions=False)
    return found.exit_code, found.stdout, found.stderr


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def tar(path: Path, files: dict[str, bytes | tarfile.TarInfo]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            one = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            one.size = len(content) if isinstance(content, bytes) else 0
            archive.addfile(one, io.BytesIO(content) if isinstance(content, bytes) else None)


@pytest.fixture
def raw(tmp_path):
    for published in PUBLISHED["casia-b", "silhouettes"]:
        write_published(tmp_path / "raw", published)
    return tmp_path / "raw"


@pytest.mark.parametrize("workers", [1, 2])
def test_folders_are_linked(raw, tmp_path, workers):
    status, said, _ = arrange(raw, tmp_path / "out", workers=workers)
    assert status == 0 and "16 walks, 96 files" in said and "1 files left out" in said and "readme.txt" in said
    assert f"Next: gait dataset pretreat {tmp_path / 'out'}" in said
    assert (tmp_path / "out" / WALK).samefile(raw / "GaitDatasetB-silh" / WALK)


def test_a_second_run_goes_on_where_the_first_stopped(raw, tmp_path):
    arrange(raw, tmp_path / "out")
    (tmp_path / "out" / WALK).unlink()
    _, said, _ = arrange(raw, tmp_path / "out")
    assert "1 files" in said and "95 files were there already" in said
    assert (tmp_path / "out" / WALK).is_file()


def test_a_target_in_the_source_is_not_arranged_itself(raw):
    arrange(raw, raw / "out")
    files = tree(raw / "out")
    _, said, _ = arrange(raw, raw / "out")
    assert "96 files were there already" in said and tree(raw / "out") == files


def test_links_are_not_followed_out_of_the_source(raw, tmp_path):
    secret = tmp_path / "elsewhere/secret.png"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    (raw / "GaitDatasetB-silh/001/nm-01/000/zz.png").symlink_to(secret)
    (raw / "GaitDatasetB-silh/001/nm-09").symlink_to(secret.parent)
    (raw / "GaitDatasetB-silh/001/nm-01/000/inside.png").symlink_to(raw / "GaitDatasetB-silh" / WALK)
    status, said, problems = arrange(raw, tmp_path / "out")
    assert status == 2 and "97 files" in said
    assert "zz.png: a link, which is not followed" in problems and "nm-09: a link" in problems
    assert b"secret" not in tree(tmp_path / "out").values()
    assert not (tmp_path / "out/001/nm-01/000/inside.png").is_symlink()


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
def test_archives_are_unpacked_like_folders(raw, tmp_path, suffix):
    arrange(raw, tmp_path / "expected")
    packed = tmp_path / "packed"
    packed.mkdir()
    files = tree(raw)
    if suffix == ".zip":
        with zipfile.ZipFile(packed / f"all{suffix}", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        tar(packed / f"all{suffix}", files)
    status, said, _ = arrange(packed, tmp_path / "out")
    assert status == 0 and "96 files" in said
    assert tree(tmp_path / "out") == tree(tmp_path / "expected")
    assert "96 files were there already" in arrange(packed, tmp_path / "out")[1]


def test_archives_in_archives_give_what_folders_give(tmp_path):
    for published in PUBLISHED["grew", "silhouettes"]:
        write_published(tmp_path / "raw", published)
    arrange(tmp_path / "raw", tmp_path / "expected", dataset="grew")
    inner = {}
    for part in ("train", "test/gallery", "test/probe"):
        for folder in (tmp_path / "raw" / part).iterdir():
            files = sorted(tree(folder).items(), reverse=True)  # in another order than that of the names
            tar(tmp_path / "one.tgz", {f"{folder.name}/{name}": content for name, content in files})
            inner[f"{part}/{folder.name}.tgz"] = (tmp_path / "one.tgz").read_bytes()
    for part in ("train", "test"):
        tar(tmp_path / f"{part}.tgz", {name: data for name, data in inner.items() if name.startswith(part)})
        (tmp_path / "packed").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / f"packed/{part}.zip", "w") as archive:
            archive.write(tmp_path / f"{part}.tgz", f"{part}.tgz")
    status, _, problems = arrange(tmp_path / "packed", tmp_path / "out", dataset="grew")
    assert status == 0, problems
    found = tree(tmp_path / "out")
    assert found == tree(tmp_path / "expected")
    walks = {name.rpartition("/")[0] for name in found}
    assert {"00001train/00/4XPn5Z28", "00001/01/79XJefi8", "00001/02/t16VLaQf", "probe/03/etaGVnWf"} <= walks


def encrypted_zip(path: Path, name: str, content: bytes, password: bytes) -> None:
    """One stored file, encrypted as `zip -P` does (PKWARE's traditional encryption): Python only reads it."""
    table = [0] * 256
    for start in range(256):
        value = start
        for _ in range(8):
            value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
        table[start] = value
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte):
        keys[0] = (keys[0] >> 8) ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = (keys[2] >> 8) ^ table[(keys[2] ^ (keys[1] >> 24)) & 0xFF]

    for byte in password:
        update(byte)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    data = bytearray(path.read_bytes())
    sum_of = zipfile.crc32(content)
    hidden = bytearray()
    for byte in bytes(11) + bytes([sum_of >> 24]) + content:
        mixed = keys[2] | 2
        hidden.append(byte ^ (((mixed * (mixed ^ 1)) >> 8) & 0xFF))
        update(byte)
    start = 30 + len(name)
    central = data.index(b"PK\x01\x02")
    for place in (6, central + 8):  # the flag: encrypted
        data[place] |= 1
    for place in (18, central + 20):  # the packed size: twelve bytes more
        data[place : place + 4] = (len(content) + 12).to_bytes(4, "little")
    end = data.index(b"PK\x05\x06")
    data[end + 16 : end + 20] = (central + 12).to_bytes(4, "little")
    path.write_bytes(bytes(data[:start] + hidden + data[central:]))


@pytest.fixture
def locked(tmp_path):
    (tmp_path / "locked").mkdir()
    encrypted_zip(tmp_path / "locked/Silhouette_000-00.zip", "Silhouette_000-00/00001/0001.png", b"mask", b"sesame")
    return tmp_path / "locked"


def test_a_password_comes_from_the_environment(locked, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD, "sesame")
    status, said, problems = arrange(locked, tmp_path / "out", dataset="oumvlp", workers=2)
    assert status == 0 and "sesame" not in said + problems
    assert tree(tmp_path / "out") == {"00001/00/000/0001.png": b"mask"}


def test_a_wrong_password_is_one_line_that_does_not_say_it(locked, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD, "tulip")
    status, _, problems = arrange(locked, tmp_path / "out", dataset="oumvlp")
    assert status == 2 and f"its password is another. Set {PASSWORD}" in problems and "tulip" not in problems.lower()
    assert not tree(tmp_path / "out")


def test_a_password_is_asked_for_without_echo(locked, tmp_path, monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(ConfigError, match=f"Set {PASSWORD}, or run on a terminal"):
        arrange(locked, tmp_path / "out", dataset="oumvlp")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: "sesame")
    assert arrange_command("oumvlp", None, locked, tmp_path / "out", 1) == 0
    assert tree(tmp_path / "out") == {"00001/00/000/0001.png": b"mask"}


def test_a_secret_is_not_shown():
    assert "sesame" not in repr([Secret("sesame")])


LINK = tarfile.TarInfo("001/nm-01/000/link.png")
LINK.type, LINK.linkname = tarfile.SYMTYPE, "/etc/passwd"
HARD = tarfile.TarInfo("001/nm-01/000/hard.png")
HARD.type, HARD.linkname = tarfile.LNKTYPE, "/etc/passwd"


def test_nothing_leaves_the_target(tmp_path):
    bad = {
        "../../../out-of-it.png": b"x",
        "001/nm-01/../../../../evil.png": b"x",
        "/tmp/nm-01/000/absolute.png": b"x",
        "001/nm-01/con/device.png": b"x",
        "001/nm-01/000/.hidden.png": b"x",
        "001/nm-01/a:b/stream.png": b"x",
        "link": LINK,
        "hard": HARD,
        WALK: b"good",
    }
    tar(tmp_path / "raw/a.tar", bad)
    with zipfile.ZipFile(tmp_path / "raw/b.zip", "w") as archive:
        for name, content in bad.items():
            if isinstance(content, bytes):
                archive.writestr(name, content)
        link = zipfile.ZipInfo("002/nm-01/000/zip-link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("..\\..\\windows.png", b"x")
    before = tree(tmp_path)
    status, said, problems = arrange(tmp_path / "raw", tmp_path / "deep/er/out")
    assert status == 2 and "1 files" in said
    assert {name: data for name, data in tree(tmp_path).items() if "deep/er/out/" not in name} == before
    assert tree(tmp_path / "deep/er/out") == {WALK: b"good"}
    assert problems.count("a name that leads out of its archive") >= 3 and problems.count("a link in an archive") == 3
    assert "'con' cannot name a folder" in problems


def test_bombs_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LEAST_BUDGET", 2**20)
    tar(tmp_path / "raw/bomb.tgz", {WALK: bytes(2**24), WALK.replace("-001.", "-002."): bytes(2**24)})
    status, _, problems = arrange(tmp_path / "raw", tmp_path / "out")
    assert status == 2 and "grows more than 250-fold, a bomb" in problems
    assert sum(map(len, tree(tmp_path / "out").values())) < 2**24


def test_a_name_without_end_is_refused(tmp_path):
    tar(tmp_path / "a.tar", {"sil" * 5000 + ".pkl": b"x"})
    (found,) = members(tmp_path / "a.tar", "a.tar", None, tmp_path)
    assert found.why == "a name that is far too long" and len(found.path) < 100


def test_a_header_as_large_as_the_memory_is_refused(tmp_path):
    long = tarfile.TarInfo("x")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2**30
    (tmp_path / "a.tar").write_bytes(long.tobuf() + bytes(10240))
    with pytest.raises(InputError, match=r"a\.tar: damaged"):
        list(members(tmp_path / "a.tar", "a.tar", None, tmp_path))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz", "a.tar.xz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(50), os.urandom(2000)], ids=["empty", "zip", "noise"])
def test_damaged_archives_are_one_line(tmp_path, name, content):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(content)
    status, _, problems = arrange(tmp_path / "raw", tmp_path / "out")
    assert status == 2 and "Traceback" not in problems and "nothing was written" in problems


def test_half_an_archive_leaves_no_half_file(raw, tmp_path):
    noise = np.random.default_rng(0).bytes(200_000)
    tar(tmp_path / "packed/all.tgz", {WALK: noise, WALK.replace("-001.", "-002."): noise})
    whole = (tmp_path / "packed/all.tgz").read_bytes()
    (tmp_path / "packed/all.tgz").write_bytes(whole[: len(whole) * 3 // 4])
    status, said, problems = arrange(tmp_path / "packed", tmp_path / "out")
    assert status == 2 and "all.tgz: damaged" in problems and "1 files" in said
    assert tree(tmp_path / "out") == {WALK: noise}


def test_other_archives_say_what_to_do(raw, tmp_path):
    (raw / "Silhouette_000-00.7z").write_bytes(b"7z")
    status, _, problems = arrange(raw, tmp_path / "out")
    assert status == 2 and re.search(r"Silhouette_000-00\.7z: no archive that can be read here\. Unpack it", problems)


@pytest.mark.parametrize(
    ("dataset", "more", "error", "message"),
    [
        ("casia-z", (), ConfigError, "--dataset casia-z: unknown. Known are casia-b"),
        ("oumvlp", ("--part", "smpl"), ConfigError, "oumvlp has silhouettes, poses"),
    ],
)
def test_what_is_not_known_is_said(raw, tmp_path, dataset, more, error, message):
    with pytest.raises(error, match=message):
        arrange(raw, tmp_path / "out", *more, dataset=dataset)


def test_another_dataset_is_one_line(raw, tmp_path):
    status, _, problems = arrange(raw, tmp_path / "out", dataset="oumvlp")
    assert status == 2 and "no Silhouette_{view}-{type}/{identity}/*.png in it; nothing was written" in problems
