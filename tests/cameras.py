"""A camera on the network, made up: an HTTP server on loopback that streams pictures, hangs up, and comes back."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np


@dataclass
class Camera:
    """Each connection gets the next list of pictures as MJPEG; then it is cut. The last list goes on until the end.

    gone: so many connections are refused (503) after the first was cut.
    """

    connections: Sequence[Sequence[np.ndarray]]
    gone: int = 0
    served: list[str] = field(default_factory=list)

    def __enter__(self) -> Camera:
        outer = self
        self._over = threading.Event()
        self._count, self._lock = 0, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.serve(self)

            def log_message(self, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_port
        self.url = f"http://walker:s3cret@127.0.0.1:{self.port}/door?token=abc123"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        with self._lock:
            number = self._count
            refused = 0 < number <= self.gone
            self._count += 1
        self.served.append("refused" if refused else "streamed")
        if refused:
            handler.send_error(503)
            return
        which = number - self.gone if number else 0
        last = which >= len(self.connections) - 1
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cam")
        handler.end_headers()
        pictures = self.connections[min(which, len(self.connections) - 1)]
        try:
            while True:
                for picture in pictures:
                    content = cv2.imencode(".jpg", picture)[1].tobytes()
                    head = f"--cam\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                    handler.wfile.write(head.encode() + content + b"\r\n")
                    if last and self._over.wait(0.02):
                        return
                if not last:
                    return
        except OSError:
            return


def plain(brightness: int, count: int, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """So many pictures of one grey; size: width, height."""
    return [np.full((size[1], size[0], 3), brightness, np.uint8)] * count
