"""Downloads resume, and every way in which a server misbehaves ends in one line."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from fileserver import FileServer

from pipeline.errors import OutputError
from pipeline.weights.download import FetchError, download

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


def _confirmation(server: FileServer, action: str = "/download", method: str = "get") -> bytes:
    """What Google Drive shows before a large file; another form stands above it."""
    return f"""<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
        <form action="/search"><input type="hidden" name="q" value="x"></form>
        <form id="download-form" action="{server.url}{action}" method="{method}">
        <input type="submit" id="uc-download-link" value="Download anyway"/>
        <input type="hidden" name="id" value="1P4m"><input type="hidden" name="export" value="download">
        <input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="a&amp;b 1"></form>
        </body></html>""".encode()


FORM = "/download?id=1P4m&export=download&confirm=t&uuid=a%26b+1"


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_a_confirmation_page_behind_a_redirect_is_answered(server: FileServer, part: Path, status: int) -> None:
    server.redirects["/uc?id=1P4m"] = status, "/download?id=1P4m"
    server.pages["/download?id=1P4m"] = _confirmation(server)
    server.files[FORM] = CONTENT
    assert download(f"{server.url}/uc?id=1P4m", part).sha256 == sha256(CONTENT).hexdigest()
    assert [path for path, _ in server.requests] == ["/uc?id=1P4m", "/download?id=1P4m", FORM]


def test_a_download_behind_a_confirmation_page_is_resumed(server: FileServer, part: Path) -> None:
    server.pages["/uc"] = _confirmation(server)
    server.files[FORM] = CONTENT
    server.breaks_after = [300_000]
    assert download(f"{server.url}/uc", part, pause=0).sha256 == sha256(CONTENT).hexdigest()
    assert server.requests[-1] == (FORM, "bytes=300000-")


def test_a_used_up_quota_is_one_clear_line(server: FileServer, part: Path) -> None:
    server.pages["/uc"] = b"<html><title>Google Drive - Quota exceeded</title><p>Too many users</p></html>"
    with pytest.raises(FetchError, match=r"quota is used up\. Try again tomorrow\. Save it there\.") as error:
        download(f"{server.url}/uc", part, by_hand="Save it there.")
    assert "\n" not in str(error.value) and not part.exists()


@pytest.mark.parametrize("again", ["a page without a form", "a form that posts", "the form once more", "no address"])
def test_any_other_page_says_how_to_do_it_by_hand(server: FileServer, part: Path, again: str) -> None:
    server.pages["/uc"] = {
        "a page without a form": b"<html>Sign in</html>",
        "a form that posts": _confirmation(server, method="post"),
        "the form once more": _confirmation(server),
        "no address": _confirmation(server).replace(server.url.encode(), b"http://["),
    }[again]
    server.files[FORM] = CONTENT
    if again == "the form once more":
        server.pages[FORM] = _confirmation(server)
    with pytest.raises(FetchError, match=r"/uc: the server answers with a web page .* Save it there\.$") as error:
        download(f"{server.url}/uc", part, by_hand="Save it there.")
    assert "\n" not in str(error.value) and len(server.requests) <= 2 and not part.exists()


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/f", "file:///etc/passwd", "data:,x"])
def test_nothing_leads_out_of_the_web(server: FileServer, part: Path, target: str) -> None:
    server.redirects["/redirect"] = 302, target
    server.pages["/form"] = _confirmation(server).replace(f"{server.url}/download".encode(), target.encode())
    for start in ("/redirect", "/form"):
        with pytest.raises(FetchError, match=r"leads on to \w+:.*, which is not http or https\. Get the file by hand"):
            download(server.url + start, part)
    assert len(server.requests) == 2


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server that speaks https, whose certificate this process trusts."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with FileServer(tls=context) as running:
        yield running


def test_https_is_never_left_for_http(secure: FileServer, server: FileServer, part: Path) -> None:
    server.files["/f"] = secure.files["/f"] = CONTENT
    secure.redirects = {"/within": (302, "/f"), "/away": (302, f"{server.url}/f")}
    secure.pages["/form"] = _confirmation(secure).replace(f"{secure.url}/download".encode(), f"{server.url}/f".encode())
    for start in ("/away", "/form"):
        with pytest.raises(FetchError, match="which is not https"):
            download(secure.url + start, part)
    assert server.requests == []
    assert download(f"{secure.url}/within", part).size == len(CONTENT)


def test_redirects_in_a_circle_are_one_line(server: FileServer, part: Path) -> None:
    server.redirects["/f"] = 302, "/f"
    with pytest.raises(FetchError, match="infinite loop") as error:
        download(f"{server.url}/f", part)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:port/f", "http://127.0.0.1:1/\u00e4", "http://"])
def test_an_address_that_is_none_is_one_line(part: Path, url: str) -> None:
    with pytest.raises(FetchError, match=r"address|out of reach"):
        download(url, part)


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
