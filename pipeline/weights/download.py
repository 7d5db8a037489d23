"""One file over http(s) to a temporary name, resumed where an earlier attempt stopped."""

from __future__ import annotations

import http.client
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipeline.errors import GaitError
from pipeline.files import file_sha256, writing
from pipeline.weights.confirmation import MOST_READ, form_address, is_used_up

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

LARGEST_FILE = 4 * 2**30  # bytes; an endless answer must not fill the disk
_CHUNK = 1 << 18
_ATTEMPTS = 4
_SPARE_DISK = 64 * 2**20  # bytes that a download leaves free
_FETCHED = ("http", "https")
_LENGTH = re.compile(r"[0-9]{1,18}")


class FetchError(GaitError):
    """A file that could not be downloaded: the network is out of reach, or what came is not what was asked for."""


class OutOfReachError(FetchError):
    """No answer from a host. brief: that alone, without the address."""

    def __init__(self, url: str, host: str | None, reason: str) -> None:
        super().__init__(f"{url}: {host} is out of reach ({reason}). Is there a network?")
        self.brief = f"{host} is out of reach"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete download, still under its temporary name."""

    path: Path
    size: int
    sha256: str


def download(
    url: str,
    part: Path,
    *,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    by_hand: str = "Open the address in a browser and save the file yourself.",
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Downloaded:
    """Download to `part` (NAME.part), going on where an earlier attempt stopped; the caller verifies and moves it.

    A confirmation page, as Google Drive shows one before large files, is answered. size: bytes expected. by_hand: what
    to do where another page comes. timeout: seconds without an answer. pause: seconds before going on after a break.
    Raises FetchError: network out of reach, refusal, a web page instead of the file, wrong size, broken off again and
    again (what has come is kept). Raises OutputError where the disk refuses.
    """
    with writing(part, ""):
        part.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(_ATTEMPTS):
            before = part.stat().st_size if part.exists() else 0
            if _attempt(url, part, size, headers or {}, progress, by_hand, timeout):
                break
            if attempt == _ATTEMPTS - 1 or part.stat().st_size <= before:
                raise FetchError(
                    f"{url}: the connection broke off at {part.stat().st_size} bytes. Run the same command to go on."
                )
            time.sleep(pause)
        return Downloaded(part, part.stat().st_size, file_sha256(part))


def _attempt(
    url: str,
    part: Path,
    size: int | None,
    headers: Mapping[str, str],
    progress: Progress | None,
    by_hand: str,
    timeout: float,
) -> bool:
    """One connection, or two where a form has to be answered. Whether the file is complete afterwards."""
    have, version = _resumable(part, size)
    if size is not None and have == size:
        return True
    sent = {"User-Agent": "gait", "Accept-Encoding": "identity", **headers}
    if have:
        sent |= {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
    form = None
    with _answer(url, sent, timeout) as answer:
        if not _is_page(answer):
            return _take(url, answer, part, have, size, progress)
        form = _form(url, answer, by_hand)
    with _answer(form, sent, timeout) as answer:
        if _is_page(answer):
            raise _page(url, by_hand)
        return _take(url, answer, part, have, size, progress)


def _is_page(answer: Any) -> bool:
    refused = answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE  # its body may well be a page
    return not refused and "html" in answer.headers.get_content_type()


def _form(url: str, answer: Any, by_hand: str) -> str:
    """The address that the page's form leads to. Raises FetchError for any other page."""
    page = answer.read(MOST_READ).decode("utf-8", errors="replace")
    if is_used_up(page):
        raise FetchError(
            f"{url}: too many people have fetched this file today, so its download quota is used up. "
            f"Try again tomorrow. {by_hand}"
        )
    try:
        form = form_address(page, answer.geturl())
    except ValueError:
        form = None
    if form is None:
        raise _page(url, by_hand)
    _refuse_weaker(answer.geturl(), form)
    return form


def _page(url: str, by_hand: str) -> FetchError:
    return FetchError(
        f"{url}: the server answers with a web page instead of the file (a log-in, or a confirmation that this "
        f"program does not know). {by_hand}"
    )


def _take(url: str, answer: Any, part: Path, have: int, size: int | None, progress: Progress | None) -> bool:
    """Write the answer to `part`. Whether the file is complete afterwards."""
    if answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        if answer.headers.get("Content-Range") == f"bytes */{have}":
            return True  # it was complete already
        forget(part)
        raise FetchError(f"{url}: does not go on where the last download stopped. Run the same command again.")
    start = _start(answer, have)
    total = _total(url, answer, start, size)
    if total is not None and shutil.disk_usage(part.parent).free < total - start + _SPARE_DISK:
        raise FetchError(f"{url}: {total} bytes do not fit on the disk of {part.parent}. Free some space.")
    if start == 0:
        _remember_version(part, answer)
    have = _copy(url, answer, part, start, total, progress)
    return total is None or have >= total


