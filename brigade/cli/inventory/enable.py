"""`brigade inventory enable` and `disable`: the inventory of a bucket that no stack has made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.inventory.delivery import inventory_location
from brigade.cli.options import Yes
from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory.setup import disable as disabling
    from brigade.inventory.setup import enable as enabling


@dataclass(frozen=True)
class ConfirmOptions:
    """The options of a command that prints its plan and asks."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the changes and make none.")] = False
    yes: Yes = False


def enable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(metavar="BUCKET", help="Bucket of this account and region.")],
    confirm: ConfirmOptions,
) -> None:
    """Make S3 deliver the inventory of an existing bucket, and make tables over it.

    Use it for a bucket that no stack of this application has made. Other inventory configurations of the bucket stay.
    It prints the changes and asks first.

    Examples:
        brigade inventory enable photographs --dry-run
        brigade inventory enable photographs --yes
    """
    from brigade.inventory.setup import enable as enabling

    session: Session = context.obj
    database, account = session.deployment["Database"], session.connection.account()
    planned = enabling.plan_enable(session.client, account, database, inventory_location(session, None), bucket)
    _carry_out(
        session,
        planned,
        confirm,
        "S3 bills $0.0025 for each million objects of a delivery, and storage. Make these changes?",
        partial(enabling.apply_enable, session.client, database, planned),
        f"enabled; S3 writes the first delivery within 48 hours: brigade inventory deliveries --bucket {bucket}",
    )


def disable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(metavar="BUCKET", help="Bucket whose inventory `enable` has made.")],
    confirm: ConfirmOptions,
) -> None:
    """Remove the inventory configuration, tables and permissions that `enable` made for a bucket.

    Use it when the inventory of the bucket is no longer needed. Deliveries stay until they expire, and nothing that
    a stack has made is removed. It prints the changes and asks first.

    Examples:
        brigade inventory disable photographs --dry-run
        brigade inventory disable photographs --yes
    """
    from brigade.inventory.setup import disable as disabling

    session: Session = context.obj
    database = session.deployment["Database"]
    planned = disabling.plan_disable(session.client, database, inventory_location(session, None), bucket)
    done = f"disabled; the deliveries of {bucket} stay until they expire"
    apply = partial(disabling.apply_disable, session.client, database, planned)
    _carry_out(session, planned, confirm, "Remove these?", apply, done)


def _carry_out(
    session: Session,
    planned: "enabling.EnablePlan | disabling.DisablePlan",
    confirm: ConfirmOptions,
    question: str,
    apply: Callable[[], None],
    done: str,
) -> None:
    """Print the plan, ask, and apply it; with `--dry-run` only print it."""
    shown = {
        "bucket": planned.bucket,
        "configuration": planned.configuration,
        **{f"statement in the policy of {consent.of}": consent.statement for consent in planned.consents},
        "tables": [f"{session.deployment['Database']}.{name}" for name in planned.names],
    }
    if confirm.dry_run:
        session.print(shown)
        return
    if not session.json:
        session.note("\n".join(f"{name}: {value}" for name, value in shown.items()))
    session.confirm(question, yes=confirm.yes)
    apply()
    session.print(shown, done)
