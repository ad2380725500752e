"""Rekey: gives an object another key."""

import string
from typing import Annotated

import msgspec

from brigade.errors import ConditionLost, InvalidData, UsageError
from brigade.operations.object import Object
from brigade.operations.operation import Operation
from brigade.s3 import Absent

_LONGEST = 1024


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to, and whether the original is deleted then."""

    to: Annotated[str, msgspec.Meta(min_length=1)]
    """The new key, with ``{key}``, ``{folder}``, ``{name}``, ``{stem}`` and ``{suffix}`` for parts of the old one."""
    delete: bool = False


def rekey(source: Object, arguments: Arguments) -> str:
    """Copy ``source`` inside of S3 to the key that the template makes, prove it, then delete the original if asked.

    Nothing is overwritten; metadata and tags come along. The copy is proved by its ETag, or where S3 made another of
    the same bytes (parts, as over 5 GiB; KMS) by reading both. The original is deleted only if it is unchanged. Twice
    is once.

    Fails with UsageError when the template names another part; with InvalidData when another version is current
    by now; with ConditionLost when the new key holds something else.
    """
    target = source.at(_key(source.key, arguments.to))
    if target.key == source.key:
        return "it has that key already"
    source.must_be_current()
    try:
        source.copy(target.key, Absent())
    except ConditionLost:
        if not _same(source, target):
            raise
    else:
        if not _same(source, target):
            raise InvalidData(f"{target.key} is not the same bytes; the original stays")
    if arguments.delete:
        source.delete()
    return f"{'moved' if arguments.delete else 'copied'} {source.head.size} bytes: {target.key}"


def _key(key: str, template: str) -> str:
    folder, _, name = key.rpartition("/")
    stem, dot, suffix = name.partition(".")
    parts = {"key": key, "folder": folder, "name": name, "stem": stem, "suffix": dot + suffix}
    made = ""
    for text, part, form, conversion in string.Formatter().parse(template):
        if part is not None and (part not in parts or form or conversion):
            raise UsageError(f"argument to: no part {{{part}}}; a key has {', '.join(f'{{{name}}}' for name in parts)}")
        made += text + (parts[part] if part else "")
    if not 1 <= len(made.encode()) <= _LONGEST:
        raise InvalidData(f"the new key would have {len(made.encode())} bytes; S3 takes 1 to {_LONGEST}")
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
