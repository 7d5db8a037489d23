"""The page of `gait live --serve`: the annotated pictures as MJPEG, and lists of who is and was there.

Only this computer can reach it. One thread talks to everybody, and one picture at most waits for a viewer: a slow one
sees fewer and holds nobody up. Pictures are compressed once, in another thread and only while somebody looks. A
connection is for one request, in limited time, and whoever comes last always gets a place.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2

from pipeline.errors import ConfigError
from pipeline.types import Image

HOST = "127.0.0.1"
BOUNDARY = "gait-frame"
MOST_VIEWERS = 16
MOST_CALLERS = 64  # connections that are no viewers (yet)
MOST_HEAD = 16384  # bytes of a request
HEAD_S = 5.0  # by then a request has come
PATIENCE_S = 10.0  # by then a viewer has taken what was sent
JPEG_QUALITY = 80
PAGE = Path(__file__).with_name("page.html")
PATHS = ("/", "/people.json", "/favicon.ico")  # beside the streams
MOST_CAMERAS = 5  # a browser keeps six connections to a page, and one of them is for the lists
HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Picture:
    """What a camera shows: the newest picture until it is compressed, and the newest that is.

    number: of pictures that were compressed; viewers: who look at this camera.
    """

    def __init__(self) -> None:
        self.image: Image | None = None
        self.number, self.content, self.viewers = 0, b"", 0
        self.wanted, self.compressed = asyncio.Event(), asyncio.Event()

    async def compress(self) -> None:
        """While somebody looks, turn the newest picture into a JPEG."""
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            if not self.viewers or self.image is None:
                continue
            image, self.image = self.image, None
            self.content = await asyncio.to_thread(_as_jpeg, image)
            self.number += 1
            self.compressed.set()
            self.compressed = asyncio.Event()  # for the next one


class Page:
    """Serves what it is shown, on loopback. A context manager. port: 0 takes any that is free.

    lists: what people.json holds, asked for in the page's thread; cameras: how many there are.
    Raises ConfigError where the port is taken, or a browser could not show so many cameras.
    """

    def __init__(self, port: int, lists: Callable[[], Mapping[str, Any]] = dict, cameras: int = 1) -> None:
        if cameras > MOST_CAMERAS:
            raise ConfigError(f"--serve: a browser shows {MOST_CAMERAS} cameras at once. Leave some out, or --serve.")
        try:
            self._socket = socket.create_server((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"--port {port}: the page cannot be served there ({reason}). Choose another.") from None
        self._port = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self._port}/"
        self._lists = lists
        self._pictures = {number: _Picture() for number in range(1, cameras + 1)}
        self._streams = {
            f"/stream-{number}.mjpg" if number > 1 else "/stream.mjpg": number for number in self._pictures
        }
        self._callers: dict[asyncio.Task[None], None] = {}  # who came first is first
        self._viewers: dict[asyncio.Task[None], float] = {}  # since when a picture waits to be taken; inf: none does
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gait-page", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def show(self, image: Image, camera: int = 1) -> None:
        """Make this the camera's newest picture; returns at once. The picture must not be changed afterwards."""
        self._loop.call_soon_threadsafe(self._take, image, camera)

    def _take(self, image: Image, camera: int) -> None:
        self._pictures[camera].image = image
        self._pictures[camera].wanted.set()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # at its end whoever is left is let go
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, sock=self._socket, limit=MOST_HEAD)
        compressing = [asyncio.create_task(picture.compress()) for picture in self._pictures.values()]
        await self._over.wait()
        for task in compressing:
            task.cancel()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request. Whatever comes after its head, a body or another request, is let lie."""
        caller = asyncio.current_task()
        assert caller is not None  # this is a coroutine
        _make_room(self._callers, MOST_CALLERS)
        self._callers[caller] = None
        writer.transport.set_write_buffer_limits(0)  # so that drain() waits until all of it is on its way
        try:
            async with asyncio.timeout(HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
            method, path, fields = _parsed(head)
            answer = self._answer_to(method, path, fields)
            if answer is None:
                await self._stream(self._pictures[self._streams[path]], caller, writer)
            else:
                await _send(writer, answer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # gone, too slow, or no request
        except asyncio.CancelledError:
            pass  # somebody else gets the place, or the page is closed
        finally:
            self._callers.pop(caller, None)
            self._viewers.pop(caller, None)
            writer.transport.abort()

    def _answer_to(self, method: str, path: str, fields: Mapping[str, str]) -> bytes | None:
        """A whole answer; None: the stream of pictures."""
        refused = self._refusal(method, path, fields)
        if refused:
            return _whole(refused[0], "text/plain", refused[1])
        if path == "/":
            return _whole(200, "text/html; charset=utf-8", PAGE.read_bytes())
        if path == "/people.json":
            return _whole(200, "application/json", json.dumps(self._lists()).encode())
        return None if path in self._streams else _whole(200, "image/x-icon", b"")  # browsers ask for one unasked

    def _refusal(self, method: str, path: str, fields: Mapping[str, str]) -> tuple[int, bytes] | None:
        if fields.get("host") not in (f"{HOST}:{self._port}", f"localhost:{self._port}"):
            # A page of the web that has its own name lead here (DNS rebinding) does not know this host.
            return 403, b"Only by the address that gait printed"
        if path != "/" and fields.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, b"Not from another page"  # which would take viewers' places
        if method != "GET":
            return 405, b"Only GET"
        return None if path in PATHS or path in self._streams else (404, b"Nothing is here")

    async def _stream(self, picture: _Picture, viewer: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        """Send the newest picture, again and again. Raises OSError when the viewer is gone, or too slow."""
        del self._callers[viewer]
        _make_room(self._viewers, MOST_VIEWERS)
        self._viewers[viewer] = math.inf
        picture.viewers += 1
        try:
            number = picture.number if picture.image is not None else 0  # what was compressed for others may be old
            picture.wanted.set()
            # A small buffer: what waits in it is what a slow viewer sees late.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
            await _send(writer, _head(200, f"multipart/x-mixed-replace; boundary={BOUNDARY}"))
            while True:
                while picture.number <= number:
                    await picture.compressed.wait()
                number, content = picture.number, picture.content
                self._viewers[viewer] = self._loop.time()
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                await _send(writer, head.encode() + content + b"\r\n")
                self._viewers[viewer] = math.inf
        finally:
            picture.viewers -= 1


def _make_room(places: Mapping[asyncio.Task[None], float | None], most: int) -> None:
    """Where all places are taken, let the one go whose picture waits longest; where none waits, who came first."""
    staying = {task: since for task, since in places.items() if not task.cancelling()}
    if len(staying) >= most:
        min(staying, key=lambda task: staying[task] or 0.0).cancel()


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Raises OSError where it is not taken in time."""
    writer.write(content)
    async with asyncio.timeout(PATIENCE_S):
        await writer.drain()


def _parsed(head: bytes) -> tuple[str, str, Mapping[str, str]]:
    """Method, path and header fields (in small letters) of a request."""
    line, *rows = head.decode("latin-1").split("\r\n")
    method, _, target = line.partition(" ")
    fields = (row.partition(":") for row in rows)
    return method, target.partition(" ")[0].partition("?")[0], {name.lower(): text.strip() for name, _, text in fields}


def _whole(status: int, kind: str, content: bytes) -> bytes:
    return _head(status, kind, {"Content-Length": str(len(content))}) + content


def _head(status: int, kind: str, more: Mapping[str, str] | None = None) -> bytes:
    fields = {"Content-Type": kind, **HEADERS, **(more or {})}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _as_jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
