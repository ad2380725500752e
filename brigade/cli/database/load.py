"""`brigade database load`."""

from typing import Annotated

import typer

from brigade.cli.session import Session


def load(
    context: typer.Context,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", help="Name or ARN of the secret.")],
    uri: Annotated[str, typer.Argument(metavar="s3://BUCKET/KEY", help="Object of JSON Lines, plain or gzip.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Existing table, as in SQL: sales.orders.")],
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            show_default="address and ETag of the object",
            help="Name of this load. The same name is loaded only once.",
        ),
    ] = None,
) -> None:
    """Load every record of an object into a table with COPY, once, and print the receipt.

    Use it to bring an ingested date into PostgreSQL. All records and the receipt are one transaction: either all are in
    the table or none. If the same load was done before, nothing changes and the exit status is 3.

    Examples:
        brigade database load prod/shop/owner s3://lake/demo/date=2026-11-22/demo.jsonl.gz sales.orders
        brigade database load prod/shop/owner s3://lake/orders.jsonl orders --run-id orders-2026-11-22
    """
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
    session.print(
        msgspec.to_builtins(done), f"{done.records} records of {done.object} into {done.target}: {done.run_id}"
    )
