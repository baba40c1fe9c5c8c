"""Commands that decide which model serves: nightly, promote, rollback."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from vmt.cli.groups import OPERATE, app
from vmt.cli.options import PRESETS, Chords, Json, argument, option, run_epoch
from vmt.cli.output import open_configured, place, show_result
from vmt.errors import VmtError
from vmt.runtime.flow_process import flow_command

if TYPE_CHECKING:
    from vmt.catalog.runs import Champion


@app.command(rich_help_panel=OPERATE)
def nightly(
    dataset: Annotated[str, argument("Name of the dataset. Default: main.")] = "main",
    preset: Annotated[str, option(f"Preset to train: {PRESETS}. Default: vmt.")] = "vmt",
    chords: Chords = 157,
    force: Annotated[
        bool, option("Train even if the dataset did not grow. Default: off.", "--force")
    ] = False,
    warm_start: Annotated[
        bool,
        option(
            "Train from the champion's weights where they fit. Default: off, random weights.",
            "--warm-start",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Ingest, freeze, train if the dataset grew, evaluate, promote if better, write the report.

    Runs the flow of the same name in a child process; `vmt flow run nightly` takes all of its
    parameters.
    """
    parameters = {
        "dataset": dataset,
        "preset": preset,
        "chord_labels": chords,
        "force": force,
        "go_on": warm_start,
    }
    from vmt.catalog.records import decode
    from vmt.catalog.records.nights import NightReport

    _, store = open_configured()
    night = run_flow("nightly", parameters, {})

    def print_result() -> None:
        report = decode(NightReport, night, "the night's report")
        decision = report.decision.reason if report.decision is not None else ""
        typer.echo(report.verdict or decision)
        typer.echo(f"the report: {place(store, str(night['report']))}")

    show_result(night, as_json, print_result)


def run_flow(
    name: str, parameters: Mapping[str, object], defaults: Mapping[str, str]
) -> dict[str, object]:
    """Run a flow in a child process; its result.

    Args:
        name: of the flow.
        parameters: of the flow.
        defaults: settings for variables that the environment does not set.

    Raises:
        VmtError: if the flow failed; its log on stderr says why.
    """
    done = subprocess.run(
        flow_command("run", name, "--parameters", json.dumps(dict(parameters))),
        env={**defaults, **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise VmtError(
            f"the flow {name} failed with exit code {done.returncode}; its log above says why"
        )
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


@app.command(rich_help_panel=OPERATE)
def promote(
    run: Annotated[str, argument("Run to promote, as RUN@EPOCH, or RUN for its best epoch.")],
    as_json: Json = False,
) -> None:
    """Make an epoch of a run the champion, which writes all soundtracks by default."""
    from vmt.jobs.release.promote import promote as job

    _, store = open_configured()
    champion = job(store, *run_epoch(run))
    show_result(champion, as_json, lambda: _print_champion(champion))


@app.command(rich_help_panel=OPERATE)
def rollback(as_json: Json = False) -> None:
    """Roll back to the previous champion; a second rollback goes back one more."""
    from vmt.jobs.release.promote import rollback as job

    _, store = open_configured()
    champion = job(store)
    show_result(champion, as_json, lambda: _print_champion(champion))


def _print_champion(champion: "Champion") -> None:
    typer.echo(f"{champion.run} epoch {champion.epoch} serves since {champion.since}")
