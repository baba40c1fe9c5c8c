"""Commands that write soundtracks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vmt.cli.shared import (
    Json,
    app,
    open_configured,
    place,
    print_table,
    progress,
    run_epoch,
    show_result,
)
from vmt.store import ObjectStore


@app.command()
def generate(
    videos: Annotated[
        list[Path] | None, typer.Argument(help="files; or give --prefix, --list or --manifest")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="all videos in the store whose keys begin so")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="a text file with a video file or key a line")
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option(
            help="key of a dataset's manifest.parquet, a CSV with a column `key`, or a list"
        ),
    ] = None,
    run: Annotated[str | None, typer.Option(help="RUN, or RUN@EPOCH; the champion if none")] = None,
    seed: int = 0,
    takes: Annotated[
        int, typer.Option(help="soundtracks for each video, of this seed and the following ones")
    ] = 1,
    key: Annotated[str, typer.Option(help="C major ... B minor; auto follows the mood")] = "auto",
    style: Annotated[
        str, typer.Option(help="piano, band, orchestra, electronic, lofi, amt")
    ] = "band",
    tempo: Annotated[
        float | None, typer.Option(help="beats a minute; chosen from the video if none")
    ] = None,
    primer: Annotated[str, typer.Option(help="the first chords, such as 'C Am F G'")] = "",
    temperature: float = 1.0,
    top_p: float = 0.96,
    emotion: Annotated[
        str | None,
        typer.Option(
            help="exciting, fearful, tense, sad, relaxing, neutral, or a CSV file, a row a second"
        ),
    ] = None,
    accents: Annotated[float, typer.Option(help="how strongly hard cuts are marked, 0 to 1")] = 0.5,
    density: Annotated[float, typer.Option(help="factor on the number of notes")] = 1.0,
    loudness: Annotated[
        float, typer.Option(help="factor on the swells of loudness, in dB; 0 is flat")
    ] = 1.0,
    lufs: Annotated[float, typer.Option(help="how loud the whole is")] = -14.0,
    original: Annotated[
        str, typer.Option(help="the video's own sound: replace, mix or duck (music under it)")
    ] = "replace",
    video: Annotated[
        str,
        typer.Option(
            help="the picture: auto copies what editors and phones open and encodes the rest as "
            "H.264; copy copies it or fails; h264 encodes what is no H.264"
        ),
    ] = "auto",
    sound_track: Annotated[
        int | None,
        typer.Option(
            help="which of the video's own sound tracks is mixed or ducked, from 1. Default: the "
            "file's default track that can be decoded"
        ),
    ] = None,
    bits: Annotated[int, typer.Option(help="of the FLAC, 16 or 24")] = 16,
    stems: Annotated[
        bool, typer.Option("--stems", help="each instrument in a FLAC of its own as well")
    ] = False,
    replay: Annotated[
        Path | None, typer.Option(help="make an output again from its JSON, byte for byte")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be made, and how long it would take")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="make what exists again")] = False,
    as_json: Json = False,
) -> None:
    """Write a soundtrack for each video: chords, MIDI, FLAC and MP4."""
    from vmt.arrange.config import GenerateConfig
    from vmt.jobs.soundtrack import generate as job
    from vmt.jobs.soundtrack.dry_run import plan
    from vmt.jobs.soundtrack.inbox import put_in_inbox
    from vmt.jobs.soundtrack.inputs import (
        listed_videos,
        manifest_videos,
        read_emotions,
        read_record,
        videos_under,
    )
    from vmt.runtime.worker_pool import spread

    if sum(bool(given) for given in (videos, prefix is not None, listed, manifest, replay)) != 1:
        raise typer.BadParameter(
            "give video files, or --prefix, --list, --manifest or --replay: one of them"
        )
    if replay is not None and dry_run:
        raise typer.BadParameter(
            "--replay makes one output that is known already; leave --dry-run out"
        )
    from_file = emotion is not None and Path(emotion).suffix.lower() == ".csv"
    config = GenerateConfig(
        seed=seed,
        key=key,
        style=style,
        tempo_bpm=tempo,
        primer=tuple(primer.split()),
        temperature=temperature,
        top_p=top_p,
        emotion=None if from_file else emotion,
        emotion_curve=read_emotions(Path(emotion or "")) if from_file else (),
        accents=accents,
        density_scale=density,
        loudness_scale=loudness,
        lufs=lufs,
        original_sound=original,
        bits=bits,
        stems=stems,
        video=video,
        sound_track=sound_track,
    )
    wanted: Sequence[str | Path] = listed_videos(listed) if listed else videos or []
    record = read_record(replay) if replay else None
    settings, store = open_configured()
    if prefix is not None:
        wanted = videos_under(store, prefix)
    if manifest is not None:
        wanted = manifest_videos(store, manifest)
    name, epoch = run_epoch(run) if run else (None, None)
    if dry_run:
        planned = plan(
            store, settings, wanted, run=name, epoch=epoch, config=config, takes=takes, force=force
        )
        show_result({"takes": planned}, as_json, lambda: _plan_table(planned))
        raise typer.Exit(1 if any(each.state == "failed" for each in planned) else 0)
    with progress() as on_event:
        if record is not None:
            report = job.replay(store, settings, record, on_event=on_event)
        else:
            uploaded, refused = put_in_inbox(
                store, [each for each in wanted if isinstance(each, Path)]
            )
            keys = [*uploaded, *(each for each in wanted if isinstance(each, str))]
            report = job.generate(
                store,
                settings,
                keys,
                run=name,
                epoch=epoch,
                config=config,
                takes=takes,
                refused=refused,
                force=force,
                map=spread(settings.workers),
                on_event=on_event,
            )
    show_result(report, as_json, lambda: _soundtracks(store, report))
    if report.failed:
        raise typer.Exit(1)


def _plan_table(planned: Sequence[Any]) -> None:
    rows = [
        (p.id, p.take, p.state, f"{p.duration_s:.0f} s", f"{p.seconds:.0f} s", _size(p.size_bytes))
        for p in planned
    ]
    total = (
        "total",
        len(planned),
        "",
        *(f"{sum(getattr(p, n) for p in planned):.0f} s" for n in ("duration_s", "seconds")),
    )
    print_table(
        "would be made",
        ("video", "take", "state", "length", "work", "space"),
        [*rows, (*total, _size(sum(p.size_bytes for p in planned)))],
    )
    for each in planned:
        if each.reason:
            typer.echo(f"{each.id}: would fail: {each.reason}", err=True)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _soundtracks(store: ObjectStore, report: Any) -> None:
    """Where everything is, and a table at the end."""
    states = [(made, "made") for made in report.made] + [
        (known, "was there") for known in report.known
    ]
    for each, state in states:
        typer.echo(f"{each.title or each.id}: {state}, by {each.run} epoch {each.epoch}")
        for kind, key in each.files.items():
            if kind != "json":
                typer.echo(f"  {place(store, key)}")
    for failure in report.failed:
        typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)
    rows = [(each.title or each.id, each.take, state) for each, state in states]
    print_table(
        "soundtracks",
        ("video", "take", "state"),
        [*rows, *((each.key, "", "failed") for each in report.failed)],
    )
    if report.summary:
        typer.echo(f"summary: {place(store, report.summary)}")
