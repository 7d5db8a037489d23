"""What stands before the app: who may ask, what may be asked for, and how the browser has to treat the answers.

Every request passes here, Gradio's own too. Gradio serves any file of its upload folder to whoever knows its path, and
has routes for telemetry, histories and development; only those that the page needs are let through.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.web.visitors import Visitor, Visitors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Mapping[bytes, bytes]
Refusal = tuple[int, str]  # status, and why
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RUNS = "/runs/"  # our own: files of this visitor's runs
UPLOAD = "/gradio_api/upload"
_FILE = "/gradio_api/file="
_PAGES = {"/", "/theme.css", "/config", "/favicon.ico", "/manifest.json"}
_API = {UPLOAD, "/gradio_api/upload_progress", "/gradio_api/queue/join", "/gradio_api/queue/data"}
_API |= {
    "/gradio_api/run/predict",
    "/gradio_api/startup-events",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/app_id",
}
_TREES = ("/assets/", "/static/", "/gradio_api/heartbeat/", "/svelte/")
UPLOADS_KEPT = 6  # times the largest upload, of one visitor
WRONG_PASSWORD_S = 1.0  # before it is said so

HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_OURS = {name.encode() for name in HEADERS}


class Guard:
    """ASGI: around the whole app.

    hosts: names by which the server may be asked for (another name in the request is that of a foreign page that has
    been pointed at this machine); empty: any, since a password is asked for. password: None on this machine only.
    """

    def __init__(
        self, app: App, visitors: Visitors, hosts: Iterable[str], cookie: str, password: str | None, largest: int
    ) -> None:
        self._app, self._visitors, self._hosts = app, visitors, frozenset(hosts)
        self._cookie, self._password, self._largest = cookie, password, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        path: str = scope["path"]
        refused = self._foreign(headers) or await self._without_password(headers)
        visitor, fresh = self._visitors.of(self.token(headers)), None
        if not refused and visitor is None and path == "/":
            fresh, visitor = self._visitors.admit()
        refused = refused or _not_for(path, scope["method"], visitor) or self._too_much(path, headers, visitor)
        if refused:
            await _answer(send, *refused)
            return
        answer = self._polished(send, path, fresh)
        if path == UPLOAD and visitor is not None:
            answer = _noting_uploads(answer, visitor)
        await self._app(scope, receive, answer)

    def token(self, headers: Headers) -> str | None:
        """The visitor's cookie."""
        try:
            found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(self._cookie)
        except CookieError:
            return None
        return found.value if found else None

    def _foreign(self, headers: Headers) -> Refusal | None:
        """Foreign pages may open this one, and nothing else."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts and urlsplit(f"//{host}").hostname not in self._hosts:
            return 403, "This server is not known under that name."
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc != host:
            return 403, "Another page may not ask this server."
        return None

    async def _without_password(self, headers: Headers) -> Refusal | None:
        if self._password is None:
            return None
        kind, _, coded = headers.get(b"authorization", b"").partition(b" ")
        try:
            _, _, given = base64.b64decode(coded, validate=True).partition(b":")
        except binascii.Error:
            given = b""
        if kind.lower() == b"basic" and hmac.compare_digest(given, self._password.encode()):
            return None
        if kind:
            await asyncio.sleep(WRONG_PASSWORD_S)
        return 401, "A password is asked for."

    def _too_much(self, path: str, headers: Headers, visitor: Visitor | None) -> Refusal | None:
        if path != UPLOAD or visitor is None:
            return None
        length = headers.get(b"content-length", b"0")
        there = sum(upload.stat().st_size for upload in visitor.uploads if upload.is_file())
        if length.isdigit() and there + int(length) <= UPLOADS_KEPT * self._largest:
            return None
        return 413, "Too much is here of you already. Delete your uploads and runs first."

    def _polished(self, send: Send, path: str, fresh: str | None) -> Send:
        """Add our headers, and the cookie of a new visitor."""

        async def polished(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in _OURS]
                kept += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if fresh:
                    value = f"{self._cookie}={fresh}; Path=/; HttpOnly; SameSite=Lax"
                    kept.append((b"set-cookie", value.encode()))
                if not path.startswith(("/assets/", "/static/")):
                    kept = [(name, value) for name, value in kept if name.lower() != b"cache-control"]
                    kept.append((b"cache-control", b"no-store"))
                message["headers"] = kept
            await send(message)

        return polished


def _not_for(path: str, method: str, visitor: Visitor | None) -> Refusal | None:
    """What the page does not need, and what is another visitor's."""
    if path.startswith(_FILE):  # one's own uploads only
        own = visitor is not None and Path(path.removeprefix(_FILE)).resolve() in visitor.uploads
        return None if own else (404, "There is nothing here.")
    reads = method in ("GET", "HEAD")
    known = (reads and (path in _PAGES or path.startswith((RUNS, *_TREES)))) or (
        path in _API and (reads or method == "POST")
    )
    if not known:
        return 404, "There is nothing here."
    if visitor is None and path.startswith(("/gradio_api/", RUNS)):
        return 403, "Open the start page first."
    return None


def _noting_uploads(send: Send, visitor: Visitor) -> Send:
    """Remember whose the files are that Gradio says it has taken."""
    body = bytearray()
    taken = False

    async def noting(message: Message) -> None:
        nonlocal taken
        if message["type"] == "http.response.start":
            taken = message["status"] == 200
        elif taken:
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                visitor.uploads.update(Path(path).resolve() for path in json.loads(body))
        await send(message)

    return noting


async def _answer(send: Send, status: int, words: str) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store", **HEADERS}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="gait", charset="UTF-8"'
    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": coded})
    await send({"type": "http.response.body", "body": words.encode()})
