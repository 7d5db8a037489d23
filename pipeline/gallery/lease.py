"""A lock between machines: an object of a bucket that its holder renews, and that others may take over once it is not.

It rests on S3's conditional writes (PUT with If-None-Match and If-Match): of several who try to take the lock, or to
break the same dead one, one is let. How old a lock is, is told by the server's clock alone (its Date and
Last-Modified), so the machines' clocks need not agree. A lease can be lost: by a holder that stands still for longer (a
laptop that sleeps, a network that is gone). So holders make sure before and after each commit, and a lost one is told.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.errors import GalleryError
from pipeline.files import parse_json
from pipeline.gallery.aws import GONE, server_refusals
from pipeline.gallery.place import Address, Hold

SECONDS = 30.0  # a lock that was not renewed for so long may be broken
POLL = 0.5
BLUNT = timedelta(seconds=1)  # of the server's times
REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
NO_ETAG = f'"{"0" * 32}"'

_KEEP_CONDITIONS: set[tuple[str, str]] = set()  # (server, bucket) that were tried by this process


@dataclass(frozen=True, slots=True)
class _Seen:
    """A lock as it lies there. age: since it was last renewed."""

    etag: str
    token: str
    beat: int
    free: bool
    overdue: bool


class Lease(Hold):
    """The lock at an address, taken with `leased`. client: boto3's, of S3."""

    def __init__(self, client: Any, address: Address) -> None:
        self._client, self._address = client, address
        self._token, self._beat, self._etag = secrets.token_hex(8), 0, ""
        self._one_at_a_time = threading.Lock()
        self._over = threading.Event()

    def take(self) -> None:
        """Wait until the lock is ours."""
        with server_refusals(self._address.parent):
            while not self._taken(self._seen()):
                time.sleep(POLL * random.uniform(0.5, 1.5))
            self._refuse_unconditional()
        threading.Thread(target=self._renew_in_time, name="gallery lease", daemon=True).start()

    def sure(self) -> None:
        with self._one_at_a_time, server_refusals(self._address.parent):
            if not self._renewed():
                raise GalleryError(
                    f"{self._address.parent}: the lock was lost to another process (this one stood still, or its "
                    f"network did). Look before trying again: gait gallery verify --db {self._address.parent}"
                )

    def release(self) -> None:
        self._over.set()
        with self._one_at_a_time, contextlib.suppress(Exception):  # else it expires
            self._put(self._etag, free=True)

    def _taken(self, seen: _Seen | None) -> bool:
        if seen is not None and seen.token == self._token:  # an answer was lost, and the client had asked again
            self._etag = seen.etag
            return not seen.free
        return (seen is None or seen.free or seen.overdue) and self._put(seen.etag if seen else None)

    def _renewed(self) -> bool:
        if self._put(self._etag):
            return True
        seen = self._seen()
        if seen is None or seen.token != self._token or seen.free:
            self._etag = NO_ETAG
            return False
        self._etag = seen.etag  # an answer was lost
        return self._put(self._etag)

    def _renew_in_time(self) -> None:
        while not self._over.wait(SECONDS / 4):
            with self._one_at_a_time, contextlib.suppress(Exception):  # tried again; `sure` is what decides
                if not self._over.is_set() and self._etag != NO_ETAG:
                    self._renewed()

    def _put(self, etag: str | None, free: bool = False) -> bool:
        """Write the lock if it is still the one of that ETag (None: if there is none)."""
        from botocore.exceptions import ClientError

        self._beat += 1
        whose = {} if free else {"host": socket.gethostname(), "process": os.getpid()}
        tree = {"token": self._token, "beat": self._beat, "free": free, "seconds": SECONDS, **whose}
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            made = self._client.put_object(**self._object, Body=json.dumps(tree).encode(), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in (*REFUSED, *GONE):
                return False
            raise
        self._etag = str(made["ETag"])
        return True

    def _seen(self) -> _Seen | None:
        from botocore.exceptions import ClientError

        try:
            got = self._client.get_object(**self._object)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise
        try:
            tree = parse_json(got["Body"].read())
            age = _server_time(got) - got["LastModified"]
            overdue = age > timedelta(seconds=float(tree["seconds"])) + BLUNT
            return _Seen(got["ETag"], str(tree["token"]), int(tree["beat"]), tree["free"] is True, overdue)
        except (ValueError, OverflowError, KeyError, TypeError):
            raise GalleryError(f"{self._address}: no lock of a gallery. Remove it while nobody writes.") from None

    def _refuse_unconditional(self) -> None:
        """Raise GalleryError where the server writes whatever the condition is: then its locks keep nobody away."""
        etag, server = self._etag, (str(self._client.meta.endpoint_url), self._address.bucket)
        if server in _KEEP_CONDITIONS:
            return
        if self._put(None) or self._put(NO_ETAG):
            raise GalleryError(
                f"{self._address.parent}: this server does not keep conditional writes (If-None-Match, If-Match), so "
                "writers cannot be kept apart. Reading works; write on a server that does."
            )
        self._etag = etag
        _KEEP_CONDITIONS.add(server)

    @property
    def _object(self) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": self._address.key}


@contextlib.contextmanager
def leased(client: Any, address: Address) -> Iterator[Lease]:
    """Hold the lock at an address for the block."""
    lease = Lease(client, address)
    lease.take()
    try:
        yield lease
    finally:
        lease.release()


def _server_time(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
