"""From a folder to a model, in one command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vmt.cli.judging import evaluation_table
from vmt.cli.shared import app, open_configured, place, progress
from vmt.cli.training import losses_table
from vmt.settings import Settings
from vmt.store import ObjectStore


@app.command()
def model(
    folder: Annotated[
        Path,
        typer.Argument(help="MuVi-Sync's vevo_* folders, or videos with ID.lab and ID.mid beside"),
    ],
    chords: Annotated[int, typer.Option(help="25 or 157 chord labels")] = 157,
    epochs: Annotated[
        int | None, typer.Option(help="the last epoch's number; the preset's if none")
    ] = None,
) -> None:
    """Train preset vmt and its biGRU on a folder, judge them beside the baselines, and write the
    report.
    """
    from vmt.catalog import datasets
    from vmt.catalog.records import encode
    from vmt.catalog.runs import Run
    from vmt.jobs.train.evaluate import SPLITS, evaluate
    from vmt.jobs.train.report import report
    from vmt.jobs.train.train import train

    settings, store = open_configured()
    overrides = {} if epochs is None else {"epochs": epochs}
    with progress() as on_event:
        published = (folder / "vevo_meta").is_dir()
        dataset = (
            _published(store, folder, chords)
            if published
            else _own(store, settings, folder, chords, on_event)
        )
        typer.echo(f"dataset {dataset}")
        run = train(
            store,
            dataset,
            preset="vmt",
            overrides=overrides,
            device=settings.device,
            on_event=on_event,
        )
    losses_table(Run(store, run))
    sides = datasets.read(store, datasets.resolve(store, dataset)).info.splits
    for split in (each for each in SPLITS if sides.get(each)):
        found = evaluate(store, run, dataset=dataset, split=split, device=settings.device)
        evaluation_table(store, found.key, encode(found.record))
    typer.echo(f"the report: {place(store, report(store, run).html)}")


def _published(store: ObjectStore, folder: Path, chords: int) -> str:
    from vmt.jobs.dataset.freeze import import_muvi_sync

    found = import_muvi_sync(store, folder, chord_labels=chords)
    for problem in found.problems:
        typer.echo(f"left out: {problem}", err=True)
    return found.dataset


def _own(store: ObjectStore, settings: Settings, folder: Path, chords: int, on_event: Any) -> str:
    from vmt.jobs.dataset.freeze import freeze
    from vmt.jobs.ingest.extractors import configured
    from vmt.jobs.ingest.ingest import ingest
    from vmt.jobs.ingest.upload import upload_folder
    from vmt.runtime.worker_pool import spread

    for failure in upload_folder(store, folder)[1]:
        typer.echo(f"left out: {failure.reason}", err=True)
    extractor = configured(settings)
    ingest(store, extractor, map=spread(settings.workers), on_event=on_event)
    return freeze(store, extractor.name, chord_labels=chords, on_event=on_event)
