"""An http address, read without a request to any other host.

FFmpeg's own client follows redirects and the lines of a playlist wherever they lead, to this machine and its network
as well. So Python's client fetches for it, and refuses what is not of the address' own host.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from typing import IO, Any

from pipeline.errors import InputError
from pipeline.version import __version__

TIMEOUT_S = 10.0  # to connect, and between two pieces of data

_Origin = tuple[str, str | None, int | None]  # scheme, host, port
_PORTS = {"http": 80, "https": 443}
_PLAYLISTS = ("mpegurl",)  # in a Content-Type


class OwnHost:
    """Fetches from the host of one address, and for no one else. `file` is the address itself, opened.

    Called as PyAV's io_open for what a playlist names. failure: what was refused or went wrong first; nothing more is
    fetched from then on, since an exception would not reach the caller through FFmpeg. `check` raises it.
    """

    def __init__(self, address: str, shown: str) -> None:
        parts = urllib.parse.urlsplit(address)
        self.failure: BaseException | None = None
        self._shown, self._origin = shown, _origin(address)
        plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if parts.username is not None:
            unquote = urllib.parse.unquote
            passwords.add_password(None, plain, unquote(parts.username), unquote(parts.password or ""))
        self._opener = urllib.request.build_opener(
            _OwnRedirects(self),
            urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPDigestAuthHandler(passwords),
            urllib.request.HTTPCookieProcessor(),
        )
        self._opened: list[_Remote] = []
        self.file = self(plain)
        self.check()

    def __call__(self, url: str, flags: int = 0, options: dict[str, str] | None = None) -> _Remote:
        """A file at the address' own host."""
        remote = _Remote(self, url)
        self._opened = [one for one in self._opened if one.is_open] + [remote]  # a camera's playlist has no end
        return remote

    @property
    def format(self) -> str | None:
        """FFmpeg's name of a format that the server says and the first bytes alone would not; None: let FFmpeg look."""
        return "hls" if any(kind in self.file.content_type.lower() for kind in _PLAYLISTS) else None

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.failure is not None:
            raise self.failure

    def lost(self) -> bool:
        """Whether the connection was lost. Raises whatever else went wrong."""
        try:
            self.check()
        except UNREACHABLE:
            return True
        return False

    def close(self) -> None:
        """Hang up."""
        for remote in self._opened:
            remote.close()

    def refuse_elsewhere(self, url: str) -> None:
        """Raises InputError for an address of another host or port; http may become https."""
        scheme, host, port = self._origin
        if _origin(url) not in (self._origin, ("https", host, 443) if (scheme, port) == ("http", 80) else self._origin):
            there = urllib.parse.urlsplit(url)
            where = f"{there.hostname}:{there.port}" if there.port else there.hostname or f"{there.scheme}: …"
            raise InputError(f"{self._shown}: leads to another host ({where}), which is not asked. Give that address.")

    def fetch(self, url: str, start: int) -> IO[bytes]:
        """The answer to a request for everything from byte `start` on. Raises InputError for another host."""
        self.refuse_elsewhere(url)
        quoted = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
        headers = {"Range": f"bytes={start}-", "User-Agent": f"gait/{__version__}"}
        request = urllib.request.Request(quoted, headers=headers)
        answer: IO[bytes] = self._opener.open(request, timeout=TIMEOUT_S)
        return answer


class _OwnRedirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, host: OwnHost) -> None:
        self._host = host

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        self._host.refuse_elsewhere(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Remote:
    """A file on the host, as FFmpeg reads one; it can be searched where the server knows ranges.

    Once the host has failed it is empty.
    """

    def __init__(self, host: OwnHost, url: str) -> None:
        self.name = url
        self.content_type = ""
        self._host = host
        self._answer: IO[bytes] | None = None
        self._at = self._wanted = 0  # bytes: of the answer, and to be read next
        self._size: int | None = None
        self._fetch()

    def _fetch(self) -> None:
        self.close()
        if self._host.failure is not None:
            return
        try:
            answer: Any = self._host.fetch(self.name, self._wanted)
        except BaseException as error:  # Ctrl-C too: see OwnHost
            self._host.failure = error
            return
        self._answer, self._at = answer, self._wanted
        self.content_type = answer.headers.get("Content-Type") or ""
        if self._wanted and answer.status != 206:
            self._host.failure = OSError(f"sends no part of {self.name}")
        ranges = answer.status == 206 or answer.headers.get("Accept-Ranges") == "bytes"
        length = answer.headers.get("Content-Length") or ""
        self._size = self._wanted + int(length) if ranges and length.isdecimal() else None

    def seekable(self) -> bool:
        return self._size is not None

    def read(self, size: int) -> bytes:
        if self._wanted != self._at:
            self._fetch()
        if self._answer is None or self._host.failure is not None:
            return b""
        try:
            data: bytes = self._answer.read1(size)  # type: ignore[attr-defined]  # what has come: a stream never fills
        except BaseException as error:  # as above
            self._host.failure = error
            return b""
        self._at += len(data)
        self._wanted = self._at
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._wanted = offset + (0, self._wanted, self._size or 0)[whence]
        return self._wanted

    def tell(self) -> int:
        return self._wanted

    @property
    def is_open(self) -> bool:
        """Whether it holds a connection."""
        return self._answer is not None

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


UNREACHABLE = (OSError, http.client.HTTPException, ValueError)
"""What goes wrong between two hosts; urllib.error.URLError is an OSError."""


def _origin(url: str) -> _Origin:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or _PORTS.get(parts.scheme.lower())
