"""Commands that run the whole: the demo, the dashboard."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vmt.cli.shared import Json, app, open_configured, place, progress, show_result
from vmt.cli.training import losses_table
from vmt.errors import VmtError
from vmt.settings import Settings, load_settings


@app.command()
def demo(videos: Annotated[int, typer.Option(help="how many videos to make")] = 20, as_json: Json = False) -> None:
    """Make videos, ingest them, train, choose the best epoch and write soundtracks, through the Prefect flows."""
    from vmt.demo import make_corpus, tour
    from vmt.training.registry import Run

    settings, store = open_configured()
    with progress() as on_event:
        ids = make_corpus(store, Path("vmt-demo-truth"), videos=videos, on_event=on_event)
    result = tour.finished(store, ids)
    if result is None:
        _run_flow("nightly", tour.parameters(), settings, tour.ENVIRONMENT)
        result = tour.finished(store, ids)
    else:
        typer.echo("everything is done already; this is what was made", err=True)
    if result is None:
        raise VmtError("the demo's flow ended without soundtracks; its log above says why")

    def human() -> None:
        losses_table(Run(store, result.run))
        if result.summary["untrained"]:
            typer.echo(
                "CLIP is untrained here (its weights could not be fetched): the picture says little to this model"
            )
        typer.echo("soundtracks of the held-out videos:")
        for soundtrack in result.soundtracks:
            typer.echo(f"  {place(store, soundtrack)}")

    show_result(result, as_json, human)


def _run_flow(name: str, parameters: Mapping[str, Any], settings: Settings, defaults: Mapping[str, str]) -> None:
    """Run a flow in a child process: the library never imports Prefect."""
    environment = {**defaults, **os.environ, "VMT_STORE": settings.store}
    command = [sys.executable, "-m", "flows.run", name, "--parameters", json.dumps(parameters)]
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise VmtError(f"the flow {name} failed with exit code {done.returncode}; its log above says why")


@app.command()
def dashboard(
    port: int = 8501, address: Annotated[str, typer.Option(help="loopback by default")] = "127.0.0.1"
) -> None:
    """Serve the dashboard of the store."""
    load_settings()
    command = [sys.executable, "-m", "dashboard", "--address", address, "--port", str(port)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)
