"""`vmt`: one command for each job.

Data goes to stdout, progress to stderr; an expected error is one line and exit code 1 (2 for wrong
usage). `groups` has the command groups and panels, `options` the options that commands share, and
each other module the commands of one group. Modules that are slow to import (torch, Prefect,
librosa) are imported by the command that needs them.
"""

import io
import sys
from typing import Annotated

import typer

from vmt import __version__
from vmt.cli import (  # noqa: F401 # each adds its commands to the app
    datasets,
    evaluation,
    flows,
    operations,
    release,
    soundtracks,
    stack,
    training,
    videos,
)
from vmt.cli.groups import app, dataset_app, import_app, weights_app
from vmt.cli.options import option
from vmt.cli.output import place
from vmt.cli.progress import set_verbosity
from vmt.errors import VmtError

__all__ = ["app", "dataset_app", "import_app", "main", "place", "weights_app"]


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"vmt {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def root(
    version: Annotated[
        bool,
        option("Print the version and exit.", "--version", callback=_print_version, is_eager=True),
    ] = False,
    verbose: Annotated[
        int,
        option(
            "Print every event of a job as a line; -vv prints debug messages as well. "
            "Default: progress only.",
            "--verbose",
            "-v",
            count=True,
        ),
    ] = 0,
    quiet: Annotated[
        bool,
        option("Print errors and failures only, no progress. Default: off.", "--quiet", "-q"),
    ] = False,
) -> None:
    """Soundtracks for videos: learn from music videos, then write music for new ones."""
    if verbose and quiet:
        raise typer.BadParameter("--verbose and --quiet exclude each other; give one of them")
    set_verbosity(-1 if quiet else verbose)


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
