"""The declaration of an operation: what the stacks provision, what the handler runs, what the command offers."""

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
    """The arguments of an operation that takes none: any argument given is refused."""


PriceClass = Literal["look", "read", "write", "copy", "rewrite", "set", "delete", "checksum"]
"""What an operation does to S3 for one object, by which its price is estimated; see ``REQUESTS``."""


class Requests(NamedTuple):
    """What one object takes of S3: requests priced as GET and as PUT, and how often its content passes the function."""

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
something of it, as its tags; ``delete`` deletes without a look, for which S3 takes nothing;
``checksum`` has S3 compute one."""


class Operation(Declaration, frozen=True, kw_only=True):
    """One function over one object, and what it needs: ``OPERATION`` of a module in the operations' folder."""

    run: Callable[[Object, Any], str]
    """Does the work and gives a short text for the report. It is called again after a TemporaryFailure, and S3 may call
    it twice for one object, so doing it twice must be the same as doing it once. ``RetryLater`` means: later."""
    arguments: type[msgspec.Struct] = NoArguments
    """A frozen struct whose fields are the arguments, with their types, bounds and defaults; S3 carries at most 10."""
    summary: str
    """One sentence for the list of operations."""
    memory_mib: Annotated[int, Meta(ge=128, le=10240)] = 256
    """128 to 10240."""
    timeout_s: Annotated[int, Meta(ge=1, le=900)] = 60
    """1 to 900; a task still running three seconds before it is answered with TemporaryFailure."""
    concurrency: Annotated[int, Meta(ge=1)] | None = None
    """Reserved concurrency: a cap on how many run at once. None leaves it to the account's limit."""
    price: PriceClass = "read"
    """What it does to S3 for one object, for the estimate of a job's price."""
    text_bytes: Annotated[int, Meta(ge=64, le=65_536)] = 1024
    """At most so many bytes of UTF-8 of its text, or of its failure's, go into the report, 64 to 65536: S3 documents
    no maximum, and a row should stay readable."""
    reads: tuple[_Pattern, ...]
    """Patterns of the lake's keys that it may read: ``photographs/*``; ``*`` for all."""
    content: bool = True
    """Whether it reads what is in them: one that asks for heads alone has no use for the stage's key."""
    writes: tuple[_Pattern, ...] = ()
    """Patterns of the lake's keys that it may write. What it may read it may not write unless it says so here."""
    checks: tuple[_Pattern, ...] = ()
    """Patterns of the lake's keys that it may look at, to learn what it made before: ``Object.has_made``, and any write
    under a condition, must, of keys that it does not read anyway."""
    deletes: tuple[_Pattern, ...] = ()
    """Patterns of the lake's keys that it may delete: the current version, which a versioned lake keeps a while."""
    tags: bool = False
    """Whether it may read the tags of what it reads, and set those of what it writes."""
