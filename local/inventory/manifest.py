"""The files that describe a delivery: manifest.json as S3 prints it, its checksum, and symlink.txt.

S3 User Guide, "Inventory manifest" and "Locating your inventory list"; the layout of the JSON is that of real
manifests, which Jackson prints.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from local.inventory.columns import Format

VERSION = "2016-11-30"


@dataclass(frozen=True)
class Place:
    """The location of the deliveries of one configuration in the destination bucket."""

    prefix: str
    source: str
    id: str

    @property
    def base(self) -> str:
        """The folder of the configuration, without a final slash."""
        return "/".join(part for part in (self.prefix, self.source, self.id) if part)

    def folder(self, stamp: datetime) -> str:
        """The folder of manifest.json and manifest.checksum."""
        return f"{self.base}/{stamp:%Y-%m-%dT%H-%MZ}"

    def symlink(self, stamp: datetime) -> str:
        """The key of symlink.txt, in the partition folder of the same time."""
        return f"{self.hive}dt={stamp:%Y-%m-%d-%H-%M}/symlink.txt"

    @property
    def hive(self) -> str:
        """The location of an Athena table over the deliveries."""
        return f"{self.base}/hive/"

    def data(self, name: str) -> str:
        """The key of a data file; all deliveries of a configuration share the folder."""
        return f"{self.base}/data/{name}"


@dataclass(frozen=True)
class File:
    """A data file, as listed in the manifest."""

    key: str
    size: int
    md5: str


def render(
    place: Place, destination: str, stamp: datetime, file_format: Format, schema: str, files: Sequence[File]
) -> bytes:
    """Return the bytes of manifest.json: indented by two, a space before each colon, objects of a list joined.

    Args:
        place: Its source bucket is named in the manifest.
        destination: Name of the destination bucket.
        stamp: Start of the scan, printed as a string of epoch milliseconds.
        file_format: Format of the data files.
        schema: Schema of the data files, from `local.inventory.columns.schema`.
        files: The data files.
    """
    head = {
        "sourceBucket": place.source,
        "destinationBucket": f"arn:aws:s3:::{destination}",
        "version": VERSION,
        "creationTimestamp": str(round(stamp.timestamp() * 1000)),
        "fileFormat": file_format,
        "fileSchema": schema,
    }
    listed = ", ".join(
        f'{{\n    "key" : {_quoted(file.key)},\n    "size" : {file.size},\n    "MD5checksum" : "{file.md5}"\n  }}'
        for file in files
    )
    members = [f'  "{name}" : {_quoted(value)}' for name, value in head.items()]
    members.append(f'  "files" : [ {listed} ]' if files else '  "files" : [ ]')
    return ("{\n" + ",\n".join(members) + "\n}").encode()


def checksum(manifest: bytes) -> bytes:
    """Return the bytes of manifest.checksum: the MD5 of the manifest in hexadecimal, and a newline."""
    return f"{hashlib.md5(manifest).hexdigest()}\n".encode()  # noqa: S324 - the format's own


def symlink(destination: str, files: Sequence[File]) -> bytes:
    """Return the bytes of symlink.txt: the address of each data file on a line."""
    return "".join(f"s3://{destination}/{file.key}\n" for file in files).encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
