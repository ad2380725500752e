"""Rekey: moves an object to another key."""

import string
from typing import Annotated

import msgspec

from brigade.errors import ConditionLost, InvalidData, NotFound
from brigade.operations import Object, Operation
from brigade.s3 import Absent

_LONGEST = 1024
_PARTS = ("key", "folder", "name", "stem", "suffix")
_LISTED = ", ".join(f"{{{name}}}" for name in _PARTS)


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments: the new key, and whether the original is deleted."""

    to: Annotated[str, msgspec.Meta(min_length=1)]
    """The new key, with ``{key}``, ``{folder}``, ``{name}``, ``{stem}`` and ``{suffix}`` for parts of the old one."""
    delete: bool = False

    def __post_init__(self) -> None:
        for _, part, form, conversion in _parsed(self.to):
            if part is not None and (part not in _PARTS or form or conversion):
                raise ValueError(f"`to` has no part {{{part}}}; a key has {_LISTED}")


def rekey(source: Object, arguments: Arguments) -> str:
    """Copy `source` inside S3 to the key that the template makes, prove the copy, then delete the original if asked.

    Nothing is overwritten. Metadata, tags, headers and storage class come along; the copy's metadata also names its
    source, so that a copy of another object is never taken for this one. The copy is proved by its ETag, or where S3
    made another ETag of the same bytes (parts, as over 5 GiB; KMS) by reading both. The original is deleted only if it
    is unchanged and the copy carries its metadata and tags. Running it twice is the same as once.

    Raises:
        InvalidData: Another version is current by now, or the copy has other bytes; the original stays.
        ConditionLost: The new key holds something else, also if its bytes are the same; the original stays.
    """
    target = source.at(_key(source.key, arguments.to))
    if target.key == source.key:
        return "it has that key already"
    try:
        size = source.head.size
    except NotFound:
        if arguments.delete and source.made_key(target.key):
            return f"moved already: {target.key}"
        raise
    source.must_be_current()
    try:
        source.copy(target.key, Absent())
    except ConditionLost:
        if not source.has_made(target.key):
            raise
    if not _same(source, target):
        raise InvalidData(f"{target.key} is not the same bytes; the original stays")
    if arguments.delete:
        if source.labels != target.labels:
            raise ConditionLost(f"{target.key} has other metadata or tags by now; the original stays")
        source.delete()
    return f"{'moved' if arguments.delete else 'copied'} {size} bytes: {target.key}"


def _parsed(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(string.Formatter().parse(template))


def _key(key: str, template: str) -> str:
    folder, _, name = key.rpartition("/")
    stem, dot, suffix = name.partition(".")
    parts = dict(zip(_PARTS, (key, folder, name, stem, dot + suffix), strict=True))
    made = "".join(text + (parts[part] if part else "") for text, part, _, _ in _parsed(template))
    if not 1 <= len(made.encode()) <= _LONGEST:
        raise InvalidData(f"the new key would have {len(made.encode())} bytes; S3 accepts 1 to {_LONGEST}")
    return made


def _same(one: Object, other: Object) -> bool:
    if one.head.size != other.head.size:
        return False
    return one.head.etag == other.head.etag or one.sha256() == other.sha256()


OPERATION = Operation(
    run=rekey,
    arguments=Arguments,
    summary="Copy to another key, made from the old one; the original is deleted if asked, once the copy is proved.",
    memory_mib=256,
    timeout_s=900,
    price="copy",
    reads=("*",),
    writes=("*",),
    deletes=("*",),
    tags=True,
)
