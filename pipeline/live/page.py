"""The page of `gait live --serve`: the annotated pictures as MJPEG, and a list of who is there for those who read it.

Only this computer can reach it. Pictures are compressed once, in a thread of their own and only while somebody looks;
every viewer takes the newest when it is ready for one, so a slow viewer sees fewer and holds nobody up.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import cv2

from pipeline.errors import ConfigError
from pipeline.types import Image

HOST = "127.0.0.1"
BOUNDARY = "gait-frame"
MOST_VIEWERS = 16
PATIENCE_S = 10.0  # a viewer that takes no byte for so long is gone
JPEG_QUALITY = 80
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Page:
    """Serves what it is shown, on loopback. A context manager. port: 0 takes any that is free.

    Raises ConfigError where the port is taken.
    """

    def __init__(self, port: int) -> None:
        self._changed = threading.Condition()
        self._image: Image | None = None
        self._jpeg: tuple[int, bytes] = (0, b"")  # number, content
        self._people: Sequence[Mapping[str, Any]] = ()
        self._viewers = 0
        self._closed = False
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"--port {port}: the page cannot be served there ({reason}). Choose another.") from None
        self._server.page = self
        self.address = f"http://{HOST}:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._compress, name="gait-page", daemon=True).start()
        serve = {"poll_interval": 0.1}
        threading.Thread(target=self._server.serve_forever, kwargs=serve, name="gait-http", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, image: Image, people: Sequence[Mapping[str, Any]]) -> None:
        """Make this the newest picture; returns at once. The picture must not be changed afterwards."""
        with self._changed:
            self._image, self._people = image, people
            self._changed.notify_all()

    @property
    def people(self) -> Sequence[Mapping[str, Any]]:
        """Who is in the picture."""
        return self._people

    def enter(self) -> int | None:
        """One more viewer: the number of the last picture that is not for them; they must `leave`. None: too many."""
        with self._changed:
            if self._viewers >= MOST_VIEWERS:
                return None
            self._viewers += 1
            self._changed.notify_all()
            return self._jpeg[0] if self._image is not None else 0  # what was compressed for others may be old

    def leave(self) -> None:
        """A viewer is gone."""
        with self._changed:
            self._viewers -= 1

    def newer(self, number: int) -> tuple[int, bytes] | None:
        """The newest compressed picture, once there is one after that number; None when the page is closed."""
        with self._changed:
            while self._jpeg[0] <= number and not self._closed:
                self._changed.wait()
            return None if self._closed else self._jpeg

    def _compress(self) -> None:
        """While somebody looks, turn the newest picture into a JPEG."""
        while True:
            with self._changed:
                while (self._image is None or not self._viewers) and not self._closed:
                    self._changed.wait()
                if self._closed or self._image is None:
                    return
                image, self._image = self._image, None
            content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
            with self._changed:
                self._jpeg = self._jpeg[0] + 1, content
                self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a viewer that hangs does not keep the program from ending
    page: Page

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Viewers come and go; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S
    server: _Server

    PAGE: ClassVar[Path] = Path(__file__).with_name("page.html")

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._from_here():
            self.send_error(403, "Only by the address that gait printed")
        elif path == "/":
            self._whole("text/html; charset=utf-8", self.PAGE.read_bytes())
        elif path == "/people.json":
            self._whole("application/json", json.dumps({"people": list(self.server.page.people)}).encode())
        elif path == "/stream.mjpg":
            self._stream()
        elif path == "/favicon.ico":  # browsers ask unasked, and complain to the console
            self._whole("image/x-icon", b"", 204)
        else:
            self.send_error(404)

    def _from_here(self) -> bool:
        """A page of the web that has its name lead here (DNS rebinding) does not know this host."""
        port = self.server.server_address[1]
        return self.headers.get("Host", "") in (f"{HOST}:{port}", f"localhost:{port}")

    def _whole(self, kind: str, content: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self._finish_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        page = self.server.page
        number = page.enter()
        if number is None:
            self.send_error(503, f"{MOST_VIEWERS} viewers are looking already")
            return
        try:
            # A small buffer: what waits in it is what a slow viewer sees late.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.send_header("Connection", "close")
            self._finish_headers()
            while (newest := page.newer(number)) is not None:
                number, content = newest
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                self.wfile.write(head.encode() + content + b"\r\n")
        except OSError:  # closed, or too slow for too long
            pass
        finally:
            page.leave()

    def _finish_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Who looks is not logged."""
