"""The demo videos are known by their git blob ids, whatever server they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fileserver import FileServer

from pipeline.jobs.demo_videos import DEMO_VIDEOS, SOURCES, fetch_demo_videos, git_blob_id
from pipeline.weights.download import FetchError

VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(100_000)
BLOB = hashlib.sha1(b"blob %d\0" % len(VIDEO) + VIDEO).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"/raw/gallery.mp4": VIDEO}) as running:
        yield running


@pytest.mark.parametrize(
    ("content", "blob"),
    [(b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")],
    ids=["empty", "hello"],
)
def test_blob_ids_are_gits(tmp_path: Path, content: bytes, blob: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert git_blob_id(tmp_path / "file") == blob


def test_the_blob_id_of_a_real_video_is_gits(shared: Path) -> None:
    assert git_blob_id(shared / "videos/demo/gallery.mp4") == "ca3839d5ccad53c306a6646334ac1adcf86859b8"


def test_the_addresses_name_video_and_blob() -> None:
    urls = [source.format(name="probe4", blob=DEMO_VIDEOS["probe4"]) for source in SOURCES]
    assert urls[0].endswith("/OpenGait/demo/output/InputVideos/probe4.mp4")
    assert urls[1].endswith("/git/blobs/a35870511075c92f7dd1a1a1bdc3bbe2e9d1f967")


def test_a_video_is_fetched_and_verified(server: FileServer, tmp_path: Path) -> None:
    sources = [server.url + "/raw/{name}.mp4"]
    found = fetch_demo_videos(tmp_path / "videos", videos={"gallery": BLOB}, sources=sources)
    assert found == {"gallery": tmp_path / "videos" / "gallery.mp4"}
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["gallery.mp4"]


def test_the_second_address_stands_in_for_the_first(server: FileServer, tmp_path: Path) -> None:
    server.files[f"/blobs/{BLOB}"] = VIDEO
    server.files["/raw/gallery.mp4"] = b"another video"
    sources = [server.url + "/raw/{name}.mp4", server.url + "/blobs/{blob}"]
    found = fetch_demo_videos(tmp_path, videos={"gallery": BLOB}, sources=sources)
    assert git_blob_id(found["gallery"]) == BLOB


def test_a_video_that_has_changed_is_refused(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"expected git blob {'0' * 40}, found {BLOB}"):
        fetch_demo_videos(tmp_path, videos={"gallery": "0" * 40}, sources=[server.url + "/raw/{name}.mp4"])
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "gallery.mp4").write_bytes(VIDEO)
    fetch_demo_videos(tmp_path, videos={"gallery": BLOB}, sources=[server.url + "/raw/{name}.mp4"])
    assert server.requests == []


def test_a_users_own_video_of_that_name_is_left_alone(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "gallery.mp4").write_bytes(b"mine")
    with pytest.raises(FetchError, match="another video than the demo's"):
        fetch_demo_videos(tmp_path, videos={"gallery": BLOB}, sources=[server.url + "/raw/{name}.mp4"])
    assert (tmp_path / "gallery.mp4").read_bytes() == b"mine"


def test_a_network_out_of_reach_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="out of reach") as error:
        fetch_demo_videos(tmp_path, sources=["http://127.0.0.1:9/{name}.mp4"], timeout=2)
    assert "\n" not in str(error.value)