def _resumable(part: Path, size: int | None) -> tuple[int, str]:
    """Bytes that are there already and the server's name for that version of the file.

    Without such a name, going on is safe only where a known size (and with it a known sha256) checks the result.
    """
    have = part.stat().st_size if part.exists() else 0
    try:
        version = _version_path(part).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        version = ""
    if (not version and size is None) or (size is not None and have > size):
        return 0, ""
    return have, version


def _version_path(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _remember_version(part: Path, answer: Any) -> None:
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    if version.startswith("W/"):  # a weak one does not promise the same bytes
        version = ""
    _version_path(part).write_text(version, encoding="utf-8")


def forget(part: Path) -> None:
    """Remove a temporary download and what belongs to it."""
    part.unlink(missing_ok=True)
    _version_path(part).unlink(missing_ok=True)


@contextmanager
def _answer(url: str, headers: Mapping[str, str], timeout: float) -> Iterator[Any]:
    """The server's answer; refusals and networks out of reach become one line."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _FETCHED or not parts.hostname:
            raise FetchError(f"{url}: only http and https addresses are fetched.")
        request = urllib.request.Request(url, headers=dict(headers))
    except ValueError as error:
        raise FetchError(f"{url}: no address that can be fetched ({_reason(error)}). Correct the card.") from None
    host = parts.hostname
    opener = urllib.request.build_opener(_CarefulRedirects)
    try:
        with _open(opener, request, timeout) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        raise FetchError(
            f"{url}: {host} answers {error.code} {_reason(error.reason)}. Try later, or get it by hand."
        ) from None
    except urllib.error.URLError as error:
        raise OutOfReachError(url, host, _reason(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise OutOfReachError(url, host, _reason(error)) from None


def _open(opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout: float) -> Any:
    try:
        return opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return error  # an answer like any other
        raise
    except ValueError as error:  # of letters that an address cannot have, here or in a redirect
        raise urllib.error.URLError(_reason(error)) from None


def _reason(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _refuse_weaker(url: str, target: str) -> None:
    """Raise FetchError where an address leads from https to something weaker, or out of the web at all."""
    scheme = urlsplit(target).scheme
    if scheme not in _FETCHED or (scheme != "https" and urlsplit(url).scheme == "https"):
        wanted = "https" if scheme in _FETCHED else "http or https"
        raise FetchError(f"{url}: leads on to {target[:200]}, which is not {wanted}. Get the file by hand.")


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects within the web, and never from https to something weaker."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        if target := headers.get("Location") or headers.get("URI"):
            _refuse_weaker(req.full_url, urljoin(req.full_url, target))
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _start(answer: Any, have: int) -> int:
    """The offset at which the answer begins: where we stopped, or 0 when the server sends all of it again."""
    match = re.match(r"bytes ([0-9]{1,18})-", answer.headers.get("Content-Range", ""))
    resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT and match is not None and int(match[1]) == have
    return have if resumed else 0


def _total(url: str, answer: Any, start: int, size: int | None) -> int | None:
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if _LENGTH.fullmatch(length) else size
    if total is not None and size is not None and total != size:
        raise FetchError(f"{url}: expected {size} bytes, the server has {total}. The file has changed; tell us.")
    if total is not None and total > LARGEST_FILE:
        raise FetchError(f"{url}: {total} bytes is more than any checkpoint holds. Get it by hand where you trust it.")
    return total


def _copy(url: str, answer: Any, part: Path, start: int, total: int | None, progress: Progress | None) -> int:
    """Append the answer from `start` on; the size afterwards, short of `total` where the connection broke."""
    have = start
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        while True:
            try:
                chunk = answer.read(_CHUNK)
            except (http.client.HTTPException, OSError):
                return have if total is not None else _unknown_end(url, have)
            if not chunk:
                return have
            have += len(chunk)
            if have > (total if total is not None else LARGEST_FILE):
                raise FetchError(f"{url}: the server sends more than the {total or LARGEST_FILE} bytes it announced.")
            file.write(chunk)
            if progress is not None:
                progress(have, total)


def _unknown_end(url: str, have: int) -> int:
    raise FetchError(f"{url}: the connection broke off at {have} bytes. Run the same command again.")
