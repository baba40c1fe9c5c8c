"""Commands that write soundtracks: generate, inbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmt.catalog import keys
from vmt.cli.groups import MAKE, app
from vmt.cli.music_options import MusicOptions, VideoSelection
from vmt.cli.options import Json, grouped, option, run_epoch
from vmt.cli.output import open_configured, place, print_table, show_result
from vmt.cli.progress import progress

if TYPE_CHECKING:
    from vmt.arrange.config import GenerateConfig
    from vmt.jobs.soundtrack.generate import GenerateReport
    from vmt.settings import Settings
    from vmt.store import ObjectStore


@app.command(rich_help_panel=MAKE)
@grouped
def generate(
    selection: VideoSelection,
    music: MusicOptions,
    run: Annotated[
        str | None, option("Run that composes, as RUN or RUN@EPOCH. Default: the champion.")
    ] = None,
    takes: Annotated[
        int,
        option("Soundtracks for each video: 1 to 100; each take adds 1 to the seed. Default: 1."),
    ] = 1,
    replay: Annotated[
        Path | None,
        option("Make an output again, byte for byte, from its JSON file. Default: none."),
    ] = None,
    dry_run: Annotated[
        bool,
        option("Print takes, working time and space, and make nothing. Default: off.", "--dry-run"),
    ] = False,
    force: Annotated[
        bool, option("Make takes again that exist already. Default: off.", "--force")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a soundtrack for each video: chords, MIDI, FLAC and MP4."""
    selection.require_one(replay)
    if replay is not None and dry_run:
        raise typer.BadParameter("--replay makes one known output; leave --dry-run out")
    if replay is not None:
        _replay(replay, as_json)
        return

    config, videos = music.config(), selection.local()
    settings, store = open_configured()
    if videos is None:
        videos = selection.in_store(store)
    name, epoch = run_epoch(run) if run else (None, None)
    wanted = _Wanted(name, epoch, config, takes, force)
    if dry_run:
        _dry_run(settings, store, videos, wanted, as_json)
    else:
        _generate(settings, store, videos, wanted, as_json)


@dataclass(frozen=True)
class _Wanted:
    """Arguments of a generation and of its dry run."""

    run: str | None
    epoch: int | None
    config: "GenerateConfig"
    takes: int
    force: bool


def _replay(file: Path, as_json: bool) -> None:
    """Make an output again from its JSON file."""
    from vmt.jobs.soundtrack.generate import replay
    from vmt.jobs.soundtrack.inputs import read_record

    record = read_record(file)
    settings, store = open_configured()
    with progress() as on_event:
        report = replay(store, settings, record, on_event=on_event)
    _show_soundtracks(store, report, as_json)


def _generate(
    settings: "Settings",
    store: "ObjectStore",
    videos: Sequence[str | Path],
    wanted: _Wanted,
    as_json: bool,
) -> None:
    """Upload the files among the videos, then generate."""
    from vmt.jobs.ingest.upload import upload
    from vmt.jobs.soundtrack import generate as job
    from vmt.runtime.worker_pool import worker_map

    with progress() as on_event:
        uploaded, refused = upload(store, [video for video in videos if isinstance(video, Path)])
        keys = [*uploaded, *(video for video in videos if isinstance(video, str))]
        report = job.generate(
            store,
            settings,
            keys,
            refused=refused,
            map=worker_map(settings.workers),
            on_event=on_event,
            **vars(wanted),
        )
    _show_soundtracks(store, report, as_json)


def _dry_run(
    settings: "Settings",
    store: "ObjectStore",
    videos: Sequence[str | Path],
    wanted: _Wanted,
    as_json: bool,
) -> None:
    """Print what a generation would make."""
    from vmt.jobs.soundtrack.dry_run import plan

    planned = plan(store, settings, videos, **vars(wanted))
    show_result({"takes": planned}, as_json, lambda: _print_plan(planned))
    if any(take.state == "failed" for take in planned):
        raise typer.Exit(1)


def _print_plan(planned: Sequence[Any]) -> None:
    rows = [
        (
            take.id,
            take.take,
            take.state,
            f"{take.duration_s:.0f} s",
            f"{take.seconds:.0f} s",
            _size(take.size_bytes),
        )
        for take in planned
    ]
    total = (
        "total",
        len(planned),
        "",
        f"{sum(take.duration_s for take in planned):.0f} s",
        f"{sum(take.seconds for take in planned):.0f} s",
        _size(sum(take.size_bytes for take in planned)),
    )
    columns = ("video", "take", "state", "length", "work", "space")
    print_table("would be made", columns, [*rows, total])

    for take in planned:
        if take.reason:
            typer.echo(f"{take.id}: would fail: {take.reason}", err=True)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _show_soundtracks(store: "ObjectStore", report: "GenerateReport", as_json: bool) -> None:
    """Print the result of a generation; exit code 1 if a video failed."""
    show_result(report, as_json, lambda: _print_soundtracks(store, report))
    if report.failed:
        raise typer.Exit(1)


def _print_soundtracks(store: "ObjectStore", report: "GenerateReport") -> None:
    """The place of every file, then a table of the takes."""
    soundtracks = [(soundtrack, "made") for soundtrack in report.made]
    soundtracks += [(soundtrack, "was there") for soundtrack in report.known]
    for soundtrack, state in soundtracks:
        title = soundtrack.title or soundtrack.id
        typer.echo(f"{title}: {state}, by {soundtrack.run} epoch {soundtrack.epoch}")
        for kind, key in soundtrack.files.items():
            if kind != "json":
                typer.echo(f"  {place(store, key)}")
    for failure in report.failed:
        typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)

    rows = [
        (soundtrack.title or soundtrack.id, soundtrack.take, state)
        for soundtrack, state in soundtracks
    ]
    failures = [(failure.key, "", "failed") for failure in report.failed]
    print_table("soundtracks", ("video", "take", "state"), [*rows, *failures])
    if report.summary:
        typer.echo(f"summary: {place(store, report.summary)}")


@app.command(rich_help_panel=MAKE)
def inbox(
    prefix: Annotated[str, option("Key prefix of the videos. Default: inbox/.")] = keys.INBOX,
    as_json: Json = False,
) -> None:
    """Write a soundtrack by the champion for each new video of the inbox."""
    from vmt.jobs.soundtrack.inbox import serve_inbox
    from vmt.runtime.worker_pool import worker_map

    settings, store = open_configured()
    with progress() as on_event:
        report = serve_inbox(
            store,
            settings,
            prefix=prefix,
            map=worker_map(settings.workers),
            on_event=on_event,
        )

    def print_result() -> None:
        typer.echo(
            f"{report.found} videos under {prefix}: {len(report.made)} made, {report.done} done "
            f"before, {report.waiting} wait for a first champion, {len(report.failed)} failed"
        )
        for soundtrack in report.made:
            typer.echo(f"  {place(store, soundtrack.files['mp4'])}")
        for failure in report.failed:
            typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)

    show_result(report, as_json, print_result)
    if report.failed:
        raise typer.Exit(1)
