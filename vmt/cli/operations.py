"""Commands about the whole: demo, dashboard, doctor, housekeep."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmt.cli.groups import INSPECT, MAKE, OPERATE, app
from vmt.cli.options import Json, option
from vmt.cli.output import open_configured, place, show_result
from vmt.cli.progress import progress
from vmt.cli.release import run_flow
from vmt.cli.stack import DataFolder, folder_of
from vmt.cli.training import print_losses
from vmt.errors import SettingsError, VmtError

if TYPE_CHECKING:
    from vmt.doctor import Finding
    from vmt.store import ObjectStore
    from vmt.synthetic.tour import Tour


@app.command(rich_help_panel=MAKE)
def demo(
    videos: Annotated[int, option("Number of videos to make. Default: 20.")] = 20,
    on_stack: Annotated[
        bool,
        option(
            "Use the S3 server, the Prefect server and the deployments of `vmt up`. Default: off.",
            "--on-stack",
        ),
    ] = False,
    data: DataFolder = None,
    as_json: Json = False,
) -> None:
    """Show everything on made-up videos: ingest, train, write soundtracks for held-out videos.

    The work is done by the flow `nightly`.
    """
    from vmt.stack.client import Client
    from vmt.synthetic import make_corpus, tour

    settings, store = open_configured()
    stack = Client(folder_of(data), settings) if on_stack else None
    if stack is not None:
        store = stack.store
        stack.serve_with(tour.ENVIRONMENT)
    with progress() as on_event:
        ids = make_corpus(store, Path("vmt-demo-truth"), videos=videos, on_event=on_event)

    result = tour.finished(store, ids)
    if result is not None:
        typer.echo("the demo is already complete; these are its results", err=True)
    elif stack is not None:
        stack.run("nightly", tour.parameters())
    else:
        run_flow("nightly", tour.parameters(), tour.ENVIRONMENT)

    result = result or tour.finished(store, ids)
    if result is None:
        raise VmtError("the demo's flow ended without soundtracks; its log above says why")
    page = stack.state.child("dashboard").url if stack is not None else None
    show_result(result, as_json, lambda: _print_demo(store, result, page))


def _print_demo(store: "ObjectStore", result: "Tour", page: str | None) -> None:
    """Print losses and soundtracks.

    Args:
        store: of the demo.
        result: of the demo.
        page: address of the dashboard, where one runs.
    """
    from vmt.catalog.runs import Run

    print_losses(Run(store, result.run))
    if result.summary.untrained:
        typer.echo(
            "CLIP is untrained here because its weights could not be downloaded: the model learns "
            "little from the picture"
        )
    typer.echo("soundtracks of the held-out videos:")
    for soundtrack in result.soundtracks:
        typer.echo(f"  {place(store, soundtrack)}")
    if page is not None:
        typer.echo(f"to see and hear them: {page}")


@app.command(rich_help_panel=INSPECT)
def dashboard(
    port: Annotated[int, option("Port of the page. Default: 8501.")] = 8501,
    address: Annotated[
        str, option("Address to listen on. Default: 127.0.0.1, this machine alone.")
    ] = "127.0.0.1",
) -> None:
    """Serve the dashboard: losses, soundtracks, datasets and jobs in a web page."""
    from vmt.settings import load_settings

    load_settings()
    command = [sys.executable, "-m", "dashboard", "--address", address, "--port", str(port)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command(rich_help_panel=OPERATE)
def housekeep(
    keep_every: Annotated[
        int,
        option(
            "Keep the weights of every epoch whose number this divides, besides the best, the last "
            "and the champion's; 0 keeps none by number. Default: 5."
        ),
    ] = 5,
    keep_days: Annotated[
        int, option("Keep weights younger than this many days: 0 or more. Default: 14.")
    ] = 14,
    dry_run: Annotated[
        bool, option("Print what would be removed, and remove nothing. Default: off.", "--dry-run")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove old weights and the leftovers of killed jobs from the store.

    The flow of the same name deletes Prefect's old runs as well.
    """
    from vmt.jobs.upkeep.housekeep import housekeep as job

    _, store = open_configured()
    report = job(store, keep_every=keep_every, keep_days=keep_days, dry_run=dry_run)

    def print_result() -> None:
        would = "would be removed" if report.dry_run else "removed"
        for name, keys in (("weights", report.weights), ("leftovers", report.left_behind)):
            typer.echo(f"{name} {would}: {len(keys)}")
            for key in keys:
                typer.echo(f"  {key}")
        typer.echo(f"runs marked as stopped: {', '.join(report.stopped) or 'none'}")
        typer.echo(f"freed: {report.freed_bytes / 1e6:.1f} MB")

    show_result(report, as_json, print_result)


@app.command(rich_help_panel=OPERATE)
def doctor(as_json: Json = False) -> None:
    """Check this machine and its environment, line by line, with a remedy for each problem."""
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:  # at once: some checks wait for an answer
            _print_finding(finding)

    show_result(findings, as_json, lambda: None)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _findings() -> Iterator["Finding"]:
    from vmt.doctor import Finding, examine
    from vmt.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("environment", "fail", str(error), "correct it; the other checks need it")
        return
    yield Finding("environment", "ok", f"store {settings.store}, cache {settings.cache}")
    yield from examine(
        settings, os.environ.get("PREFECT_API_URL"), os.environ.get("PREFECT_API_AUTH_STRING")
    )


def _print_finding(finding: "Finding") -> None:
    typer.echo(f"{finding.state:4}  {finding.name:12} {finding.found}")
    if finding.remedy and finding.state != "ok":
        typer.echo(f"{'':18} -> {finding.remedy}")
