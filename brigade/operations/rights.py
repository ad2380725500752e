"""The rights that an operation declares: the keys to read, write and delete, and a client that rejects other calls.

The role of its function limits a deployed operation. On this machine an operation has the caller's credentials, which
may allow much more. There this client enforces the limits.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html (wildcards)
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from brigade.errors import BrigadeError
from brigade.operations.operation import Operation

_READS = frozenset({"get_object", "head_object", "get_object_tagging"})
_WRITES = frozenset(
    {
        *("put_object", "copy_object", "create_multipart_upload", "upload_part", "upload_part_copy"),
        *("complete_multipart_upload", "abort_multipart_upload", "put_object_tagging"),
    }
)
_FREE = frozenset({"list_objects_v2"})
_NO_CALLS = frozenset({"exceptions", "meta"})


class NoRight(BrigadeError):
    """An operation made an S3 call that its declaration does not allow. The call was not sent."""


def changes_objects(operation: Operation) -> bool:
    """Return whether the operation declares that it writes or deletes objects."""
    return bool(operation.writes or operation.deletes)


@lru_cache(maxsize=64)
def pattern_regex(patterns: tuple[str, ...]) -> str:
    """Return a regular expression that matches the whole of each key that one of IAM's `patterns` matches.

    `*` matches any number of characters, `?` matches one, and every other character matches itself. The expression is
    valid for Python's `re` with `fullmatch` and for RE2.
    """
    wild = {"*": r"[\s\S]*", "?": r"[\s\S]"}
    each = ("".join(wild.get(character) or re.escape(character) for character in one) for one in patterns)
    return "|".join(f"(?:{one})" for one in each) or r"[^\s\S]"


def matches_any(patterns: Sequence[str], key: str) -> bool:
    """Return whether one of IAM's `patterns` matches all of `key`."""
    return "*" in patterns or re.fullmatch(pattern_regex(tuple(patterns)), key) is not None


def covers(patterns: Sequence[str], prefix: str, suffix: str) -> bool:
    """Return whether one pattern alone matches every key that starts with `prefix` and ends with `suffix`.

    The test key has, in its middle, a character that no pattern contains. Only a wildcard can match that character, so
    any other middle matches too. False does not prove that a key is outside: two patterns may cover it together.
    """
    for one in patterns:
        middles = ("\0" * length for length in range(one.count("?") + 2))
        if all(matches_any((one,), prefix + middle + suffix) for middle in middles):
            return True
    return False


class LimitedClient:
    """An S3 client that makes only the calls that an operation declares, on the objects of one bucket.

    Args:
        client: The S3 client that makes the calls.
        operation: The operation whose declaration is the limit.
        bucket: The only bucket that it may call.
        keys: For another bucket than the lake: the patterns of keys that the settings grant. They replace the declared
            patterns. None: the declared patterns.
    """

    def __init__(self, client: Any, operation: Operation, bucket: str, keys: Sequence[str] | None = None) -> None:
        self._client, self._operation, self._bucket, self._keys = client, operation, bucket, keys

    def __getattr__(self, name: str) -> Any:
        """Return the client's method `name`. An undeclared call raises NoRight before it is sent."""
        if name in _NO_CALLS:
            return getattr(self._client, name)

        def limited(**request: Any) -> Any:
            self._check(name, request)
            return getattr(self._client, name)(**request)

        return limited

    def _check(self, name: str, request: Mapping[str, Any]) -> None:
        declared, key = self._operation, str(request.get("Key", ""))
        if request.get("Bucket") != self._bucket:
            raise NoRight(
                f"{name} on bucket {request.get('Bucket')!r}: the operation may use only the bucket {self._bucket!r}"
            )
        if name in _FREE:
            return
        if name in _READS:
            self._check_read(name, key, pinned=request.get("VersionId") is not None)
        elif name in _WRITES:
            self._check_key(name, key, "writes", declared.writes)
        elif name == "delete_object" and "VersionId" not in request:
            self._check_key(name, key, "deletes", declared.deletes)
        else:
            raise NoRight(f"{name}: no operation may make this call")
        if "tagging" in name or request.get("Tagging"):
            self._check_tags(name, key)
        source = request.get("CopySource")
        if source is not None:
            if not isinstance(source, Mapping) or source.get("Bucket") != self._bucket:
                raise NoRight(f"{name} from {source!r}: the operation may use only the bucket {self._bucket!r}")
            self._check_key(name, str(source.get("Key", "")), "reads", declared.reads)

    def _check_read(self, name: str, key: str, *, pinned: bool) -> None:
        declared = self._operation
        if name == "get_object" and not declared.content:
            raise NoRight(f"{name} of {key!r}: the operation declares content=False, so it may read only heads")
        looks = () if pinned else declared.checks
        self._check_key(name, key, "reads", (*declared.reads, *looks))

    def _check_tags(self, name: str, key: str) -> None:
        if not self._operation.tags:
            raise NoRight(f"{name} of {key!r}: the operation does not declare tags=True")

    def _check_key(self, name: str, key: str, field: str, declared: Sequence[str]) -> None:
        allowed = self._keys if declared and self._keys is not None else declared
        if not matches_any(allowed, key):
            raise NoRight(f"{name} of {key!r}: the operation's `{field}` does not allow this key")
