"""Forget: deletes an object, which no operation of S3's own does over a list."""

from typing import Literal

import msgspec

from brigade.errors import NotFound
from brigade.operations import Object, Operation


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to do it; by default it is only said."""

    mode: Literal["report", "delete"] = "report"


def forget(source: Object, arguments: Arguments) -> str:
    """Say what would be deleted; with ``mode=delete``, delete it if it is still the object that was looked at.

    A versioned lake keeps the version as long as its rule for old ones says. An object that is gone is no failure.
    Fails with InvalidData when the manifest names a version that is not current; with ConditionLost when it changed.
    """
    try:
        size = source.head.size
    except NotFound:
        return "gone already"
    source.must_be_current()
    if arguments.mode == "report":
        return f"would delete {size} bytes, ETag {source.head.etag}"
    source.delete()
    return f"deleted {size} bytes, ETag {source.head.etag}"


OPERATION = Operation(
    run=forget,
    arguments=Arguments,
    summary="Say what would be deleted; with mode=delete, delete what is unchanged.",
    memory_mib=256,
    timeout_s=60,
    price="look",
    reads=("*",),
    content=False,
    deletes=("*",),
)
