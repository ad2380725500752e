"""A source as the command sees it: its declaration, where it asks and writes, what it last published."""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError

from brigade.cli.session import Session
from brigade.errors import NotFound, SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brigade.ingest.declare.source import BaseSource
    from brigade.ingest.declare.target import Target
    from brigade.ingest.extract import Extract
    from brigade.ingest.read.reader import PageReader

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="A module of lambdas/ingest/sources/, by name.")]
Date = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Default: today in the source's time zone.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace the object of --date, if nobody changes it meanwhile; asks first.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_ALREADY = 3


def last(session: Session, name: str) -> str | None:
    """Give the newest date with a receipt, or None: also where nothing is deployed."""
    from brigade.ingest.declare.target import receipt_prefix
    from brigade.state import State

    try:
        bucket = session.deployment["StateBucket"]
    except (NotFound, BotoCoreError) as error:  # not deployed, or no account at hand
        session.say(f"{name}: the last date is not known: {error}")
        return None
    keys = list(State(session.client("s3"), bucket).list(receipt_prefix(name)))
    return Path(keys[-1]).stem if keys else None


def published(session: Session, name: str) -> set[str]:
    """Give the dates of a source that have a receipt."""
    from brigade.ingest.declare.target import receipt_prefix
    from brigade.state import State

    keys = State(session.client("s3"), session.deployment["StateBucket"]).list(receipt_prefix(name))
    return {Path(key).stem for key in keys}


def target(session: Session, name: str, source: "BaseSource", date: str | None) -> "Target":
    """Give where a date of the source is written; without a date, today in its time zone."""
    from brigade.ingest.declare.dates import resolve_date
    from brigade.ingest.declare.target import Target

    day = resolve_date(date=date, time_zone=source.time_zone)
    return Target.of(source, name, day, session.deployment["LakeBucket"], session.deployment["StateBucket"])


def sources() -> "tuple[Mapping[str, BaseSource], Mapping[str, SettingsError]]":
    """Return the declared sources by name, and the errors of those whose declaration is wrong."""
    from brigade.declarations import find_all
    from brigade.ingest.declare.source import BaseSource

    return find_all("lambdas.ingest.sources", "SOURCE", BaseSource)


def source(name: str) -> "BaseSource":
    """Return a source by name, whatever is wrong with the others.

    Raises:
        UsageError: There is none of this name; the line has those that there are. Its declaration is wrong.
    """
    found, broken = sources()
    if name in broken:
        raise broken[name]
    if name not in found:
        names = ", ".join(sorted({*found, *broken})) or "none"
        raise UsageError(f"no source {name!r}; there are: {names} (lambdas/ingest/sources/)")
    return found[name]


def api(
    session: Session, name: str, source: "BaseSource", date: str, *, state: str | None = None, keep_window: bool = True
) -> "PageReader":
    """Return a reader of a source for a date, with its credentials and no limit of time.

    Args:
        state: The state bucket; None: the deployed one, if the source needs it.
        keep_window: False: the window of an incremental source is not stored.
    """
    from brigade.ingest.declare.authentication import RefreshToken
    from brigade.ingest.read.reader import open_reader
    from brigade.state import State

    if state is None and isinstance(getattr(source, "authentication", None), RefreshToken):
        state = session.deployment["StateBucket"]  # where a rotated token is kept
    if state is None and source.incremental:
        state = _windows(session, name)
    kept = State(session.client("s3"), state) if state else None
    url = base_url(session, name)
    return open_reader(source, name, url=url, client=session.client, state=kept, keep_window=keep_window)(
        unlimited, date
    )


def _windows(session: Session, name: str) -> str | None:
    """Return the state bucket, where windows are kept, or None if nothing is deployed."""
    try:
        return session.deployment["StateBucket"]
    except (NotFound, BotoCoreError) as error:
        session.say(f"{name}: no published date is known ({error}), so it asks as its first run will")
        return None


def base_url(session: Session, name: str) -> str | None:
    """Return the URL that the stage's function asks in place of the declared one: of the environment or cdk.json.

    Raises:
        SettingsError: It is no base URL. The line names the variable or the setting, and does not show it.
    """
    from brigade.urls import BASE_URL, is_base_url

    url, place = os.environ.get("BRIGADE_BASE_URL"), "BRIGADE_BASE_URL"
    if url is None:
        file = Path("cdk.json")
        stages = json.loads(file.read_bytes()).get("context", {}).get("stages", {}) if file.is_file() else {}
        url = stages.get(session.stage, {}).get("source_urls", {}).get(name)
        place = f"cdk.json: context.stages.{session.stage}.source_urls.{name}"
    if url is not None and not is_base_url(url):
        raise SettingsError(f"{place} takes {BASE_URL}")
    return url


def unlimited() -> float:
    """Give the seconds that a command has."""
    return math.inf


def one_pass(session: Session, name: str, source: "BaseSource", date: str | None, limit_pages: int | None) -> "Extract":
    """Give a pass over the source that writes nothing by itself."""
    from brigade.ingest.clock import now
    from brigade.ingest.declare.dates import resolve_date
    from brigade.ingest.extract import Extract
    from brigade.jsonl import Stamp

    day = resolve_date(date=date, time_zone=source.time_zone)
    return Extract(source, api(session, name, source, day, keep_window=False), Stamp(day, now()), limit_pages)


def machine(session: Session, name: str) -> str:
    """Give the ARN of a source's state machine; NotFound, with those that there are, if it is not deployed."""
    machines = session.deployment.named("Ingest")
    if name not in machines:
        raise NotFound(
            f"source {name!r} is not deployed in stage {session.stage!r}; deployed: {', '.join(machines) or 'none'}"
        )
    return machines[name]


def sure(session: Session, name: str, date: str | None, *, yes: bool) -> None:
    """Ask before what is published is replaced; a date that nobody stated is never replaced."""
    if date is None:
        raise UsageError("--replace takes the --date that shall be replaced")
    session.confirm(f"Ingest {name} of {date} anew and replace what is published?", yes=yes)


def finish(session: Session, answer: dict[str, Any]) -> None:
    """Give what a run came to; one that found its date published exits 3."""
    session.give(answer)
    if answer["outcome"] == "already_published":
        session.say(f"{answer['object']} was published already; it is as it was")
        raise typer.Exit(_ALREADY)
