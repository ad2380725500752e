"""The declaration of an operation: what the stacks provision, what the handler runs, what the command offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # the declaration alone must stay light: a deploy reads it, the run time does not belong there
    from brigade.operations.object import Object


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of an operation that takes none: any argument given is refused."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One function over one object, and what it needs: ``OPERATION`` of a module in the operations' folder."""

    run: Callable[[Object, Any], str]
    """Does the work and gives a short text for the report. It is called again after a TemporaryFailure, and S3 may call
    it twice for one object, so doing it twice must be the same as doing it once. ``RetryLater`` means: later."""
    arguments: type[msgspec.Struct] = NoArguments
    """A frozen struct whose fields are the arguments, with their types, bounds and defaults; S3 carries at most 10."""
    summary: str
    """One sentence for the list of operations."""
    memory_mib: int = 256
    """128 to 10240."""
    timeout_s: int = 60
    """1 to 900; a task still running three seconds before it is answered with TemporaryFailure."""
    concurrency: int | None = None
    """Reserved concurrency: a cap on how many run at once. None leaves it to the account's limit."""
    reads: tuple[str, ...]
    """Patterns of the lake's keys that it may read: ``photographs/*``; ``*`` for all."""
    content: bool = True
    """Whether it reads what is in them: one that asks for heads alone has no use for the stage's key."""
    writes: tuple[str, ...] = ()
    """Patterns of the lake's keys that it may write. What it may read it may not write unless it says so here."""
    checks: tuple[str, ...] = ()
    """Patterns of the lake's keys that it may look at, to learn what it made before: ``Object.has_made``, and any write
    under a condition, must, of keys that it does not read anyway."""
    deletes: tuple[str, ...] = ()
    """Patterns of the lake's keys that it may delete: the current version, which a versioned lake keeps a while."""
    tags: bool = False
    """Whether it may read the tags of what it reads, and set those of what it writes."""
