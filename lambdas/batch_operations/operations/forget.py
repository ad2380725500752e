"""Forget: deletes an object, which no operation of S3's own does over a list."""

from typing import Literal

import msgspec

from brigade.errors import NotFound
from brigade.operations import Object, Operation


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments: by default objects are only reported."""

    mode: Literal["report", "delete"] = "report"


def forget(source: Object, arguments: Arguments) -> str:
    """Report what would be deleted; with `mode=delete`, delete the object if it has not changed.

    A versioned bucket keeps the version for as long as its lifecycle rule says. A missing object is no failure.

    Raises:
        InvalidData: The manifest names a version that is not current.
        ConditionLost: The object changed.
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
    summary="Report the objects to delete; with mode=delete, delete the unchanged ones.",
    memory_mib=256,
    timeout_s=60,
    price="look",
    reads=("*",),
    content=False,
    deletes=("*",),
)
