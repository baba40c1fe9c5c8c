"""`vmt`: one command for each job.

Data goes to stdout, progress to stderr; an expected error is one line and exit code 1.
"""

import io
import sys

import typer

from vmt.cli import data, generating, judging, model, serving, stack, training  # noqa: F401
from vmt.cli.shared import app, dataset_app, import_app, place, weights_app
from vmt.errors import VmtError

__all__ = ["app", "dataset_app", "import_app", "main", "place", "weights_app"]


def main() -> None:
    """The command line: an expected error is one line and exit code 1."""
    # A file's name may hold bytes that are no text; they are shown, and end no command.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except VmtError as error:
        typer.echo(f"vmt: {error}", err=True)
        raise SystemExit(1) from None
