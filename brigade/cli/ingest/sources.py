"""The declared sources, and what the commands need of one: its reader, its target, its published dates."""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError

from brigade.cli.session import Session
from brigade.errors import NotFound, SettingsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brigade.ingest.declare.source import BaseSource
    from brigade.ingest.declare.target import Target
    from brigade.ingest.extract import Extract
    from brigade.ingest.read.reader import PageReader

Name = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="Name of a module of lambdas/ingest/sources/: see `brigade ingest list`."),
]
Date = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", show_default="today in the time zone of the source", help="Date to ingest."),
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Replace the published object of --date, unless another writer changes it. Asks."),
]
_ALREADY_PUBLISHED = 3


def last_published_date(session: Session, name: str) -> str | None:
    """Return the newest date with a receipt; None without a receipt or without a deployed stage."""
    from brigade.ingest.declare.target import receipt_prefix
    from brigade.state import State

    try:
        bucket = session.deployment["StateBucket"]
    except (NotFound, BotoCoreError) as error:  # not deployed, or no AWS credentials
        session.note(f"{name}: the last published date is unknown: {error}")
        return None
    keys = list(State(session.client("s3"), bucket).list(receipt_prefix(name)))
    return Path(keys[-1]).stem if keys else None


def published_dates(session: Session, name: str) -> set[str]:
    """Return the dates of a source that have a receipt."""
    from brigade.ingest.declare.target import receipt_prefix
    from brigade.state import State

    keys = State(session.client("s3"), session.deployment["StateBucket"]).list(receipt_prefix(name))
    return {Path(key).stem for key in keys}


def find_target(session: Session, name: str, source: "BaseSource", date: str | None) -> "Target":
    """Return the target of a date of a source; without a date, of today in its time zone."""
    from brigade.ingest.declare.dates import resolve_date
    from brigade.ingest.declare.target import Target

    day = resolve_date(date=date, time_zone=source.time_zone)
    return Target.of(source, name, day, session.deployment["LakeBucket"], session.deployment["StateBucket"])


def find_sources() -> "tuple[Mapping[str, BaseSource], Mapping[str, SettingsError]]":
    """Return the declared sources by name, and the errors of those whose declaration is wrong."""
    from brigade.declarations import find_all
    from brigade.ingest.declare.source import BaseSource

    return find_all("lambdas.ingest.sources", "SOURCE", BaseSource)


def find_source(name: str) -> "BaseSource":
    """Return a source by name, even if the declaration of another source is wrong.

    Raises:
        UsageError: There is no source of this name, or its declaration is wrong.
    """
    found, broken = find_sources()
    if name in broken:
        raise broken[name]
    if name not in found:
        raise UsageError(
            f"no source {name!r} in lambdas/ingest/sources/; {did_you_mean(name, sorted({*found, *broken}))}"
        )
    return found[name]


def open_reader(
    session: Session, name: str, source: "BaseSource", date: str, *, state: str | None = None, keep_window: bool = True
) -> "PageReader":
    """Return a reader of a source for a date, with its credentials and without a time limit.

    Args:
        state: The state bucket. None: the deployed one, if the source needs it.
        keep_window: Whether to store the window of an incremental source.
    """
    from brigade.ingest.declare.authentication import RefreshToken
    from brigade.ingest.read import reader
    from brigade.state import State

    if state is None and isinstance(getattr(source, "authentication", None), RefreshToken):
        state = session.deployment["StateBucket"]  # stores the rotated token
    if state is None and source.incremental:
        state = _window_bucket(session, name)
    kept = State(session.client("s3"), state) if state else None
    url = base_url(session, name)
    setup = reader.ReaderSetup(name=name, url=url, client=session.client, state=kept, keep_window=keep_window)
    return reader.open_reader(source, setup)(unlimited, date)


def _window_bucket(session: Session, name: str) -> str | None:
    """Return the state bucket, which stores the windows; None if nothing is deployed."""
    try:
        return session.deployment["StateBucket"]
    except (NotFound, BotoCoreError) as error:
        session.note(f"{name}: no published date is known ({error}), so it reads as its first run does")
        return None


def base_url(session: Session, name: str) -> str | None:
    """Return the URL that replaces the declared one: from `BRIGADE_BASE_URL`, or from `source_urls` in cdk.json.

    Raises:
        SettingsError: It is not a base URL. The message names the variable or the setting, and does not show its value.
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
    """Return the seconds that a command may still run."""
    return math.inf


def open_extract(
    session: Session, name: str, source: "BaseSource", date: str | None, limit_pages: int | None
) -> "Extract":
    """Return an extract of the source. Reading it writes nothing."""
    from brigade.ingest.clock import now
    from brigade.ingest.declare.dates import resolve_date
    from brigade.ingest.extract import Extract
    from brigade.jsonl import Stamp

    day = resolve_date(date=date, time_zone=source.time_zone)
    return Extract(source, open_reader(session, name, source, day, keep_window=False), Stamp(day, now()), limit_pages)


def find_state_machine(session: Session, name: str) -> str:
    """Return the ARN of the state machine of a source.

    Raises:
        NotFound: The source is not deployed in this stage.
    """
    machines = session.deployment.named("Ingest")
    if name not in machines:
        raise NotFound(f"source {name!r} is not deployed in stage {session.stage!r}; {did_you_mean(name, machines)}")
    return machines[name]


def confirm_replacement(session: Session, name: str, date: str | None, *, yes: bool) -> None:
    """Ask before a published date is replaced.

    Raises:
        UsageError: No date is named: a default date is never replaced.
    """
    if date is None:
        raise UsageError("--replace needs --date, the date to replace")
    session.confirm(f"Ingest {name} of {date} again and replace the published object?", yes=yes)


def print_outcome(session: Session, answer: dict[str, Any]) -> None:
    """Print the result of a run. Exit 3 if the date was published before."""
    session.print(answer)
    if answer["outcome"] == "already_published":
        session.note(f"{answer['object']} was published before; it is unchanged")
        raise typer.Exit(_ALREADY_PUBLISHED)
