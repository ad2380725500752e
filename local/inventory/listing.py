"""The rows of a report, from the objects and versions of the emulated S3.

What S3 would know and the emulator cannot (a tier moved to, an event hold, an expiration date) stays empty, as S3
leaves a field that does not apply. A delete marker has no size, ETag, storage class, encryption nor access list.
"""

import base64
import functools
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ministack.services import s3

from local.inventory.configuration import Configuration
from local.inventory.files import Row, Value

_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ENCRYPTION = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}
_CHECKSUMS = {"SHA256": "SHA-256", "SHA1": "SHA-1"}  # as the user guide's sample row spells the first


@dataclass(frozen=True)
class _Version:
    bucket: str
    key: str
    record: Mapping[str, Any]
    latest: bool

    @property
    def id(self) -> str:
        """The version id; empty for the null version."""
        name = self.record.get("version_id") or ""
        return "" if name == "null" else name

    @property
    def marker(self) -> bool:
        return bool(self.record.get("is_delete_marker"))

    def kept(self, store: Any) -> Any:
        """The entry of this version in a store of ministack."""
        return store.get((self.bucket, self.key, self.id or None))


def rows(configuration: Configuration) -> Iterator[Row]:
    """Yield a row for each object, or each version and delete marker if the configuration asks for all of them."""
    columns = configuration.columns
    for version in _versions(configuration):
        values = {column.name: _VALUES[column.name](version) for column in columns if column.name in _VALUES}
        if version.marker:
            values = {name: value for name, value in values.items() if name in _OF_MARKERS}
        yield values


def _versions(configuration: Configuration) -> Iterator[_Version]:
    name = configuration.source
    objects = s3._buckets[name]["objects"]
    keys = {key for key in objects if key.startswith(configuration.filter_prefix)}
    if configuration.all_versions:
        keys |= {
            key for bucket, key in s3._object_versions if bucket == name and key.startswith(configuration.filter_prefix)
        }
    for key in sorted(keys):
        history = s3._object_versions.get((name, key)) if configuration.all_versions else None
        if history:
            yield from (_Version(name, key, record, bool(record["is_latest"])) for record in reversed(history))
        elif key in objects:
            yield _Version(name, key, objects[key], latest=True)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _encryption(version: _Version) -> str:
    headers = version.record.get("preserved_headers") or {}
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        return "SSE-C"
    # S3 encrypts with its own keys whatever asks for nothing else.
    return _ENCRYPTION.get(headers.get("x-amz-server-side-encryption", "AES256"), "SSE-S3")


def _checksum(version: _Version) -> str:
    return ",".join(_CHECKSUMS.get(name, name) for name in sorted(version.record.get("checksums") or {}))


def _retention(version: _Version, name: str) -> str:
    return str((version.kept(s3._object_retention) or {}).get(name, ""))


def _retain_until(version: _Version) -> Value:
    until = _retention(version, "RetainUntilDate")
    return _instant(until) if until else None


def _access_list(version: _Version) -> str:
    enforced = s3._bucket_owner_enforced(s3._buckets[version.bucket])
    stored = None if enforced else version.kept(s3._object_acl)
    return _encoded_grants(stored or s3._default_object_acl_xml())


@functools.lru_cache(maxsize=256)  # most objects of a bucket have the same grants
def _encoded_grants(xml: str | bytes) -> str:
    space = "{" + s3.S3_NS + "}"
    grants = []
    for grant in ET.fromstring(xml).iter(f"{space}Grant"):  # noqa: S314 - the emulator's own document
        grantee = grant.find(f"{space}Grantee")
        permission = grant.findtext(f"{space}Permission")
        if grantee is None:
            continue
        if grantee.get(_TYPE) == "Group":
            grants.append({"uri": grantee.findtext(f"{space}URI"), "permission": permission, "type": "Group"})
        else:
            owner = grantee.findtext(f"{space}ID")
            grants.append({"permission": permission, "type": "CanonicalUser", "canonicalId": owner})
    document = {"version": "2022-11-10", "status": "AVAILABLE", "grants": grants}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()


_VALUES: Mapping[str, Callable[[_Version], Value]] = {
    "bucket": lambda version: version.bucket,
    "key": lambda version: version.key,
    "version_id": lambda version: version.id or None,
    "is_latest": lambda version: version.latest,
    "is_delete_marker": lambda version: version.marker,
    "size": lambda version: int(version.record["size"]),
    "last_modified_date": lambda version: _instant(version.record["last_modified"]),
    "e_tag": lambda version: str(version.record["etag"]).strip('"'),
    "storage_class": lambda version: version.record.get("storage_class") or "STANDARD",
    "is_multipart_uploaded": lambda version: "-" in str(version.record["etag"]),
    "replication_status": lambda version: version.record.get("replication_status") or None,
    "encryption_status": _encryption,
    "object_lock_retain_until_date": _retain_until,
    "object_lock_mode": lambda version: _retention(version, "Mode") or None,
    "object_lock_legal_hold_status": lambda version: (version.kept(s3._object_legal_hold) or "").capitalize() or None,
    # The emulated tiering moves nothing, so an object of that class is where S3 puts a new one.
    "intelligent_tiering_access_tier": lambda version: (
        "FREQUENT" if version.record.get("storage_class") == "INTELLIGENT_TIERING" else None
    ),
    "bucket_key_status": lambda version: "DISABLED",
    "checksum_algorithm": lambda version: _checksum(version) or None,
    "object_access_control_list": _access_list,
    "object_owner": lambda version: str(s3._canonical_owner_id()),
}
_OF_MARKERS = frozenset(
    {"bucket", "key", "version_id", "is_latest", "is_delete_marker", "last_modified_date", "object_owner"}
)
