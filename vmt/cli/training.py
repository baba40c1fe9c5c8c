"""Commands about runs: train, list, promote, weights in and out."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vmt.cli.shared import (
    Json,
    app,
    open_configured,
    print_table,
    progress,
    run_epoch,
    show_result,
    weights_app,
)
from vmt.errors import VmtError


@weights_app.command("import")
def import_weights(
    file: Annotated[Path, typer.Argument(help="the published transformer's .pickle")],
    regression: Annotated[
        Path | None, typer.Option(help="the published regression's .pickle")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="to evaluate on: main, or main@v0003")] = None,
    run: Annotated[
        str | None, typer.Option(help="its name; one that follows from the files if none")
    ] = None,
    heads: Annotated[
        int | None, typer.Option(help="of a model without relative positions; 8 if none")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a run of published weights; give a regression, or a dataset to train one on."""
    from vmt.jobs.train.published_weights import import_weights as job

    settings, store = open_configured()
    with progress() as on_event:
        report = job(
            store,
            file,
            regression=regression,
            dataset=dataset,
            run=run,
            n_heads=heads,
            device=settings.device,
            on_event=on_event,
        )

    def human() -> None:
        typer.echo(report.run)
        if report.unused:
            typer.echo(f"kept from the regression, but of no use here: {', '.join(report.unused)}")

    show_result(report, as_json, human)


@weights_app.command()
def export(
    run: Annotated[str, typer.Argument(help="RUN, or RUN@EPOCH; RUN is its best epoch")],
    file: Annotated[Path, typer.Argument(help="the .pickle to write")],
    regression: Annotated[
        Path | None, typer.Option(help="the .pickle to write an imported regression to")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run's transformer, and its regression where it was imported, as the published code
    saves them.
    """
    from vmt.jobs.train.published_weights import export_regression, export_weights

    _, store = open_configured()
    name, epoch = run_epoch(run)
    contents = {file: export_weights(store, name, epoch)}
    if regression:
        contents[regression] = export_regression(store, name)
    for path, data in contents.items():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise VmtError(f"{path}: cannot be written ({error.strerror})") from error
    sizes = {str(path): len(data) for path, data in contents.items()}
    show_result(
        sizes,
        as_json,
        lambda: typer.echo("\n".join(f"{path}: {size} bytes" for path, size in sizes.items())),
    )


@app.command()
def train(
    dataset: Annotated[
        str | None,
        typer.Argument(help="main, or main@v0003; main if none, or that of the run to go on from"),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="vmt if none, or that of the run to go on from")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="its name; one that follows from the other arguments if none")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="RUN@EPOCH to go on from, as a new run; RUN is its last epoch"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="the last epoch's number; short for --set epochs=N")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE in place of the preset's, such as epochs=10"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a run, or go on where it was stopped; every epoch's weights go to the store.

    Under torchrun (torchrun --nproc-per-node 8 -m -- vmt.cli train ...) processes share the songs
    of each batch.
    """
    from vmt.catalog.runs import Run
    from vmt.hardware import choose_device
    from vmt.jobs.train.train import train as job
    from vmt.training.distributed import join

    environment, store = open_configured()
    overrides = dict(_assignment(each) for each in settings or []) | (
        {} if epochs is None else {"epochs": epochs}
    )
    origin, epoch = run_epoch(source) if source else (None, None)
    with join(choose_device(environment.device)) as team, progress() as on_event:
        name = job(
            store,
            dataset,
            preset=preset,
            run=run,
            overrides=overrides,
            source=origin,
            source_epoch=epoch,
            device=environment.device,
            team=team,
            on_event=on_event,
        )
    if team.leads:
        summary = Run(store, name).summary()
        show_result(summary, as_json, lambda: losses_table(Run(store, name)))


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def losses_table(run: Any) -> None:
    """A run's table of losses by epoch, the best one marked, beside the baselines."""
    rows, summary = run.results(), run.summary()
    best = summary.best_epoch
    columns = (
        "epoch",
        "train total",
        "train chord",
        "train emotion",
        "val total",
        "val chord",
        "val emotion",
        "rate",
    )
    cells = [
        (
            f"{'best ' if row.epoch == best else ''}{row.epoch}",
            *row.train,
            *row.validation,
            f"{row.learn_rate:.6f}",
        )
        for row in rows
    ]
    print_table(f"{run.name}, losses by epoch", columns, cells)
    typer.echo(f"best epoch: {best}, by validation {summary.selected_by} loss")
    if summary.baselines:
        chord, known = summary.best["chord"], summary.baselines
        typer.echo(
            f"validation chord NLL: {chord:.4f}; unigram {known.unigram:.4f}, bigram "
            f"{known.bigram:.4f} "
            f"({chord / known.unigram:.2f} and {chord / known.bigram:.2f} of them)"
        )


@app.command()
def runs(as_json: Json = False) -> None:
    """List the runs in the store."""
    from vmt.catalog.runs import runs as registered

    _, store = open_configured()
    summaries = [summary for run in registered(store) if (summary := run.summary())]
    columns = ("run", "dataset", "state", "epochs", "best epoch", "val chord", "val total")
    rows = [
        (
            s.run,
            s.dataset,
            s.state,
            s.epochs,
            s.best_epoch,
            *((s.best or {}).get(k) for k in ("chord", "total")),
        )
        for s in summaries
    ]
    show_result(summaries, as_json, lambda: print_table("runs", columns, rows))


@app.command()
def promote(
    run: Annotated[str, typer.Argument(help="RUN, or RUN@EPOCH")], as_json: Json = False
) -> None:
    """Let a run's best epoch, or the one named, serve."""
    from vmt.jobs.release.promote import promote as job

    _, store = open_configured()
    champion = job(store, *run_epoch(run))
    show_result(
        champion,
        as_json,
        lambda: typer.echo(f"{champion.run} epoch {champion.epoch} serves since {champion.since}"),
    )


@app.command()
def rollback(as_json: Json = False) -> None:
    """Let the one that served before serve again; again goes back one more."""
    from vmt.jobs.release.promote import rollback as job

    _, store = open_configured()
    champion = job(store)
    show_result(
        champion,
        as_json,
        lambda: typer.echo(f"{champion.run} epoch {champion.epoch} serves since {champion.since}"),
    )
