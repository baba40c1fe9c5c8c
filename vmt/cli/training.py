"""Commands that train: train, model, runs, weights import and export."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmt.cli.evaluation import print_evaluation
from vmt.cli.groups import INSPECT, TRAIN, app, weights_app
from vmt.cli.options import PRESETS, Chords, Json, argument, option, run_epoch
from vmt.cli.output import open_configured, place, print_table, show_result
from vmt.cli.progress import progress
from vmt.errors import VmtError

if TYPE_CHECKING:
    from vmt.catalog.runs import Run
    from vmt.runtime.events import OnEvent
    from vmt.settings import Settings
    from vmt.store import ObjectStore


@app.command(rich_help_panel=TRAIN)
def train(
    dataset: Annotated[
        str | None,
        argument(
            "Dataset, such as main (newest version) or main@v0003. Default: main, or with --from "
            "that of the run."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        option(
            f"Preset of model and training: {PRESETS}, a preset of your own, or a TOML file. "
            "Default: vmt, or with --from that of the run."
        ),
    ] = None,
    run: Annotated[
        str | None,
        option("Run name. Default: derived from the dataset, preset and settings."),
    ] = None,
    source: Annotated[
        str | None,
        option(
            "Start a new run from the weights of RUN@EPOCH, or of the last epoch of RUN. "
            "Default: random weights.",
            "--from",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        option("Number of the last epoch, as --set epochs=N. Default: the preset's."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        option(
            "Setting that differs from the preset, as NAME=VALUE, such as batch_size=8; may be "
            "repeated. Default: none.",
            "--set",
        ),
    ] = None,
    seeds: Annotated[
        int,
        option(
            "Runs to train, each of a seed of its own from the preset's on; their scores are shown "
            "as one row with a mean and a deviation. Default: 1.",
            min=1,
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Train a run, or resume a run that was stopped; the weights of every epoch are stored.

    Under torchrun (torchrun --nproc-per-node 8 -m -- vmt.cli train ...) the processes share the
    songs of each batch.
    """
    overrides = dict(_assignment(text) for text in settings or [])
    if epochs is not None:
        overrides["epochs"] = epochs
    origin, epoch = run_epoch(source) if source else (None, None)

    from vmt.catalog.runs import Run
    from vmt.hardware import choose_device
    from vmt.jobs.train.presets import find_preset
    from vmt.jobs.train.train import train as job
    from vmt.training.distributed import join

    environment, store = open_configured()
    with (
        join(choose_device(environment.device)) as team,
        progress(shown=team.leads) as on_event,
    ):
        names = [
            job(
                store,
                dataset,
                preset=None if preset is None else find_preset(preset, store, environment),
                run=run if run is None or seeds == 1 else f"{run}-s{number}",
                overrides=_with_seed(overrides, number) if seeds > 1 else overrides,
                source=origin,
                source_epoch=epoch,
                device=environment.device,
                team=team,
                on_event=on_event,
            )
            for number in range(seeds)
        ]
    if not team.leads:
        return
    runs = [Run(store, name) for name in names]
    if seeds == 1:
        show_result(runs[0].summary(), as_json, lambda: print_losses(runs[0]))
    else:
        summaries = [run.summary() for run in runs]
        show_result(summaries, as_json, lambda: print_seeds(runs))


