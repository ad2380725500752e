"""The declaration of an operation, which the stacks, the handler and the command read."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from brigade.declarations import Declaration

if TYPE_CHECKING:  # the declaration alone must stay light: a deploy reads it, the run time does not belong there
    from brigade.operations.object import Object
else:
    Object = Any

_Pattern = Annotated[str, Meta(min_length=1, max_length=1024)]


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of an operation that has none: any argument is rejected."""


PriceClass = Literal["look", "read", "write", "copy", "rewrite", "set", "delete", "checksum"]
"""The class of an operation's requests for one object, from which its price is estimated; see `REQUESTS`."""


class Requests(NamedTuple):
    """The requests for one object, priced as GET and as PUT, and how often the function reads the content."""

    reads: int
    writes: int
    passes: int


REQUESTS: Mapping[PriceClass, Requests] = {
    "look": Requests(reads=1, writes=0, passes=0),
    "read": Requests(reads=1, writes=0, passes=1),
    "write": Requests(reads=1, writes=1, passes=1),
    "copy": Requests(reads=2, writes=1, passes=0),
    "rewrite": Requests(reads=4, writes=1, passes=2),
    "set": Requests(reads=0, writes=1, passes=0),
    "delete": Requests(reads=0, writes=0, passes=0),
    "checksum": Requests(reads=1, writes=0, passes=0),
}
"""Of each class: ``look`` asks for the head alone; ``read`` reads it; ``write`` reads it and writes another; ``copy``
has S3 copy it; ``rewrite`` reads it, writes another, and reads that one to prove it; ``set`` sets
something of it, as its tags; ``delete`` deletes without reading, which S3 does not charge for;
``checksum`` has S3 compute one."""


class Operation(Declaration, frozen=True, kw_only=True):
    """One function over one object, and its resources and rights: `OPERATION` of a module in the operations' folder."""

    run: Callable[[Object, Any], str]
    """Does the work and returns a short text for the report. It must be idempotent: it is called again after a
    TemporaryFailure, and S3 may call it twice for one object. Raise `RetryLater` for a retry."""
    arguments: type[msgspec.Struct] = NoArguments
    """A frozen struct whose fields are the arguments, with their types, bounds and defaults; S3 carries at most 10."""
    summary: str
    """One sentence for the list of operations."""
    memory_mib: Annotated[int, Meta(ge=128, le=10240)] = 256
    """Memory of the function in MiB, 128 to 10240."""
    timeout_s: Annotated[int, Meta(ge=1, le=900)] = 60
    """Timeout in seconds, 1 to 900. A task that still runs three seconds before it gets TemporaryFailure."""
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Reserved concurrency: a cap on how many run at once. None leaves it to the account's limit."""
    price: PriceClass = "read"
    """The class of its requests to S3 for one object, for the estimate of a job's price."""
    text_bytes: Annotated[int, Meta(ge=64, le=65_536)] = 1024
    """Bytes of its text, or of its error's, in the report at most, 64 to 65536. S3 documents no maximum; a row should
    stay readable."""
    reads: tuple[_Pattern, ...]
    """Patterns of the lake's keys that it may read: ``photographs/*``; ``*`` for all."""
    content: bool = True
    """Whether it reads contents. With False it reads only heads, and its function may not use the stage's KMS key."""
    writes: tuple[_Pattern, ...] = ()
    """Patterns of keys that it may write. A readable key is not writable unless it is declared here."""
    checks: tuple[_Pattern, ...] = ()
    """Patterns of keys whose head it may read. `Object.has_made` and conditional writes need them for keys outside of
    `reads`."""
    deletes: tuple[_Pattern, ...] = ()
    """Patterns of keys whose current version it may delete. A versioned bucket keeps the version for a while."""
    tags: bool = False
    """Whether it may read the tags of objects that it reads, and set those of objects that it writes."""
