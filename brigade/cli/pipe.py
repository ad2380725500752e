"""``brigade pipe``: streams to and from objects of S3."""

import typer

from brigade.cli.pipe_from import from_
from brigade.cli.pipe_to import to

app = typer.Typer(no_args_is_help=True, help="Streams to and from S3: parallel, verified, never cut short.")
app.command()(to)
app.command("from")(from_)
