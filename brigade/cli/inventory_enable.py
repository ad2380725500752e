"""``brigade inventory enable|disable``: the inventory of a bucket that exists, by API, and away again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli.inventory_delivery import place
from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory.consent import Consent

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it is, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def enable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(help="A bucket of this account and region.")],
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Have S3 deliver the inventory of a bucket that exists, beside the configurations that it has."""
    from brigade.inventory import enable as enabling

    session: Session = context.obj
    database = session.deployment["Database"]
    planned = enabling.plan(session.client, session.connection.account(), database, place(session, None), bucket)
    tables = [f"{database}.{each['Name']}" for each in planned.tables]
    shown = _shown(bucket, planned.configuration, planned.consents, tables)
    question = "S3 takes $0.0025 for each million objects that it lists, and storage. Put these?"
    if not _agreed(session, shown, question, dry_run=dry_run, yes=yes):
        return
    enabling.apply(session.client, database, planned)
    session.give(
        shown, f"enabled; the first delivery comes within 48 hours: brigade inventory deliveries --bucket {bucket}"
    )


def disable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(help="A bucket that `enable` was run for.")],
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Take away what `enable` put for a bucket; what was delivered stays, and what the stacks made."""
    from brigade.inventory import disable as disabling

    session: Session = context.obj
    database = session.deployment["Database"]
    planned = disabling.plan(session.client, database, place(session, None), bucket)
    tables = [f"{database}.{name}" for name in planned.tables]
    shown = _shown(bucket, planned.configuration, planned.consents, tables)
    if not _agreed(session, shown, "Take these away?", dry_run=dry_run, yes=yes):
        return
    disabling.apply(session.client, database, planned)
    session.give(shown, f"disabled; what was delivered of {bucket} stays as long as any delivery")


def _shown(bucket: str, configuration: object, consents: "Iterable[Consent]", tables: list[str]) -> dict[str, Any]:
    """Give what is put for the inventory of a bucket, or taken away, as it is shown."""
    statements = {f"statement in the policy of {consent.of}": consent.statement for consent in consents}
    return {"bucket": bucket, "configuration": configuration, **statements, "tables": tables}


def _agreed(session: Session, shown: dict[str, Any], question: str, *, dry_run: bool, yes: bool) -> bool:
    """Show it and ask; False where it was to be shown alone."""
    if dry_run:
        session.give(shown)
        return False
    if not session.json:
        session.say("\n".join(f"{name}: {value}" for name, value in shown.items()))
    session.confirm(question, yes=yes)
    return True
