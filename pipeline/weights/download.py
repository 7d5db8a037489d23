"""One file over http(s) to a temporary name, resumed where an earlier attempt stopped."""

from __future__ import annotations

import html
import http.client
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from pipeline.errors import GaitError
from pipeline.files import file_sha256, reason_of, writing

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

LARGEST_FILE = 4 * 2**30  # bytes; an endless answer must not fill the disk
_CHUNK = 1 << 18
_ATTEMPTS = 4
_SPARE_DISK = 64 * 2**20  # bytes that a download leaves free
_FETCHED = ("http", "https")
_LENGTH = re.compile(r"[0-9]{1,18}")
_MOST_READ = 1 << 20  # bytes of a page; a confirmation is a tenth of that
# Google Drive's words for a file that too many have fetched today.
_USED_UP = re.compile(r"quota exceeded|too many users have viewed or downloaded this file", re.IGNORECASE)


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
    """Download to a temporary file, which the caller verifies and moves; resumes an earlier attempt.

    A confirmation page, as Google Drive shows one before large files, is answered.

    Args:
        url: http or https.
        part: The temporary file, NAME.part.
        size: Bytes expected.
        headers: To send beside our own.
        progress: Called with the bytes so far, and the bytes in all or None.
        by_hand: What to do where another page comes, for the error.
        timeout: Seconds without an answer.
        pause: Seconds before going on after a broken connection.

    Raises:
        FetchError: Out of reach, refused, a web page instead of the file, of a wrong size, or broken off again and
            again (what has come is kept).
        OutputError: The disk refuses.
    """
    with writing(part, " with --checkpoints"):
        part.parent.mkdir(parents=True, exist_ok=True)
        transfer = _Transfer(url, part, size, headers or {}, progress, by_hand, timeout)
        for attempt in range(_ATTEMPTS):
            before = part.stat().st_size if part.exists() else 0
            if transfer.attempt():
                break
            if attempt == _ATTEMPTS - 1 or part.stat().st_size <= before:
                raise FetchError(
                    f"{url}: the connection broke off at {part.stat().st_size} bytes. Run the same command to go on."
                )
            time.sleep(pause)
        return Downloaded(part, part.stat().st_size, file_sha256(part))


