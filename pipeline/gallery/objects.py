"""A gallery's place on S3 and what speaks its language: objects under a prefix of a bucket, reached with boto3.

PUT is atomic; a large object that was not finished (a multipart upload) keeps its bytes out of
every listing, so whoever holds the lock abandons those.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import GalleryError
from pipeline.files import file_sha256, write_bytes
from pipeline.gallery.aws import client, lancedb_options, server_refusals
from pipeline.gallery.lease import Lease, leased
from pipeline.gallery.place import Address, Place, Where
from pipeline.weights.files import cache_folder

AT_ONCE = 1000  # objects that one request may remove


class Bucket(Place):
    """Objects under a prefix."""

    def __init__(self, address: Address) -> None:
        self.where: Address = address
        self._client = client(address)

    @property
    def uri(self) -> str:
        return str(self.where)

    def options(self) -> dict[str, str]:
        with server_refusals(self.where):
            return lancedb_options()

    def make(self) -> None:
        """A prefix is there when an object is."""

    def has(self, name: str) -> bool:
        return bool(self.stamp(name))

    def read(self, name: str) -> bytes:
        with server_refusals(self.where / name):
            return bytes(self._client.get_object(**_object(self.where / name))["Body"].read())

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> str:
        with tempfile.TemporaryFile() as stream:
            write(stream)
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            with server_refusals(self.where / name):
                self._client.upload_fileobj(stream, **_object(self.where / name))
        return sha256

    def remove(self, name: str) -> None:
        with server_refusals(self.where / name):
            self._client.delete_object(**_object(self.where / name))

    def remove_all(self, under: str) -> None:
        for name in self.files(under):
            self.remove(name)
        self.forget(under, {})

    def files(self, under: str = "") -> dict[str, int]:
        found: dict[str, int] = {}
        within = self.where / under
        with server_refusals(self.where):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=within.bucket, Prefix=_prefix(within), PaginationConfig={"PageSize": AT_ONCE}
            )
            for page in pages:
                for one in page.get("Contents", []):
                    found[one["Key"][len(_prefix(self.where)) :]] = one["Size"]
        return dict(sorted(found.items()))

    def local(self, name: str, sha256: str) -> Path | None:
        kept = self._copies(name)
        if not (kept.is_file() and file_sha256(kept) == sha256):
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                write_bytes(kept, self.read(name))
            except FileNotFoundError:
                return None
        return kept if file_sha256(kept) == sha256 else None

    def glance(self, under: str) -> None:
        return None

    def forget(self, under: str, kept: Mapping[str, str]) -> None:
        folder = self._copies(under)
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def lock(self, name: str) -> contextlib.AbstractContextManager[Lease]:
        self._uploads()  # who may not see what killed writers left cannot remove it: refused before anything is written
        return leased(self._client, self.where / f"{name}.lock")

    def stamp(self, name: str) -> str:
        try:
            with server_refusals(self.where / name):
                got = self._client.get_object(**_object(self.where / name))  # HEAD would not say why it is refused
                got["Body"].close()
                return str(got["ETag"])
        except FileNotFoundError:
            return ""

    def unfinished(self) -> list[Where]:
        try:
            return [Address(f"s3://{self.where.bucket}/{one['Key']}") for one in self._uploads()]
        except GalleryError:  # who only reads need not be let see them
            return []

    def abandon(self) -> None:
        for one in self._uploads():
            with server_refusals(self.where), contextlib.suppress(FileNotFoundError):
                self._client.abort_multipart_upload(Bucket=self.where.bucket, Key=one["Key"], UploadId=one["UploadId"])

    def remembers(self) -> str | None:
        try:
            with server_refusals(self.where):
                status = self._client.get_bucket_versioning(Bucket=self.where.bucket).get("Status")
        except GalleryError:
            return f"{self.where}: whether the bucket keeps old versions of objects cannot be asked. Ask its owner."
        if status is None:
            return None
        return (
            f"{self.where}: the bucket keeps old versions of objects (versioning is {status.lower()}): what is removed "
            "stays in them. Remove the old versions there, too."
        )

    def _uploads(self) -> list[dict[str, Any]]:
        with server_refusals(self.where):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.where.bucket, Prefix=_prefix(self.where)
            )
            return [one for page in pages for one in page.get("Uploads", [])]

    def _copies(self, name: str) -> Path:
        """Where copies of objects are kept on this machine."""
        return cache_folder() / "galleries" / hashlib.sha256(str(self.where).encode()).hexdigest()[:16] / name


@contextlib.contextmanager
def downloaded(address: Address) -> Iterator[BinaryIO]:
    """An object's bytes in a file that is nowhere else. Raises FileNotFoundError."""
    with tempfile.TemporaryFile() as stream:
        with server_refusals(address):
            client(address).download_fileobj(Fileobj=stream, **_object(address))
        stream.flush()
        yield stream


def _object(address: Address) -> dict[str, str]:
    return {"Bucket": address.bucket, "Key": address.key}


def _prefix(address: Address) -> str:
    return f"{address.key}/" if address.key else ""
