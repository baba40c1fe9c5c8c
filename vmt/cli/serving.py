"""Commands about the whole: the demo, the dashboard, the doctor."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmt.cli.shared import Json, app, open_configured, place, progress, show_result
from vmt.cli.stack import DataFolder, folder_of
from vmt.cli.training import losses_table
from vmt.errors import SettingsError, VmtError
from vmt.settings import Settings, load_settings
from vmt.store import ObjectStore

if TYPE_CHECKING:
    from vmt.doctor import Finding
    from vmt.synthetic.tour import Tour


@app.command()
def demo(
    videos: Annotated[int, typer.Option(help="how many videos to make")] = 20,
    on_stack: Annotated[
        bool,
        typer.Option(
            "--on-stack", help="through the S3, the Prefect server and the deployments of `vmt up`"
        ),
    ] = False,
    data: DataFolder = None,
    as_json: Json = False,
) -> None:
    """Make videos, ingest them, train, choose the best epoch and write soundtracks, through the
    Prefect flows.
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
        typer.echo("everything is done already; this is what was made", err=True)
    elif stack is not None:
        stack.run("nightly", tour.parameters())
    else:
        _run_flow("nightly", tour.parameters(), settings, tour.ENVIRONMENT)
    result = result or tour.finished(store, ids)
    if result is None:
        raise VmtError("the demo's flow ended without soundtracks; its log above says why")
    page = stack.state.child("dashboard").url if stack is not None else None
    show_result(result, as_json, lambda: _show_demo(store, result, page))


def _show_demo(store: ObjectStore, result: "Tour", page: str | None) -> None:
    from vmt.catalog.runs import Run

    losses_table(Run(store, result.run))
    if result.summary.untrained:
        typer.echo(
            "CLIP is untrained here (its weights could not be fetched): the picture says "
            "little to this model"
        )
    typer.echo("soundtracks of the held-out videos:")
    for soundtrack in result.soundtracks:
        typer.echo(f"  {place(store, soundtrack)}")
    if page is not None:
        typer.echo(f"to see and hear them: {page}")


def _run_flow(
    name: str, parameters: Mapping[str, Any], settings: Settings, defaults: Mapping[str, str]
) -> None:
    """Run a flow in a child process: the library never imports Prefect."""
    environment = {**defaults, **os.environ, "VMT_STORE": settings.store}
    command = [
        sys.executable,
        "-m",
        "flows.commands.run",
        name,
        "--parameters",
        json.dumps(parameters),
    ]
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise VmtError(
            f"the flow {name} failed with exit code {done.returncode}; its log above says why"
        )


@app.command()
def dashboard(
    port: int = 8501,
    address: Annotated[str, typer.Option(help="loopback by default")] = "127.0.0.1",
) -> None:
    """Serve the dashboard of the store."""
    load_settings()
    command = [sys.executable, "-m", "dashboard", "--address", address, "--port", str(port)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine and its environment line by line, and say what to do where something is
    wrong.
    """
    findings = []
    for each in _findings():
        findings.append(each)
        if not as_json:  # as soon as it is known: some checks wait for an answer
            _show_finding(each)
    show_result(findings, as_json, lambda: None)
    if any(each.state == "fail" for each in findings):
        raise typer.Exit(1)


def _findings() -> Iterator["Finding"]:
    from vmt.doctor import Finding, examine

    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding(
            "environment", "fail", str(error), "correct it; nothing else can be checked before"
        )
        return
    yield Finding("environment", "ok", f"store {settings.store}, cache {settings.cache}")
    yield from examine(
        settings, os.environ.get("PREFECT_API_URL"), os.environ.get("PREFECT_API_AUTH_STRING")
    )


def _show_finding(each: "Finding") -> None:
    typer.echo(f"{each.state:4}  {each.name:12} {each.found}")
    if each.remedy and each.state != "ok":
        typer.echo(f"{'':18} -> {each.remedy}")
