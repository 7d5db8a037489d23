"""Programs that receive events: an HTTP server, and an MQTT broker (3.1.1, QoS 1), which fail, die and come back."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field

CONNECT, PUBLISH, PINGREQ, DISCONNECT = 1, 3, 12, 14  # kinds of packets
CONNACK, PUBACK, PINGRESP = b"\x20\x02\x00", b"\x40\x02", b"\xd0\x00"
ACCEPTED, BAD_PASSWORD = b"\x00", b"\x04"


@dataclass
class Hook:
    """Answers the first posts as told: a status, or None to hang up; all others with 200. A context manager."""

    first: list[int | None] = field(default_factory=list)
    got: list[dict] = field(default_factory=list)  # those that were answered with 200
    tried: list[dict] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Hook:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.tried.append(event)
                outer.heads.append({"path": self.path, **self.headers})
                status = outer.first.pop(0) if outer.first else 200
                if status is None:
                    return  # the connection ends without an answer
                if status == 200:
                    outer.got.append(event)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Broker:
    """Takes what is published, until it is killed; `start` again goes on at the same port. A context manager.

    password: without it nobody is let in; silent: published messages are taken, and not acknowledged.
    """

    password: str | None = None
    silent: bool = False
    port: int = 0
    got: list[tuple[str, dict]] = field(default_factory=list)  # topic, event; those that came again as well

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self._clients: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def kill(self) -> None:
        """Nothing is said to anybody."""
        for one in (self._server, *self._clients):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                self._clients.append(client)
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client, client.makefile("rb") as stream:
            while True:
                first, body = _packet(stream)
                kind = first >> 4
                if kind == CONNECT:
                    allowed = self.password is None or body.endswith(_text(self.password))
                    client.sendall(CONNACK + (ACCEPTED if allowed else BAD_PASSWORD))
                    if not allowed:
                        return
                elif kind == PUBLISH:
                    assert first >> 1 & 3 == 1, "QoS 1"
                    end = 2 + int.from_bytes(body[:2])
                    self.got.append((body[2:end].decode(), json.loads(body[end + 2 :])))
                    if not self.silent:
                        client.sendall(PUBACK + body[end : end + 2])
                elif kind == PINGREQ:
                    client.sendall(PINGRESP)
                elif kind == DISCONNECT:
                    return


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2) + text.encode()


def _packet(stream) -> tuple[int, bytes]:
    """The first byte of a packet, and what comes after its length."""
    head = stream.read(1)
    if not head:
        raise EOFError
    length, shift = 0, 0
    while True:
        byte = stream.read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head[0], stream.read(length)
