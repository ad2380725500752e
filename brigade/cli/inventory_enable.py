"""``brigade inventory enable|disable``: the inventory of a bucket that exists, by API, and away again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.inventory_delivery import place
from brigade.cli.session import Session

if TYPE_CHECKING:
    from brigade.inventory.setup import disable as disabling
    from brigade.inventory.setup import enable as enabling


@dataclass(frozen=True)
class Agreeing:
    """Whether it is done, and whether that is asked for."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it is, and do nothing.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False


def enable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(help="A bucket of this account and region.")],
    agreeing: Agreeing,
) -> None:
    """Have S3 deliver the inventory of a bucket that exists, beside the configurations that it has."""
    from brigade.inventory.setup import enable as enabling

    session: Session = context.obj
    database, account = session.deployment["Database"], session.connection.account()
    planned = enabling.plan_enable(session.client, account, database, place(session, None), bucket)
    _carry_out(
        session,
        planned,
        agreeing,
        "S3 takes $0.0025 for each million objects that it lists, and storage. Put these?",
        partial(enabling.apply_enable, session.client, database, planned),
        f"enabled; the first delivery comes within 48 hours: brigade inventory deliveries --bucket {bucket}",
    )


def disable(
    context: typer.Context,
    bucket: Annotated[str, typer.Argument(help="A bucket that `enable` was run for.")],
    agreeing: Agreeing,
) -> None:
    """Take away what `enable` put for a bucket; what was delivered stays, and what the stacks made."""
    from brigade.inventory.setup import disable as disabling

    session: Session = context.obj
    database = session.deployment["Database"]
    planned = disabling.plan_disable(session.client, database, place(session, None), bucket)
    done = f"disabled; what was delivered of {bucket} stays as long as any delivery"
    apply = partial(disabling.apply_disable, session.client, database, planned)
    _carry_out(session, planned, agreeing, "Take these away?", apply, done)


def _carry_out(
    session: Session,
    planned: "enabling.EnablePlan | disabling.DisablePlan",
    agreeing: Agreeing,
    question: str,
    apply: Callable[[], None],
    done: str,
) -> None:
    """Show what is planned, ask, and do it; with ``--dry-run`` show it alone."""
    shown = {
        "bucket": planned.bucket,
        "configuration": planned.configuration,
        **{f"statement in the policy of {consent.of}": consent.statement for consent in planned.consents},
        "tables": [f"{session.deployment['Database']}.{name}" for name in planned.names],
    }
    if agreeing.dry_run:
        session.give(shown)
        return
    if not session.json:
        session.say("\n".join(f"{name}: {value}" for name, value in shown.items()))
    session.confirm(question, yes=agreeing.yes)
    apply()
    session.give(shown, done)
