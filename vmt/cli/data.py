"""Commands about videos and datasets."""

from pathlib import Path
from typing import Annotated

import typer

from vmt.catalog import keys
from vmt.cli.shared import (
    Json,
    app,
    dataset_app,
    features_app,
    import_app,
    open_configured,
    print_table,
    progress,
    show_result,
)


@app.command()
def ingest(
    prefix: Annotated[str, typer.Option(help="of the videos' keys in the store")] = keys.VIDEOS,
    retry_refused: Annotated[bool, typer.Option(help="try again what is in quarantine")] = False,
    as_json: Json = False,
) -> None:
    """Extract the features of new and changed videos."""
    from vmt.jobs.ingest.extractors import configured
    from vmt.jobs.ingest.ingest import ingest as job
    from vmt.runtime.worker_pool import spread

    settings, store = open_configured()
    workers = spread(settings.workers)
    with progress() as on_event:
        report = job(
            store,
            configured(settings),
            prefix=prefix,
            retry_refused=retry_refused,
            map=workers,
            on_event=on_event,
        )

    def human() -> None:
        typer.echo(
            f"{report.found} videos: {report.new} new, {report.known} known, "
            f"{len(report.refused)} refused"
        )
        for each in (*report.refused, *report.failed):
            typer.echo(f"  {each.key}: {each.code}: {each.reason}")
        for keys in report.copies:
            typer.echo(f"  the same bytes: {', '.join(keys)}")

    show_result(report, as_json, human)
    if report.refused or report.failed:
        raise typer.Exit(1)


@app.command()
def forget(
    video: Annotated[str, typer.Argument(metavar="ID", help="the file's name without its ending")],
    as_json: Json = False,
) -> None:
    """Take a video down for good, with all that was made of it; list what was made with it."""
    from vmt.jobs.ingest.forget import forget as job

    _, store = open_configured()
    report = job(store, video)

    def human() -> None:
        typer.echo(
            f"{report.id}: {len(report.deleted)} objects removed; these bytes and this id "
            "never come back"
        )
        for name, made in (
            ("versions", report.versions),
            ("runs", report.runs),
            ("outputs", report.outputs),
        ):
            typer.echo(f"{name} made with it: {', '.join(made) or 'none'}")

    show_result(report, as_json, human)


