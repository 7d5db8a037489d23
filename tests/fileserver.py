"""A real web server on this machine that serves files well, or badly in the ways that the internet does."""

from __future__ import annotations

import base64
import http.server
import re
import ssl
import threading
from dataclasses import dataclass, field


@dataclass
class FileServer:
    """Serves `files` (path → bytes) with ranges and ETags. `breaks_after`: bytes after which a connection is cut.

    pages: paths that are answered with HTML. redirects: path → (status, Location).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, tuple[int, str]] = field(default_factory=dict)
    content_type: str = "application/octet-stream"
    breaks_after: list[int] = field(default_factory=list)  # one for each answer, then none
    with_etag: bool = True
    with_ranges: bool = True
    host: str = "127.0.0.1"
    credentials: str = ""  # user:password that is asked for
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    url: str = ""
    tls: ssl.SSLContext | None = None  # speak https

    def __enter__(self) -> FileServer:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer((self.host, 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if self.tls else ''}://{self.host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked))
        basic = f"Basic {base64.b64encode(self.credentials.encode()).decode()}"
        if self.credentials and handler.headers.get("Authorization") != basic:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if handler.path in self.redirects:
            status, target = self.redirects[handler.path]
            handler.send_response(status)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if handler.path in self.pages:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html; charset=utf-8")
            handler.send_header("Content-Length", str(len(self.pages[handler.path])))
            handler.end_headers()
            handler.wfile.write(self.pages[handler.path])
            return
        content = self.files.get(handler.path)
        if content is None:
            handler.send_error(404)
            return
        etag = f'"{hash(content)}"'
        start = 0
        if asked and self.with_ranges and handler.headers.get("If-Range") in (None, etag):
            start = int(re.match(r"bytes=(\d+)-", asked)[1])
        if start and start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Type", self.content_type)
        handler.send_header("Content-Length", str(len(content) - start))
        if self.with_ranges:
            handler.send_header("Accept-Ranges", "bytes")
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.with_etag:
            handler.send_header("ETag", etag)
        handler.end_headers()
        end = start + self.breaks_after.pop(0) if self.breaks_after else len(content)
        handler.wfile.write(content[start:end])
        handler.wfile.flush()
        handler.close_connection = True
