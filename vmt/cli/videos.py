"""Commands about training videos: ingest, forget, features check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmt.catalog import keys
from vmt.cli.groups import TRAIN, app, features_app
from vmt.cli.options import Json, argument, option
from vmt.cli.output import open_configured, print_table, show_result
from vmt.cli.progress import progress

if TYPE_CHECKING:
    from vmt.synthetic.benchmark import CheckReport

# Columns of `vmt features check`: heading, and name in the report's rows.
_CHECK_COLUMNS = (
    ("majmin", "majmin"),
    ("sevenths", "sevenths"),
    ("25 labels", "per_second_25"),
    ("157 labels", "per_second_157"),
    ("density r", "density_correlation"),
    ("density bias", "density_bias"),
)


@app.command(rich_help_panel=TRAIN)
def ingest(
    prefix: Annotated[
        str, option("Key prefix of the videos in the store. Default: videos/.")
    ] = keys.VIDEOS,
    retry_refused: Annotated[
        bool, option("Try refused videos (in quarantine) again. Default: off.", "--retry-refused")
    ] = False,
    as_json: Json = False,
) -> None:
    """Extract the features of new and changed videos."""
    from vmt.jobs.ingest.extractors import configured
    from vmt.jobs.ingest.ingest import ingest as job
    from vmt.runtime.worker_pool import worker_map

    settings, store = open_configured()
    with progress() as on_event:
        report = job(
            store,
            configured(settings),
            prefix=prefix,
            retry_refused=retry_refused,
            map=worker_map(settings.workers),
            on_event=on_event,
        )

    def print_result() -> None:
        typer.echo(
            f"{report.found} videos: {report.new} new, {report.known} known, "
            f"{len(report.refused)} refused"
        )
        for video in (*report.refused, *report.failed):
            typer.echo(f"  {video.key}: {video.code}: {video.reason}")
        for copies in report.copies:
            typer.echo(f"  identical bytes: {', '.join(copies)}")

    show_result(report, as_json, print_result)
    if report.refused or report.failed:
        raise typer.Exit(1)


@app.command(rich_help_panel=TRAIN)
def forget(
    video: Annotated[
        str, argument("Id of the video: its file name without the ending.", metavar="ID")
    ],
    as_json: Json = False,
) -> None:
    """Take a video down for good with everything made of it, and list what was made with it."""
    from vmt.jobs.ingest.forget import forget as job

    _, store = open_configured()
    report = job(store, video)

    def print_result() -> None:
        typer.echo(
            f"{report.id}: {len(report.deleted)} objects removed; these bytes and this id are "
            "refused from now on"
        )
        for name, made in (
            ("versions", report.versions),
            ("runs", report.runs),
            ("outputs", report.outputs),
        ):
            typer.echo(f"{name} made with it: {', '.join(made) or 'none'}")

    show_result(report, as_json, print_result)


@features_app.command()
def check(
    songs: Annotated[int, option("Number of songs, one for each key: 1 to 24. Default: 24.")] = 24,
    soundfont: Annotated[
        list[Path] | None,
        option("SoundFont (.sf2) to play them with as well; may be repeated. Default: TimGM6mb."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the recognition of chords, key, notes and cuts on rendered songs and films."""
    from vmt.runtime.worker_pool import worker_map
    from vmt.settings import load_settings
    from vmt.synthetic.benchmark import check_features

    workers = worker_map(load_settings().workers)
    with progress() as on_event:
        report = check_features(
            songs=songs, soundfonts=soundfont or (), map=workers, on_event=on_event
        )
    show_result(report, as_json, lambda: _print_check(report))
    if report.musts:
        raise typer.Exit(1)


def _print_check(report: "CheckReport") -> None:
    headings = ("condition", "keys", *(heading for heading, _ in _CHECK_COLUMNS))
    rows = [
        (
            name,
            f"{row['keys_right']:.0f}/{row['songs']:.0f}",
            *(f"{row[field]:.3f}" for _, field in _CHECK_COLUMNS),
        )
        for name, row in report.rows.items()
    ]
    title = "chords and key, per-second agreement, notes heard a second against notes written"
    print_table(title, headings, rows)

    cuts = report.cuts
    typer.echo(f"hard cuts: {cuts.right} found, {cuts.missed} missed, {cuts.invented} invented")
    for shortfall in report.musts:
        typer.echo(f"missed: {shortfall}")