@features_app.command()
def check(
    songs: Annotated[int, typer.Option(help="how many of the 24 songs, one for each key")] = 24,
    soundfont: Annotated[
        list[Path] | None,
        typer.Option(help="a .sf2 file to play them with, besides TimGM6mb; may be given again"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how well chords, key, notes and cuts are found in rendered songs and films of known
    truth.
    """
    from vmt.runtime.worker_pool import spread
    from vmt.settings import load_settings
    from vmt.synthetic.benchmark import check_features

    workers = spread(load_settings().workers)
    with progress() as on_event:
        report = check_features(
            songs=songs, soundfonts=soundfont or (), map=workers, on_event=on_event
        )

    def human() -> None:
        fields = (
            "majmin",
            "sevenths",
            "per_second_25",
            "per_second_157",
            "density_correlation",
            "density_bias",
        )
        heads = (
            "condition",
            "keys",
            "majmin",
            "sevenths",
            "25 labels",
            "157 labels",
            "density r",
            "density bias",
        )
        rows = [
            (
                name,
                f"{row['keys_right']:.0f}/{row['songs']:.0f}",
                *(f"{row[field]:.3f}" for field in fields),
            )
            for name, row in report.rows.items()
        ]
        print_table(
            "chords and key, per-second agreement, notes heard a second against notes written",
            heads,
            rows,
        )
        cuts = report.cuts
        typer.echo(f"hard cuts: {cuts.right} found, {cuts.missed} missed, {cuts.invented} invented")
        for shortfall in report.musts:
            typer.echo(f"missed: {shortfall}")

    show_result(report, as_json, human)
    if report.musts:
        raise typer.Exit(1)


@dataset_app.command()
def freeze(
    name: Annotated[str, typer.Argument(help="of the dataset")] = "main",
    chords: Annotated[int, typer.Option(help="25 or 157 chord labels")] = 157,
    min_validation: int = 1,
    min_test: int = 1,
    require_rights: Annotated[
        bool,
        typer.Option(
            "--require-rights",
            help="refuse videos whose ID.json gives no source, licence and consent",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the next version from what was ingested; nothing changed makes none."""
    from vmt.jobs.dataset.freeze import freeze as job
    from vmt.jobs.ingest.extractors import configured

    settings, store = open_configured()
    extractor = configured(settings).name
    version = job(
        store,
        extractor,
        name=name,
        chord_labels=chords,
        min_validation=min_validation,
        min_test=min_test,
        require_rights=require_rights,
    )
    show_result({"dataset": version}, as_json, lambda: typer.echo(version))


@dataset_app.command()
def show(
    dataset: Annotated[str, typer.Argument(help="main, or main@v0003")] = "main",
    as_json: Json = False,
) -> None:
    """Print what a version holds and what changed in it."""
    from vmt.catalog import datasets

    _, store = open_configured()
    info = datasets.read(store, datasets.resolve(store, dataset)).info

    def human() -> None:
        sides = ", ".join(f"{count} {side}" for side, count in info.splits.items())
        typer.echo(f"{info.ref}: {info.videos} videos ({sides})")
        typer.echo(
            f"{info.seconds / 3600:.2f} h, {info.chord_labels} chord labels, features of "
            f"{info.extractor}"
        )
        typer.echo(f"added: {', '.join(info.changes.added) or 'none'}")
        typer.echo(f"removed: {', '.join(info.changes.removed) or 'none'}")

    show_result(info, as_json, human)


@dataset_app.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the versions in the store."""
    from vmt.catalog import datasets

    _, store = open_configured()
    found = datasets.published(store)
    columns = ("dataset", "videos", "hours", "chord labels", "train", "validation", "test", "made")
    rows = [
        (
            each.ref,
            each.videos,
            f"{each.seconds / 3600:.2f}",
            each.chord_labels,
            *each.splits.values(),
            each.created_at,
        )
        for each in found
    ]
    show_result(found, as_json, lambda: print_table("datasets", columns, rows))


@dataset_app.command()
def diff(
    old: Annotated[str, typer.Argument(help="such as main@v0003")],
    new: Annotated[str, typer.Argument(help="such as main@v0005; main is its newest")],
    as_json: Json = False,
) -> None:
    """Print what came, went and changed between two versions."""
    from vmt.catalog import datasets

    _, store = open_configured()
    found = datasets.difference(
        *(datasets.read(store, datasets.resolve(store, each)) for each in (old, new))
    )

    def human() -> None:
        for text, count, seconds in zip(
            (found.old, found.new), found.videos, found.seconds, strict=True
        ):
            typer.echo(f"{text}: {count} videos, {seconds / 3600:.2f} h")
        renamed = [f"{before} is {after}" for before, after in found.renamed.items()]
        changed = [f"{video} ({', '.join(columns)})" for video, columns in found.changed.items()]
        groups = {
            "added": found.added,
            "removed": found.removed,
            "renamed": renamed,
            "changed": changed,
        }
        for name, videos in groups.items():
            typer.echo(f"{name}: {len(videos)}{': ' if videos else ''}{', '.join(videos)}")

    show_result(found, as_json, human)


@import_app.command("muvi-sync")
def import_muvi_sync(
    folder: Annotated[
        Path, typer.Argument(help="the folder that holds vevo_chord, vevo_meta, ...")
    ],
    chords: Annotated[int, typer.Option(help="25 or 157 chord labels")] = 157,
    name: str = "muvi-sync",
    as_json: Json = False,
) -> None:
    """Make a dataset version of MuVi-Sync's published features; no video is needed."""
    from vmt.jobs.dataset.freeze import import_muvi_sync as job

    _, store = open_configured()
    report = job(store, folder, name=name, chord_labels=chords)

    def human() -> None:
        typer.echo(f"{report.dataset}: {report.songs} songs")
        for problem in report.problems:
            typer.echo(f"  left out: {problem}")

    show_result(report, as_json, human)
