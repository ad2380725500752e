"""Deliveries of S3 Inventory: found by listing, opened only when S3 had finished writing them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from brigade.errors import InvalidData, NotFound, UsageError
from brigade.inventory.delivery.manifest import DataFile, Manifest, parse_manifest
from brigade.s3 import read
from brigade.s3.client_type import S3Client
from brigade.s3.listing import list_keys

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ")
_FORM = "%Y-%m-%dT%H-%MZ"


@dataclass(frozen=True)
class Delivery:
    """One delivery, by the address of its ``manifest.json``: ``s3://bucket/…/manifest.json`` or a local path.

    Making one reads nothing. ``manifest`` reads and checks it, once.
    """

    uri: str
    s3: S3Client = field(repr=False, compare=False)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, verified by `manifest.checksum` beside it and read once.

        Raises:
            NotFound: One of the two files is missing. S3 writes the checksum last, so the delivery is unfinished.
            InvalidData: The checksum differs, the manifest is not one that S3 writes, or it names another destination
                bucket.
        """
        body = self._read("manifest.json")
        try:
            checksum = self._read("manifest.checksum").decode("ascii", "replace").strip().lower()
        except NotFound as error:
            raise NotFound(
                f"{self.uri} has no manifest.checksum beside it: S3 has not finished the delivery; use an earlier one"
            ) from error
        found = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if checksum != found:
            raise InvalidData(f"{self.uri} has the MD5 {found}, but manifest.checksum says {checksum!r}: damaged")
        manifest = parse_manifest(body, self.uri)
        if self.bucket not in (None, manifest.destination_bucket):
            raise InvalidData(
                f"{self.uri} points outside its bucket, to {manifest.destination_bucket!r}: pass the delivery there"
            )
        return manifest

    @property
    def taken(self) -> datetime:
        """Minute at which S3 began to list the bucket, from the name of the folder, else from the manifest."""
        return parse_delivery_time(self.uri) or self.manifest.created

    @property
    def partition(self) -> str:
        """The value of ``dt`` that this delivery has in the Athena table."""
        return self.taken.strftime("%Y-%m-%d-%H-%M")

    @property
    def bucket(self) -> str | None:
        """The destination bucket, or None for a copy on this machine."""
        return _split(self.uri)[0] if self.uri.startswith("s3://") else None

    def place(self, file: DataFile) -> str | Path:
        """Return the location of a data file: its key in the destination bucket, or its path in a local copy.

        A copy keeps S3's folders (`data` beside the delivery's folder) or has all files in one folder.

        Raises:
            NotFound: The local copy has no such file.
        """
        if self.bucket is not None:
            return file.key
        folder, name = Path(self.uri).parent, file.key.rpartition("/")[2]
        for path in (folder.parent / "data" / name, folder / "data" / name, folder / name):
            if name and path.is_file():
                return path
        raise NotFound(f"{file.key} is not beside {self.uri}: copy it to {folder.parent / 'data'}/")

    def _read(self, name: str) -> bytes:
        if self.bucket is not None:
            bucket, key = _split(self.uri)
            return b"".join(read.stream_object(self.s3, bucket, f"{key.rpartition('/')[0]}/{name}".removeprefix("/")))
        try:
            return Path(self.uri).with_name(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"{Path(self.uri).with_name(name)} is not there") from error
        except OSError as error:
            raise NotFound(f"{Path(self.uri).with_name(name)} cannot be read: {error.strerror}") from error


def parse_delivery_time(uri: str) -> datetime | None:
    """Return the time in the name of the delivery's folder, ``2026-11-22T01-00Z``; None if it is not named so.

    It is when S3 began to list the bucket. Addresses sort by it within the folder of one configuration alone.

    Args:
        uri: The address of a ``manifest.json``, or its path.
    """
    return _time(uri.rpartition("/")[0].rpartition("/")[2])


def list_deliveries(s3: S3Client, bucket: str, prefix: str, source: str, id: str) -> list[Delivery]:
    """Return the finished deliveries of an inventory configuration, newest first. Their manifests are not read.

    A delivery is finished when it has a `manifest.checksum`, which S3 writes last.

    Args:
        bucket: The destination bucket of the configuration.
        prefix: The destination prefix, without a slash at its end; may be empty.
        source: The bucket that the inventory lists.
        id: The id of the configuration.

    Raises:
        NotFound: There is no such destination bucket.
    """
    return list(_found(s3, bucket, prefix, source, id))


def open_latest_delivery(s3: S3Client, bucket: str, prefix: str, source: str, id: str) -> Delivery:
    """Return the newest finished delivery, its manifest read and verified. Arguments as `list_deliveries`.

    Raises:
        NotFound: There is no delivery yet.
        InvalidData: The manifest of the newest one is damaged.
    """
    for delivery in _found(s3, bucket, prefix, source, id):
        _ = delivery.manifest  # opens it, so that what is wrong with it is said here
        return delivery
    raise NotFound(
        f"there is no delivery yet in {_folder(bucket, prefix, source, id)}: S3 writes the first within 48 hours; "
        "on the local AWS run: brigade local deliver-inventory"
    )


def open_delivery(s3: S3Client, uri: str) -> Delivery:
    """Return the delivery at `uri`, its manifest read and verified.

    Args:
        uri: The `manifest.json` or its folder: `s3://bucket/…/manifest.json` or a local path.

    Raises:
        NotFound: The manifest or its checksum is missing.
        InvalidData: The manifest is damaged.
    """
    whole = uri if uri.endswith("manifest.json") else f"{uri.rstrip('/')}/manifest.json"
    delivery = Delivery(whole, s3)
    _ = delivery.manifest  # opens it, so that what is wrong with it is said here
    return delivery


def _found(s3: S3Client, bucket: str, prefix: str, source: str, id: str) -> Iterator[Delivery]:
    folder = _split(_folder(bucket, prefix, source, id))[1]
    # The names of deliveries begin with the year, so this lists their two files each and none of data/ or hive/.
    written = set(list_keys(s3, bucket, f"{folder}2"))
    stamps = {key[len(folder) :].partition("/")[0] for key in written}
    for stamp in sorted(filter(_time, stamps), reverse=True):
        if {f"{folder}{stamp}/manifest.json", f"{folder}{stamp}/manifest.checksum"} <= written:
            yield Delivery(f"s3://{bucket}/{folder}{stamp}/manifest.json", s3)


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, _FORM).replace(tzinfo=UTC) if _STAMP.fullmatch(stamp) else None
    except ValueError:
        return None  # no such month, day or hour


def _folder(bucket: str, prefix: str, source: str, id: str) -> str:
    return f"s3://{bucket}/" + "".join(f"{part}/" for part in (prefix.strip("/"), source, id) if part)


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise UsageError(f"{uri!r} names no object: it takes s3://bucket/key")
    return bucket, key
