"""Events for other programs: posted to an address (webhook), or published at an MQTT broker.

Each receiver has a thread and a queue of its own, so that nobody waits for it. Events are delivered in order; one that
may not have come is sent again, with the same id, until it has.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from loguru import logger

from pipeline.errors import ConfigError
from pipeline.files import json_line, reason_of

MOST_WAITING = 1000  # events; of more the oldest are dropped
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0  # before an event is sent again: 1, 2, 4, … 30 s
ANSWER_S = 10.0  # by then a receiver has answered
UNREACHED = "it cannot be reached"
LONGEST_TOPIC = 65535  # bytes
FAREWELL_S = 5.0  # how long the end waits for what is still to be delivered


class UndeliveredError(Exception):
    """An event has not come, or nobody knows whether it has; why."""


class Delivery:
    """A receiver's queue and thread. A context manager; the end waits a little for what is still to be delivered."""

    def __init__(self, receiver: Webhook | Mqtt, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._receiver, self._first_wait_s = receiver, first_wait_s
        self._waiting: deque[bytes] = deque()  # the first is being delivered
        self._changed, self._over = threading.Condition(), threading.Event()
        self._dropped = 0  # since the receiver took the last one
        self._thread = threading.Thread(target=self._run, name="gait-deliver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, FAREWELL_S)
            left = len(self._waiting)
            self._over.set()
            self._changed.notify_all()
        self._receiver.close()
        if left:
            logger.warning(f"{self._receiver.shown}: {left} events were not delivered")

    def put(self, event: Mapping[str, Any]) -> None:
        """Deliver an event as soon as all before it have been; returns at once."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                del self._waiting[1]  # the first may be on its way
                if not self._dropped:
                    logger.warning(f"{self._receiver.shown}: {MOST_WAITING} events wait; the oldest are dropped")
                self._dropped += 1
            self._waiting.append(json_line(event).encode())
            self._changed.notify_all()

    def _run(self) -> None:
        wait_s = self._first_wait_s
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over.is_set())
                if self._over.is_set():
                    return
                content = self._waiting[0]
            try:
                self._receiver.deliver(content)
            except UndeliveredError as error:
                if wait_s == self._first_wait_s:  # said once an outage
                    logger.warning(f"{self._receiver.shown}: events are not received ({error}); trying again")
                self._over.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                continue
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()
                lost, self._dropped = self._dropped, 0
            if wait_s != self._first_wait_s:
                wait_s = self._first_wait_s
                missing = f"; {lost} were dropped" if lost else ""
                logger.info(f"{self._receiver.shown}: events are received again{missing}")


class Webhook:
    """Posts events as JSON to an http or https address; any 2xx means that it has come. Redirects are not followed.

    shown: where that is, without what may be secret.
    Raises ConfigError for another address.
    """

    def __init__(self, address: str) -> None:
        self._address, self._port = _parsed("--webhook", address, {"http": 80, "https": 443})
        self.shown = f"{self._address.scheme}://{self._address.hostname}:{self._port}"  # paths are secrets, too

    def deliver(self, content: bytes) -> None:
        """Returns once the event has come. Raises UndeliveredError."""
        at = self._address
        fields = {"Content-Type": "application/json", "User-Agent": "gait"}
        if at.username is not None:
            word = f"{unquote(at.username)}:{unquote(at.password or '')}".encode()
            fields["Authorization"] = f"Basic {b64encode(word).decode()}"
        made = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        connection = made(at.hostname or "", self._port, timeout=ANSWER_S)
        try:
            connection.request("POST", f"{at.path or '/'}{'?' * bool(at.query)}{at.query}", content, fields)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise UndeliveredError(reason_of(getattr(error, "strerror", None) or error)) from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise UndeliveredError(f"it answers {status}")

    def close(self) -> None:
        """Nothing stays open between events."""


class Mqtt:
    """Publishes events at an MQTT broker, at least once each (QoS 1); mqtts encrypts.

    shown: where that is, without what may be secret.
    Raises ConfigError for another address, a topic that is none, or where paho-mqtt is not installed.
    """

    def __init__(self, address: str) -> None:
        at, port = _parsed("--mqtt", address, {"mqtt": 1883, "mqtts": 8883})
        self._topic = unquote(at.path.removeprefix("/"))
        self.shown = f"{at.scheme}://{at.hostname}:{port}"
        if not 0 < len(self._topic.encode()) <= LONGEST_TOPIC or at.query or re.search(r"[+#\0]", self._topic):
            raise ConfigError(f"--mqtt {self.shown}/TOPIC: name a topic after the host, without +, # and ?.")
        try:
            from paho.mqtt.client import Client, MQTTv311
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise ConfigError(
                "--mqtt needs paho-mqtt, which is not installed. Get it: pip install 'gaitid[mqtt]'"
            ) from None
        self._client = client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        if at.username is not None:
            client.username_pw_set(unquote(at.username), unquote(at.password or ""))
        if at.scheme == "mqtts":
            client.tls_set()
        self._problem = UNREACHED
        self._sent: bytes | None = None  # what waits to be acknowledged
        self._taken = threading.Event()
        client.on_connect = self._connected
        client.on_publish = lambda *_: self._taken.set()
        client.reconnect_delay_set(1, int(LONGEST_WAIT_S))
        client.connect_timeout = ANSWER_S
        client.connect_async(at.hostname or "", port, keepalive=30)

    def deliver(self, content: bytes) -> None:
        """Returns once the broker has acknowledged the event. Raises UndeliveredError."""
        if self._sent is not content:  # what was not acknowledged goes out again by itself
            self._taken.clear()
            self._client.loop_start()  # once; it connects, now and whenever the connection is lost
            self._client.publish(self._topic, content, qos=1)
            self._sent = content
        if not self._taken.wait(ANSWER_S):
            raise UndeliveredError("no answer" if self._client.is_connected() else self._problem)
        self._sent = None

    def close(self) -> None:
        """Say goodbye to the broker, without waiting for it."""
        self._client.disconnect()

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._problem = reason_of(reason).lower() if reason.is_failure else UNREACHED


Receiver = Webhook | Mqtt


def _parsed(option: str, address: str, ports: Mapping[str, int]) -> tuple[SplitResult, int]:
    """The parts of an address, and the port. Raises ConfigError for one of another kind, which is not shown."""
    with contextlib.suppress(ValueError):  # a port that is none
        at = urlsplit(address)
        port = at.port or ports.get(at.scheme)
        if at.scheme in ports and port and at.hostname and re.fullmatch(r"[!-~]+", address):
            return at, port
    kinds = " or ".join(f"{scheme}://HOST" for scheme in ports)
    raise ConfigError(f"{option}: events cannot go to such an address. Give {kinds}, in ASCII without blanks.")