@dataclass(frozen=True, slots=True)
class _Transfer:
    """The transfer of one file, as `download` describes it; an attempt is one connection."""

    url: str
    part: Path
    size: int | None
    headers: Mapping[str, str]
    progress: Progress | None
    by_hand: str
    timeout: float

    def attempt(self) -> bool:
        """One connection, or two where a form has to be answered. Whether the file is complete afterwards."""
        have, version = self._resumable()
        if self.size is not None and have == self.size:
            return True
        sent = {"User-Agent": "gait", "Accept-Encoding": "identity", **self.headers}
        if have:
            sent |= {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
        with _answer(self.url, sent, self.timeout) as answer:
            if not _is_page(answer):
                return self._take(answer, have)
            form = self._form(answer)
        with _answer(form, sent, self.timeout) as answer:
            if _is_page(answer):
                raise self._unanswered()
            return self._take(answer, have)

    def _resumable(self) -> tuple[int, str]:
        """Bytes that are there already and the server's name for that version of the file.

        Without such a name, going on is safe only where a known size (and with it a known sha256) checks the result.
        """
        have = self.part.stat().st_size if self.part.exists() else 0
        try:
            version = _version_path(self.part).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            version = ""
        if (not version and self.size is None) or (self.size is not None and have > self.size):
            return 0, ""
        return have, version

    def _form(self, answer: Any) -> str:
        """The address that the page's form leads to. Raises FetchError for any other page."""
        page = answer.read(_MOST_READ).decode("utf-8", errors="replace")
        if _USED_UP.search(html.unescape(page)):
            raise FetchError(
                f"{self.url}: too many people have fetched this file today, so its download quota is used up. "
                f"Try again tomorrow. {self.by_hand}"
            )
        try:
            form = _form_address(page, answer.geturl())
        except ValueError:
            form = None
        if form is None:
            raise self._unanswered()
        _refuse_weaker(answer.geturl(), form)
        return form

    def _unanswered(self) -> FetchError:
        return FetchError(
            f"{self.url}: the server answers with a web page instead of the file (a log-in, or a confirmation that "
            f"this program does not know). {self.by_hand}"
        )

    def _take(self, answer: Any, have: int) -> bool:
        """Write the answer to `part`. Whether the file is complete afterwards."""
        found = answer.headers.get("Content-Range", "")
        if answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if found == f"bytes */{have}":
                return True  # it was complete already
            forget(self.part)
            raise FetchError(f"{self.url}: does not go on where the last download stopped. Run the same command again.")
        match = re.match(r"bytes ([0-9]{1,18})-", found)
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT and match is not None and int(match[1]) == have
        start = have if resumed else 0  # the server may send all of it again
        total = self._total(answer, start)
        if total is not None and shutil.disk_usage(self.part.parent).free < total - start + _SPARE_DISK:
            raise FetchError(
                f"{self.url}: {total} bytes do not fit on the disk of {self.part.parent}. Free some space."
            )
        if start == 0:
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            weak = version.startswith("W/")  # it does not promise the same bytes
            _version_path(self.part).write_text("" if weak else version, encoding="utf-8")
        have = self._copy(answer, start, total)
        return total is None or have >= total

    def _total(self, answer: Any, start: int) -> int | None:
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if _LENGTH.fullmatch(length) else self.size
        if total is not None and self.size is not None and total != self.size:
            raise FetchError(
                f"{self.url}: expected {self.size} bytes, the server has {total}. The file has changed; tell us."
            )
        if total is not None and total > LARGEST_FILE:
            raise FetchError(
                f"{self.url}: {total} bytes is more than any checkpoint holds. Get it by hand where you trust it."
            )
        return total

    def _copy(self, answer: Any, have: int, total: int | None) -> int:
        """Append the answer from byte `have` on; the size afterwards, short of `total` where the connection broke."""
        with self.part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            while True:
                try:
                    chunk = answer.read(_CHUNK)
                except (http.client.HTTPException, OSError):
                    if total is not None:
                        return have
                    raise FetchError(
                        f"{self.url}: the connection broke off at {have} bytes. Run the same command again."
                    ) from None
                if not chunk:
                    return have
                have += len(chunk)
                if have > (total if total is not None else LARGEST_FILE):
                    raise FetchError(
                        f"{self.url}: the server sends more than the {total or LARGEST_FILE} bytes it announced."
                    )
                file.write(chunk)
                if self.progress is not None:
                    self.progress(have, total)


def _is_page(answer: Any) -> bool:
    refused = answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE  # its body may well be a page
    return not refused and "html" in answer.headers.get_content_type()


def _version_path(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


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
        raise FetchError(f"{url}: no address that can be fetched ({reason_of(error)}). Correct the card.") from None
    host = parts.hostname
    opener = urllib.request.build_opener(_CarefulRedirects)
    try:
        with _open(opener, request, timeout) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        raise FetchError(
            f"{url}: {host} answers {error.code} {reason_of(error.reason)}. Try later, or get it by hand."
        ) from None
    except urllib.error.URLError as error:
        raise OutOfReachError(url, host, reason_of(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise OutOfReachError(url, host, reason_of(error)) from None


def _open(opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout: float) -> Any:
    try:
        return opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return error  # an answer like any other
        raise
    except ValueError as error:  # of letters that an address cannot have, here or in a redirect
        raise urllib.error.URLError(reason_of(error)) from None


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


def _form_address(page: str, address: str) -> str | None:
    """The address that the page's confirmation form leads to; None where there is no such form.

    It is the one whose hidden fields hold `confirm`, as Google Drive's "Download anyway" does; a form that posts is
    not answered. page: HTML. address: of the page. Raises ValueError for an address that is none.
    """
    forms = _Forms()
    forms.feed(page)
    for action, method, fields in forms.found:
        if "confirm" in fields and method == "get":
            target = urlsplit(urljoin(address, action))
            return urlunsplit(target._replace(query=urlencode(fields), fragment=""))
    return None


class _Forms(HTMLParser):
    """Collects every form: where it leads, how, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((said.get("action", ""), said.get("method", "get").lower(), {}))
        elif tag == "input" and said.get("type") == "hidden" and "name" in said and self.found:
            self.found[-1][2][said["name"]] = said.get("value", "")
