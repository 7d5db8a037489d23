"""What stands before the app: who may ask, how much may come, and how the browser has to treat the answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.files import reason_of
from pipeline.web.visitors import MOST_AT_ONCE, Visitor, Visitors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Mapping[bytes, bytes]
Refusal = tuple[int, str]  # status, and why
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = "/assets/"  # what is nobody's
PROGRAMS = ("/api/", "/openapi.json")  # where a token leads; nobody new is admitted there
UPLOADS = "/api/uploads"  # counts its own body
LARGEST_BODY, LONGEST_BODY_S = 1 << 20, 20.0  # bytes of any other request, and how long it may take to come
MARK = b"x-gait"  # a header that a foreign page's form cannot send
WRONG_S = 1.0  # before it is said that a password or a token is wrong

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class GoneError(Exception):
    """Nobody takes the answer any more, or never could."""


@dataclass(frozen=True, slots=True)
class Door:
    """What opens it. password: None on this machine only; token: of programs, None where they may not ask."""

    hosts: frozenset[str]
    cookie: str
    password: str | None = None
    token: str | None = None


class Guard:
    """ASGI: around the whole app, which finds the visitor in the request's state.

    door.hosts: names by which the server may be asked for (another name in the request is that of a foreign page that
    has been pointed at this machine); empty: any, since a password is asked for.
    """

    def __init__(self, app: App, visitors: Visitors, door: Door) -> None:
        self._app, self._visitors, self._door = app, visitors, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            with contextlib.suppress(GoneError):
                await self._http(scope, receive, _gone(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        path, safe = scope["path"], scope["method"] in ("GET", "HEAD")
        refused = _malformed(scope["headers"]) or self._foreign(headers, safe)
        visitor, fresh = None, None
        if not refused and headers.get(b"authorization", b"")[:7].lower() == b"bearer ":
            visitor = await self._with_token(headers, path)
            refused = None if visitor else (401, "This is not the token.")
        elif not refused:
            refused = await self._without_password(headers)
            visitor = self._visitors.of(self._token(headers))
            if not refused and visitor is None and safe and not path.startswith((OPEN, *PROGRAMS)):
                fresh, visitor = self._visitors.admit() or (None, None)
                refused = None if visitor else (503, "Too many people have something here. Try later.")
            if not refused and not safe and MARK not in headers:
                refused = 403, "Only this server's own pages may ask for that."
        if not refused and visitor is None and not path.startswith(OPEN):
            refused = 403, "Open the start page first."
        if not refused and visitor and visitor.asking >= MOST_AT_ONCE:
            refused = 429, "You ask too much at once. Wait for an answer."
        if refused:
            await _answer(send, *refused)
            return
        scope.setdefault("state", {})["visitor"] = visitor
        receive = receive if safe or path == UPLOADS else _counted(receive)
        try:
            with visitor.asks() if visitor else contextlib.nullcontext():
                await self._app(scope, receive, _polished(send, self._cookie(fresh)))
        except (ClientDisconnect, GoneError):  # in the middle of what it sends, or is sent
            pass
        except Exception as error:  # the app has said so; here, too, it is one line, and the server goes on
            print(f"gait: {path!r}: {type(error).__name__}: {reason_of(error)}", file=sys.stderr, flush=True)

    def _token(self, headers: Headers) -> str | None:
        try:
            found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(self._door.cookie)
        except CookieError:
            return None
        return found.value if found else None

    def _cookie(self, fresh: str | None) -> str | None:
        return f"{self._door.cookie}={fresh}; Path=/; HttpOnly; SameSite=Lax" if fresh else None

    def _foreign(self, headers: Headers, safe: bool) -> Refusal | None:
        """Foreign pages may open this one, and nothing else."""
        host = headers[b"host"].decode("latin-1")
        if self._door.hosts and urlsplit(f"//{host}").hostname not in self._door.hosts:
            return 403, "This server is not known under that name."
        try:
            origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
        except ValueError:
            return 400, "The request's Origin cannot be read."
        if b"origin" in headers and origin.netloc != host:
            return 403, "Another page may not ask this server."
        if not safe and headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return 403, "Another page may not ask this server."
        return None

    async def _with_token(self, headers: Headers, path: str) -> Visitor | None:
        given = headers[b"authorization"][7:].strip()
        if self._door.token and path.startswith(PROGRAMS) and hmac.compare_digest(given, self._door.token.encode()):
            return self._visitors.of(self._door.token) or (self._visitors.admit(self._door.token) or (None, None))[1]
        await asyncio.sleep(WRONG_S)
        return None

    async def _without_password(self, headers: Headers) -> Refusal | None:
        if self._door.password is None:
            return None
        kind, _, coded = headers.get(b"authorization", b"").partition(b" ")
        try:
            _, _, given = base64.b64decode(coded, validate=True).partition(b":")
        except binascii.Error:
            given = b""
        if kind.lower() == b"basic" and hmac.compare_digest(given, self._door.password.encode()):
            return None
        if kind:
            await asyncio.sleep(WRONG_S)
        return 401, "A password is asked for."


def _malformed(headers: Iterable[tuple[bytes, bytes]]) -> Refusal | None:
    hosts = [value for name, value in headers if name.lower() == b"host"]
    try:
        (host,) = hosts
        parts = urlsplit(f"//{host.decode('ascii')}")
        if parts.hostname and parts.netloc == host.decode() and not parts.username and parts.port != 0:
            return None
    except ValueError:  # two, or none, or one that is no name, or no number after it
        pass
    return 400, "The request's Host cannot be read."


def _gone(send: Send) -> Send:
    async def sent(message: Message) -> None:
        try:
            await send(message)
        except Exception as error:
            raise GoneError from error

    return sent


def _counted(receive: Receive) -> Receive:
    """A body that is not too large, and comes in time."""
    come, whole, until = 0, False, time.monotonic() + LONGEST_BODY_S

    async def counted() -> Message:
        nonlocal come, whole
        try:
            message = await asyncio.wait_for(receive(), None if whole else until - time.monotonic())
        except TimeoutError:
            raise HTTPException(408, "Nothing came for too long.") from None
        come, whole = come + len(message.get("body", b"")), not message.get("more_body")
        if come > LARGEST_BODY:
            raise HTTPException(413, "Too much was sent.")
        return message

    return counted


def _polished(send: Send, cookie: str | None) -> Send:
    """Adds our headers to an answer, and the cookie of a new visitor."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            ours = HEADERS if cookie is None else {**HEADERS, "set-cookie": cookie}
            more = [(name.encode(), value.encode()) for name, value in ours.items() if name.encode() not in given]
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return sent


async def _answer(send: Send, status: int, words: str) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", **HEADERS}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="gait", charset="UTF-8"'
    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": coded})
    await send({"type": "http.response.body", "body": words.encode()})
