"""Downloads resume, and every way in which a server misbehaves ends in one line."""

from __future__ import annotations

import socket
from hashlib import sha256
from pathlib import Path

import pytest
from fileserver import FileServer

from pipeline.errors import OutputError
from pipeline.networks.download import FetchError, download

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "file.bin.part"


def test_a_file_comes_whole(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    seen: list[tuple[int, int | None]] = []
    came = download(f"{server.url}/f", part, progress=lambda done, total: seen.append((done, total)))
    assert (came.size, came.sha256) == (len(CONTENT), sha256(CONTENT).hexdigest())
    assert part.read_bytes() == CONTENT and seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_connection_is_resumed_where_it_stopped(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    server.breaks_after = [300_000, 300_000]
    assert download(f"{server.url}/f", part, pause=0).sha256 == sha256(CONTENT).hexdigest()
    assert server.requests == [("/f", None), ("/f", "bytes=300000-"), ("/f", "bytes=600000-")]


def test_a_connection_that_breaks_again_and_again_keeps_what_came(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    server.breaks_after = [100_000] * 4
    with pytest.raises(FetchError, match=r"broke off at 400000 bytes\. Run the same command"):
        download(f"{server.url}/f", part, pause=0)
    assert download(f"{server.url}/f", part).sha256 == sha256(CONTENT).hexdigest()
    assert server.requests[-1] == ("/f", "bytes=400000-")


def test_a_file_that_has_changed_meanwhile_starts_again(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    server.breaks_after = [100_000] * 4
    with pytest.raises(FetchError):
        download(f"{server.url}/f", part, pause=0)
    server.files["/f"] = CONTENT[::-1]
    assert download(f"{server.url}/f", part).sha256 == sha256(CONTENT[::-1]).hexdigest()


def test_without_a_version_or_a_size_nothing_is_resumed(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    server.with_etag = False
    part.parent.mkdir()
    part.write_bytes(b"of something else")
    assert download(f"{server.url}/f", part).sha256 == sha256(CONTENT).hexdigest()
    assert server.requests == [("/f", None)]


def test_a_server_without_ranges_sends_all_again(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    server.with_ranges = False
    server.breaks_after = [100_000]
    assert download(f"{server.url}/f", part, pause=0).sha256 == sha256(CONTENT).hexdigest()


def test_a_complete_part_needs_no_more(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    download(f"{server.url}/f", part)
    assert download(f"{server.url}/f", part).sha256 == sha256(CONTENT).hexdigest()
    assert download(f"{server.url}/f", part, size=len(CONTENT)).size == len(CONTENT)
    assert len(server.requests) == 2


def test_another_size_than_expected_is_refused(server: FileServer, part: Path) -> None:
    server.files["/f"] = CONTENT
    with pytest.raises(FetchError, match="expected 5 bytes, the server has 1024000"):
        download(f"{server.url}/f", part, size=5)


def test_a_web_page_is_refused(server: FileServer, part: Path) -> None:
    server.files["/f"] = b"<html>Confirm the download</html>"
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(FetchError, match="web page instead of the file"):
        download(f"{server.url}/f", part, size=100)


def test_a_missing_file_is_one_line(server: FileServer, part: Path) -> None:
    with pytest.raises(FetchError, match="answers 404") as error:
        download(f"{server.url}/f", part)
    assert "\n" not in str(error.value)


def test_a_network_out_of_reach_is_one_line(part: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/f"
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 is out of reach .*Is there a network\?$"):
        download(address, part)


def test_a_silent_server_is_given_up_on(part: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(FetchError, match="out of reach"):
            download(f"http://127.0.0.1:{silent.getsockname()[1]}/f", part, timeout=0.2)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/f", "f"])
def test_other_addresses_are_not_followed(part: Path, url: str) -> None:
    with pytest.raises(FetchError, match="only http and https"):
        download(url, part)


def test_a_folder_that_cannot_be_made_is_one_line(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        download(f"{server.url}/f", tmp_path / "file" / "f.part")
