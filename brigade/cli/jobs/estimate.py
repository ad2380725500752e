"""`brigade jobs estimate`."""

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli.combinations import check_combinations
from brigade.cli.jobs import lookup, selection, view
from brigade.cli.jobs.options import Arguments, Name, PriceList, Seconds, SelectionOptions
from brigade.cli.options import Yes, expand_options, parse_arguments
from brigade.cli.session import Session
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.operation import Operation


@check_combinations(
    needs={"allow_changes": "sample", "seed": "sample", "yes": "allow_changes"}, excludes={"sample": "seconds"}
)
@expand_options
def estimate(
    context: typer.Context,
    operation: Name,
    selection_options: SelectionOptions,
    argument: Arguments = None,
    sample: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            metavar="OBJECTS",
            help="Run the function on this many random objects and measure its time.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="The same seed chooses the same objects for --sample.")
    ] = 0,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let --sample run an operation that writes or deletes. Asks.")
    ] = False,
    seconds: Seconds = None,
    prices: PriceList = None,
    yes: Yes = False,
) -> None:
    """Count the objects and bytes of a selection and print the price of a job over it. Changes nothing.

    Use it before `submit`. With --sample the deployed function runs on some objects, so that its time is measured and
    not assumed. An operation that writes or deletes is refused there, unless --allow-changes is given and confirmed.

    Examples:
        brigade jobs estimate verify --inventory latest
        brigade jobs estimate thumbnail --where "key LIKE 'photographs/%'" --sample 20 --allow-changes
    """
    from brigade.jobs.price import Quote
    from brigade.jobs.price import load_prices as price_list
    from brigade.jobs.sample import measure_sample

    session: Session = context.obj
    declared, arguments, listed = (
        selection.find_job_operation(operation),
        parse_arguments(argument or []),
        price_list(prices),
    )
    lookup.check_arguments(session, declared, arguments)
    changes = _check_sample(operation, declared, sample, allow_changes=allow_changes)
    if changes:
        session.require_answer(f"Run {operation} on {sample} objects?", yes=yes)
    selection.check_bucket(session, selection_options)
    with ExitStack() as files:
        chosen = selection.read_selection(session, files, selection_options)
        reads = selection.readable_patterns(session, declared, chosen.bucket)
        summary, rows = selection.count_selection(session, chosen, reads, sample, seed)
    quote = Quote(declared, summary.objects, summary.bytes, listed, seconds)
    what = f"{operation} over {chosen.what}"
    if not sample:
        session.print(*view.describe_price(quote, what, summary))
        return
    if changes:
        session.note(view.sample_question(operation, arguments, rows))
        session.confirm(f"Run {operation} on these {len(rows)} objects?", yes=yes)
    trial = measure_sample(session.client("lambda"), lookup.find_function(session, operation), rows, arguments)
    document, text = view.describe_price(replace(quote, seconds=trial.seconds), what, summary)
    sampled, lines = view.describe_sample(operation, trial)
    session.print({**document, "sample": sampled}, f"{text}\n{lines}")
    if trial.seconds is None:
        raise BrigadeError(f"{operation} failed on every object of the sample, so its time is assumed, not measured")


def _check_sample(operation: str, declared: "Operation | NativeOperation", sample: int, *, allow_changes: bool) -> bool:
    """Return whether the sample will write or delete; raise UsageError for an operation that cannot be sampled."""
    from brigade.jobs.s3_operations import NativeOperation
    from brigade.operations.rights import changes_objects

    if not sample:
        return False
    if isinstance(declared, NativeOperation):
        raise UsageError(f"{operation} runs no function that --sample could measure; S3 does it itself")
    changes = changes_objects(declared)
    if changes and not allow_changes:
        raise UsageError(
            f"{operation} writes or deletes objects, and --sample runs it: leave --sample out, or add --allow-changes"
        )
    return changes
