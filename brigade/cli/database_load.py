"""``brigade database load``: JSON Lines on S3 into a table, once."""

from typing import Annotated

import typer

from brigade.cli.session import Session


def load(
    context: typer.Context,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", help="The secret's name or ARN.")],
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="JSON Lines, gzip or plain.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table that is there, as SQL names it.")],
    run_id: Annotated[
        str | None, typer.Option(help="What is loaded once only; default: the object's address and ETag.")
    ] = None,
) -> None:
    """Put every record into the table and print the receipt: all of them once, or nothing. Loaded before: exit 3."""
    import msgspec
    import psycopg

    from brigade.database.load import load_object as into
    from brigade.database.rows import connect, translate_postgres_error
    from brigade.database.secret import DatabaseSecret
    from brigade.s3 import Location

    session: Session = context.obj
    place, secret = Location.parse(uri), DatabaseSecret(session.client("secretsmanager"), secret_id)
    try:
        connection = secret.connect(connect, psycopg.OperationalError, engine="postgresql")
    except psycopg.Error as error:
        raise translate_postgres_error(error, f"the secret {secret_id}") from error
    with connection:
        done = into(connection, session.client("s3"), place, table, run_id)
    session.give(
        msgspec.to_builtins(done), f"{done.records} records of {done.object} into {done.target}: {done.run_id}"
    )
