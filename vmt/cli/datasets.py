"""Commands about datasets: dataset freeze, show, list and diff, import muvi-sync."""

from pathlib import Path
from typing import Annotated

import typer

from vmt.cli.groups import dataset_app, import_app
from vmt.cli.options import Chords, Json, argument, option
from vmt.cli.output import open_configured, print_table, show_result
from vmt.dataset.splits import SPLIT_BY, SplitBy


@dataset_app.command()
def freeze(
    name: Annotated[str, argument("Name of the dataset. Default: main.")] = "main",
    chords: Chords = 157,
    min_validation: Annotated[
        int, option("Fewest validation videos of a first version: 0 or more. Default: 1.")
    ] = 1,
    min_test: Annotated[
        int, option("Fewest test videos of a first version: 0 or more. Default: 1.")
    ] = 1,
    split_by: Annotated[
        SplitBy,
        option("What decides the split of a new video: bytes, id. Default: bytes."),
    ] = SPLIT_BY,
    require_rights: Annotated[
        bool,
        option(
            "Refuse videos whose ID.json gives no source, licence and consent. Default: off.",
            "--require-rights",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the next version of a dataset from the ingested videos; no change makes no version."""
    from vmt.jobs.dataset.freeze import freeze as job
    from vmt.jobs.ingest.extractors import configured

    settings, store = open_configured()
    version = job(
        store,
        configured(settings).name,
        name=name,
        chord_labels=chords,
        min_validation=min_validation,
        min_test=min_test,
        split_by=split_by,
        require_rights=require_rights,
    )
    show_result({"dataset": version}, as_json, lambda: typer.echo(version))


@dataset_app.command()
def show(
    dataset: Annotated[
        str, argument("Dataset, such as main (newest version) or main@v0003. Default: main.")
    ] = "main",
    as_json: Json = False,
) -> None:
    """Print what a version contains and what changed in it."""
    from vmt.catalog import datasets

    _, store = open_configured()
    info = datasets.read(store, datasets.resolve(store, dataset)).info

    def print_result() -> None:
        sides = ", ".join(f"{count} {side}" for side, count in info.splits.items())
        typer.echo(f"{info.ref}: {info.videos} videos ({sides})")
        typer.echo(
            f"{info.seconds / 3600:.2f} h, {info.chord_labels} chord labels, features of "
            f"{info.extractor}"
        )
        typer.echo(f"added: {', '.join(info.changes.added) or 'none'}")
        typer.echo(f"removed: {', '.join(info.changes.removed) or 'none'}")

    show_result(info, as_json, print_result)


@dataset_app.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the dataset versions of the store."""
    from vmt.catalog import datasets

    _, store = open_configured()
    versions = datasets.published(store)
    columns = ("dataset", "videos", "hours", "chord labels", "train", "validation", "test", "made")
    rows = [
        (
            version.ref,
            version.videos,
            f"{version.seconds / 3600:.2f}",
            version.chord_labels,
            *version.splits.values(),
            version.created_at,
        )
        for version in versions
    ]
    show_result(versions, as_json, lambda: print_table("datasets", columns, rows))


@dataset_app.command()
def diff(
    old: Annotated[str, argument("Older version, such as main@v0003.")],
    new: Annotated[str, argument("Newer version, such as main@v0005, or main for the newest.")],
    as_json: Json = False,
) -> None:
    """Print the videos that were added, removed, renamed or changed between two versions."""
    from vmt.catalog import datasets

    _, store = open_configured()
    difference = datasets.difference(
        *(datasets.read(store, datasets.resolve(store, text)) for text in (old, new))
    )

    def print_result() -> None:
        for text, count, seconds in zip(
            (difference.old, difference.new), difference.videos, difference.seconds, strict=True
        ):
            typer.echo(f"{text}: {count} videos, {seconds / 3600:.2f} h")

        renamed = [f"{before} is {after}" for before, after in difference.renamed.items()]
        changed = [
            f"{video} ({', '.join(columns)})" for video, columns in difference.changed.items()
        ]
        groups = {
            "added": difference.added,
            "removed": difference.removed,
            "renamed": renamed,
            "changed": changed,
        }
        for name, videos in groups.items():
            typer.echo(f"{name}: {len(videos)}{': ' if videos else ''}{', '.join(videos)}")

    show_result(difference, as_json, print_result)


@import_app.command("muvi-sync")
def import_muvi_sync(
    folder: Annotated[Path, argument("Folder that contains vevo_chord, vevo_meta, ...")],
    chords: Chords = 157,
    name: Annotated[str, option("Name of the dataset. Default: muvi-sync.")] = "muvi-sync",
    as_json: Json = False,
) -> None:
    """Make a dataset version of MuVi-Sync's published features; no video is needed."""
    from vmt.jobs.dataset.freeze import import_muvi_sync as job

    _, store = open_configured()
    report = job(store, folder, name=name, chord_labels=chords)

    def print_result() -> None:
        typer.echo(f"{report.dataset}: {report.songs} songs")
        for problem in report.problems:
            typer.echo(f"  left out: {problem}")
        for warning in report.warnings:
            typer.echo(f"warning: {warning}", err=True)

    show_result(report, as_json, print_result)