def _with_seed(overrides: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The settings with the seed of a run among several: the seed given, 0 unless, plus its
    number.
    """
    return {**overrides, "seed": int(overrides.get("seed", 0)) + number}


def print_seeds(runs: Sequence["Run"]) -> None:
    """Print the best epoch's validation losses of runs that differ in their seed, then their mean
    and standard deviation.
    """
    losses = ("total", "chord", "emotion")
    rows: list[tuple[str, ...]] = []
    scores: dict[str, list[float]] = {name: [] for name in losses}
    for run in runs:
        summary = run.summary()
        assert summary is not None, run.name
        values = [(summary.best or {}).get(name) for name in losses]
        for name, value in zip(losses, values, strict=True):
            if value is not None:
                scores[name].append(value)
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        rows.append((run.name, str(summary.best_epoch), *cells))
    for title, statistic in (("mean", mean), ("deviation", stdev)):
        cells = [
            f"{statistic(scores[name]):.4f}" if len(scores[name]) > 1 else "" for name in losses
        ]
        rows.append((title, "", *cells))
    print_table(f"{len(runs)} seeds, best epochs on validation", ("run", "epoch", *losses), rows)


def _assignment(text: str) -> tuple[str, Any]:
    """Name and value of NAME=VALUE; the value is JSON, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def print_losses(run: "Run") -> None:
    """Print the losses of a run by epoch with the best one marked, and the baselines."""
    rows, summary = run.results(), run.summary()
    assert summary is not None, run.name
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
    chord, baselines = (summary.best or {}).get("chord"), summary.baselines
    if chord is not None and baselines and baselines.unigram and baselines.bigram:
        unigram, bigram = baselines.unigram, baselines.bigram
        typer.echo(
            f"validation chord NLL: {chord:.4f}; unigram {unigram:.4f}, bigram {bigram:.4f} "
            f"({chord / unigram:.2f} and {chord / bigram:.2f} of them)"
        )


@app.command(rich_help_panel=INSPECT)
def runs(as_json: Json = False) -> None:
    """List the runs of the store."""
    from vmt.catalog.runs import runs as registered

    _, store = open_configured()
    summaries = [summary for run in registered(store) if (summary := run.summary())]
    columns = ("run", "dataset", "state", "epochs", "best epoch", "val chord", "val total")
    rows = [
        (
            summary.run,
            summary.dataset,
            summary.state,
            summary.epochs,
            summary.best_epoch,
            *((summary.best or {}).get(name) for name in ("chord", "total")),
        )
        for summary in summaries
    ]
    show_result(summaries, as_json, lambda: print_table("runs", columns, rows))


@app.command(rich_help_panel=TRAIN)
def model(
    folder: Annotated[
        Path,
        argument(
            "Folder of training data: MuVi-Sync's vevo_* folders, or videos with ID.lab and "
            "ID.mid beside them."
        ),
    ],
    chords: Chords = 157,
    epochs: Annotated[
        int | None, option("Number of the last epoch. Default: the preset's.")
    ] = None,
) -> None:
    """Make a model from a folder: import or ingest, train preset vmt, evaluate and report."""
    from vmt.catalog import datasets
    from vmt.catalog.runs import Run
    from vmt.jobs.train.evaluate import SPLITS, evaluate
    from vmt.jobs.train.report import report
    from vmt.jobs.train.train import train

    settings, store = open_configured()
    with progress() as on_event:
        if (folder / "vevo_meta").is_dir():
            dataset = _import_published(store, folder, chords)
        else:
            dataset = _ingest_folder(store, settings, folder, chords, on_event)
        typer.echo(f"dataset {dataset}")
        run = train(
            store,
            dataset,
            preset="vmt",
            overrides={} if epochs is None else {"epochs": epochs},
            device=settings.device,
            on_event=on_event,
        )
    print_losses(Run(store, run))

    sizes = datasets.read(store, datasets.resolve(store, dataset)).info.splits
    for split in (split for split in SPLITS if sizes.get(split)):
        evaluation = evaluate(store, run, dataset=dataset, split=split, device=settings.device)
        print_evaluation(store, evaluation.key, evaluation.record)
    typer.echo(f"the report: {place(store, report(store, run).html)}")


def _import_published(store: "ObjectStore", folder: Path, chords: int) -> str:
    """A dataset version of MuVi-Sync's published features; its name."""
    from vmt.jobs.dataset.freeze import import_muvi_sync

    report = import_muvi_sync(store, folder, chord_labels=chords)
    for problem in report.problems:
        typer.echo(f"left out: {problem}", err=True)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return report.dataset


def _ingest_folder(
    store: "ObjectStore",
    settings: "Settings",
    folder: Path,
    chords: int,
    on_event: "OnEvent",
) -> str:
    """A dataset version of the videos of a folder; its name."""
    from vmt.jobs.dataset.freeze import freeze
    from vmt.jobs.ingest.extractors import configured
    from vmt.jobs.ingest.ingest import ingest
    from vmt.jobs.ingest.upload import upload_folder
    from vmt.runtime.worker_pool import worker_map

    _, failures = upload_folder(store, folder)
    for failure in failures:
        typer.echo(f"left out: {failure.reason}", err=True)
    extractor = configured(settings)
    ingest(store, extractor, map=worker_map(settings.workers), on_event=on_event)
    return freeze(store, extractor.name, chord_labels=chords, on_event=on_event)


@weights_app.command("import")
def import_weights(
    file: Annotated[Path, argument("The published transformer's .pickle.")],
    regression: Annotated[
        Path | None,
        option("The published regression's .pickle. Default: none; one is trained on --dataset."),
    ] = None,
    dataset: Annotated[
        str | None,
        option("Dataset to evaluate on, such as main or main@v0003. Default: none."),
    ] = None,
    run: Annotated[
        str | None, option("Run name. Default: derived from the content of the files.")
    ] = None,
    heads: Annotated[
        int | None,
        option("Attention heads of a model without relative positions. Default: 8."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a run of published weights, with a published regression or one trained on a dataset."""
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

    def print_result() -> None:
        typer.echo(report.run)
        if report.unused:
            typer.echo(f"kept from the regression but unused: {', '.join(report.unused)}")

    show_result(report, as_json, print_result)


@weights_app.command()
def export(
    run: Annotated[str, argument("Run, as RUN@EPOCH, or RUN for its best epoch.")],
    file: Annotated[Path, argument("The .pickle to write.")],
    regression: Annotated[
        Path | None,
        option("Write the imported regression to this .pickle as well. Default: none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the weights of a run in the format of the published code."""
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
    lines = [f"{path}: {size} bytes" for path, size in sizes.items()]
    show_result(sizes, as_json, lambda: typer.echo("\n".join(lines)))
