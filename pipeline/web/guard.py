"""What stands before the app: who may ask, how much may come, and how the browser has to treat the answers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.files import reason_of
from pipeline.web.visitors import MOST_AT_ONCE, Visitor, Visitors

OPEN = "/assets/"  # what is nobody's
PROGRAMS = ("/api/", "/openapi.json")  # where a token leads; nobody new is admitted there
UPLOADS = "/api/uploads"  # counts its own body
LARGEST_BODY, LONGEST_BODY_S = 1 << 20, 20.0  # bytes of any other request, and how long it may take to come
SAFE = ("GET", "HEAD")  # methods that change nothing
MARK = "x-gait"  # a header that a foreign page's form cannot send
WRONG_S = 1.0  # before it is said that a password or a token is wrong

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class GoneError(Exception):
    """Nobody takes the answer any more, or never could."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the app is served, and what opens it.

    port: 0 takes a free one; password: None on this machine only; token: of programs, None where they may not ask.
    """

    host: str
    port: int
    password: str | None
    token: str | None = None

    @property
    def cookie(self) -> str:
        """Its name: browsers share cookies between the ports of a machine."""
        return f"gait_visitor_{self.port}"

    def knows(self, name: str | None) -> bool:
        """Whether it may be asked for by a name. Another one is that of a foreign page, pointed at this machine.

        Where a password is asked for any will do.
        """
        return bool(self.password) or name in (self.host, "localhost", "127.0.0.1", "::1")


class Guard:
    """ASGI: around the whole app, which finds the visitor in the request's state."""

    def __init__(self, app: ASGIApp, visitors: Visitors, address: Address) -> None:
        self._app, self._visitors, self._address = app, visitors, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        try:
            visitor, fresh = await self._visitor(request)
        except HTTPException as refused:
            basic = {"www-authenticate": 'Basic realm="gait", charset="UTF-8"'} if refused.status_code == 401 else None
            answer = PlainTextResponse(refused.detail, refused.status_code, basic)
            with contextlib.suppress(GoneError):
                await answer(scope, receive, _polished(send))
            return
        request.state.visitor = visitor
        cookie = fresh and f"{self._address.cookie}={fresh}; Path=/; HttpOnly; SameSite=Lax"
        receive = receive if scope["method"] in SAFE or scope["path"] == UPLOADS else _counted(receive)
        try:
            with visitor.asks() if visitor else contextlib.nullcontext():
                await self._app(scope, receive, _polished(send, cookie))
        except (ClientDisconnect, GoneError):  # in the middle of what it sends, or is sent
            pass
        except Exception as error:  # the app has said so; here, too, it is one line, and the server goes on
            print(f"gait: {scope['path']!r}: {type(error).__name__}: {reason_of(error)}", file=sys.stderr, flush=True)

    async def _visitor(self, request: HTTPConnection) -> tuple[Visitor | None, str | None]:
        """Who asks, None for what is nobody's, and the cookie of somebody new. Raises HTTPException for a refusal."""
        headers, path, safe = request.headers, request.scope["path"], request.scope["method"] in SAFE
        self._refuse_foreign(headers, safe)
        fresh: str | None = None
        visitor: Visitor | None
        if headers.get("authorization", "")[:7].lower() == "bearer ":
            visitor = await self._with_token(headers, path)
        else:
            await self._refuse_without_password(headers)
            visitor = self._visitors.of(request.cookies.get(self._address.cookie))
            if visitor is None and safe and not path.startswith((OPEN, *PROGRAMS)):
                fresh, visitor = self._admit()
            if not safe and MARK not in headers:
                raise HTTPException(403, "Only this server's own pages may ask for that.")
        if visitor is None and not path.startswith(OPEN):
            raise HTTPException(403, "Open the start page first.")
        if visitor and visitor.asking >= MOST_AT_ONCE:
            raise HTTPException(429, "You ask too much at once. Wait for an answer.")
        return visitor, fresh

    def _refuse_foreign(self, headers: Headers, safe: bool) -> None:
        """Foreign pages may open this one, and nothing else."""
        host = _host(headers)
        if not self._address.knows(urlsplit(f"//{host}").hostname):
            raise HTTPException(403, "This server is not known under that name.")
        try:
            own = "origin" not in headers or urlsplit(headers["origin"]).netloc == host
        except ValueError:
            raise HTTPException(400, "The request's Origin cannot be read.") from None
        if not own or (not safe and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")):
            raise HTTPException(403, "Another page may not ask this server.")

    async def _with_token(self, headers: Headers, path: str) -> Visitor:
        given, token = headers["authorization"][7:].strip().encode("latin-1"), self._address.token
        if not token or not path.startswith(PROGRAMS) or not hmac.compare_digest(given, token.encode()):
            await asyncio.sleep(WRONG_S)
            raise HTTPException(401, "This is not the token.")
        return self._visitors.of(token) or self._admit(token)[1]

    def _admit(self, token: str | None = None) -> tuple[str, Visitor]:
        admitted = self._visitors.admit(token)
        if admitted is None:
            raise HTTPException(503, "Too many people have something here. Try later.")
        return admitted

    async def _refuse_without_password(self, headers: Headers) -> None:
        if self._address.password is None:
            return
        kind, _, coded = headers.get("authorization", "").partition(" ")
        try:
            _, _, given = base64.b64decode(coded, validate=True).partition(b":")
        except ValueError:
            given = b""
        if kind.lower() == "basic" and hmac.compare_digest(given, self._address.password.encode()):
            return
        if kind:
            await asyncio.sleep(WRONG_S)
        raise HTTPException(401, "A password is asked for.")


def _host(headers: Headers) -> str:
    """By which name, and port, the server is asked. Raises HTTPException for none, two, and what cannot be one."""
    try:
        (host,) = headers.getlist("host")
        parts = urlsplit(f"//{host}")
        if host.isascii() and parts.hostname and parts.netloc == host and not parts.username and parts.port != 0:
            return host
    except ValueError:
        pass
    raise HTTPException(400, "The request's Host cannot be read.")


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


def _polished(send: Send, cookie: str | None = None) -> Send:
    """Adds our headers to an answer, and the cookie of a new visitor. Raises GoneError where nobody takes it."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in {**HEADERS, **({"set-cookie": cookie} if cookie else {})}.items():
                headers.setdefault(name, value)
        try:
            await send(message)
        except Exception as error:
            raise GoneError from error

    return sent
