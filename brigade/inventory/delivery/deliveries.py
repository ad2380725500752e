"""Deliveries of S3 Inventory: found by listing, opened only when S3 had finished writing them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from brigade.errors import InvalidData, NotFound, UsageError
from brigade.inventory.delivery.manifest import DataFile, Manifest, parse
from brigade.s3 import read
from brigade.s3.get import Gets
from brigade.s3.list import Lists, keys

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\dZ")
_FORM = "%Y-%m-%dT%H-%MZ"


class Store(Gets, Lists, Protocol):
    """The calls of S3 that deliveries need."""


@dataclass(frozen=True)
class Delivery:
    """One delivery, by the address of its ``manifest.json``: ``s3://bucket/…/manifest.json`` or a local path.

    Making one reads nothing. ``manifest`` reads and checks it, once.
    """

    uri: str
    s3: Store = field(repr=False, compare=False)

    @cached_property
    def manifest(self) -> Manifest:
        """What S3 says about this delivery, proved whole by ``manifest.checksum`` beside it.

        Fails with NotFound when one of the two is not there (S3 writes the checksum last: the delivery is unfinished),
        with InvalidData when the checksum is another, the manifest is not what S3 writes, or it names as its place a
        bucket that it was not found in.
        """
        body = self._read("manifest.json")
        try:
            checksum = self._read("manifest.checksum").decode("ascii", "replace").strip().lower()
        except NotFound as error:
            raise NotFound(
                f"{self.uri} has no manifest.checksum beside it: S3 has not finished the delivery; take an earlier one"
            ) from error
        found = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if checksum != found:
            raise InvalidData(f"{self.uri} has the MD5 {found}, but manifest.checksum says {checksum!r}: damaged")
        manifest = parse(body, self.uri)
        if self.bucket not in (None, manifest.destination_bucket):
            raise InvalidData(
                f"{self.uri} points outside its bucket, to {manifest.destination_bucket!r}: give the delivery there"
            )
        return manifest

    @property
    def taken(self) -> datetime:
        """When S3 began to list the bucket, to the minute, from the name of the folder, else from the manifest."""
        return stamped(self.uri) or self.manifest.created

    @property
    def partition(self) -> str:
        """The value of ``dt`` that this delivery has in the Athena table."""
        return self.taken.strftime("%Y-%m-%d-%H-%M")

    @property
    def bucket(self) -> str | None:
        """The destination bucket, or None for a copy on this machine."""
        return _split(self.uri)[0] if self.uri.startswith("s3://") else None

    def place(self, file: DataFile) -> str | Path:
        """Say where a data file is: its key in the destination bucket, or its path in a copy on this machine.

        A copy keeps S3's folders (``data`` beside the delivery's own) or has all files in one folder. Fails with
        NotFound when neither has the file.
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
            return b"".join(read.stream(self.s3, bucket, f"{key.rpartition('/')[0]}/{name}".removeprefix("/")))
        try:
            return Path(self.uri).with_name(name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"{Path(self.uri).with_name(name)} is not there") from error
        except OSError as error:
            raise NotFound(f"{Path(self.uri).with_name(name)} cannot be read: {error.strerror}") from error


def stamped(uri: str) -> datetime | None:
    """Return the time in the name of the delivery's folder, ``2026-11-22T01-00Z``; None if it is not named so.

    It is when S3 began to list the bucket. Addresses sort by it within the folder of one configuration alone.

    Args:
        uri: The address of a ``manifest.json``, or its path.
    """
    return _time(uri.rpartition("/")[0].rpartition("/")[2])


def deliveries(s3: Store, bucket: str, prefix: str, source: str, id: str) -> list[Delivery]:
    """List the finished deliveries of an inventory configuration, newest first; none is opened.

    Arguments: ``bucket`` and ``prefix``, the configuration's destination (no slash at its end, may be empty);
    ``source``, the bucket that is listed in them; ``id``, the configuration's.

    A delivery is finished when it has a ``manifest.checksum``, which S3 writes last. Fails with NotFound when there is
    no such bucket.
    """
    return list(_found(s3, bucket, prefix, source, id))


def latest(s3: Store, bucket: str, prefix: str, source: str, id: str) -> Delivery:
    """Give the newest finished delivery, opened. The arguments are those of ``deliveries``.

    Fails with NotFound when there is none yet, and as ``Delivery.manifest`` does.
    """
    for delivery in _found(s3, bucket, prefix, source, id):
        _ = delivery.manifest  # opens it, so that what is wrong with it is said here
        return delivery
    raise NotFound(
        f"there is no delivery yet in {_folder(bucket, prefix, source, id)}: S3 writes the first within 48 hours; "
        "on the local AWS run: brigade local deliver-inventory"
    )


def open_delivery(s3: Store, uri: str) -> Delivery:
    """Open the delivery whose ``manifest.json`` is at ``uri``: ``s3://bucket/…/manifest.json`` or a local path.

    A folder stands for the ``manifest.json`` in it. Fails as ``Delivery.manifest`` does.
    """
    whole = uri if uri.endswith("manifest.json") else f"{uri.rstrip('/')}/manifest.json"
    delivery = Delivery(whole, s3)
    _ = delivery.manifest  # opens it, so that what is wrong with it is said here
    return delivery


def _found(s3: Store, bucket: str, prefix: str, source: str, id: str) -> Iterator[Delivery]:
    folder = _split(_folder(bucket, prefix, source, id))[1]
    # The names of deliveries begin with the year, so this lists their two files each and none of data/ or hive/.
    written = set(keys(s3, bucket, f"{folder}2"))
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
