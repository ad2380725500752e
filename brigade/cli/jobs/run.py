"""`brigade jobs run`."""

from typing import Annotated

import typer

from brigade.cli.jobs import lookup, selection
from brigade.cli.jobs.options import Arguments, Name
from brigade.cli.options import parse_arguments
from brigade.cli.session import Session
from brigade.errors import UsageError


def run(
    context: typer.Context,
    operation: Name,
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="Object to work on.")],
    argument: Arguments = None,
) -> None:
    """Run an operation on one object, in this process. It may write and delete. Exit 1 if it fails.

    Use it to develop an operation, or to repair one object. It runs with your credentials, limited to the keys that the
    operation declares to read, write and delete.

    Examples:
        brigade jobs run verify s3://lake/photographs/chelsea.jpg
        brigade jobs run thumbnail s3://lake/photographs/chelsea.jpg --argument size=64
    """
    from brigade.operations.testing import run_operation as run_here
    from brigade.s3 import Location

    session: Session = context.obj
    declared, arguments, place = (
        selection.find_operation(operation),
        parse_arguments(argument or []),
        Location.parse(uri),
    )
    lookup.check_arguments(session, declared, arguments)
    if not place.key:
        raise UsageError(f"{uri} is a bucket; name one object")
    granted = selection.granted_patterns(session, operation, place.bucket)
    result = run_here(declared, session.client("s3"), place.bucket, place.key, arguments, granted=granted)
    session.print({"result": result.code, "text": result.text}, f"{result.code}: {result.text}")
    if result.error is not None:
        raise typer.Exit(1)
