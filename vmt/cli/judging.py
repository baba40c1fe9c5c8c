"""Commands that score and compare: runs, epochs, generated batches."""

from collections.abc import Mapping, Sequence
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
from vmt.settings import Settings
from vmt.store import ObjectStore


@app.command()
def evaluate(
    run: Annotated[
        str | None, typer.Argument(help="RUN, or RUN@EPOCH; or give --generated")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="main, or main@v0003; the run's own if none")
    ] = None,
    split: Annotated[str, typer.Option(help="validation or test")] = "validation",
    generated: Annotated[
        str | None,
        typer.Option(help="score the outputs under this prefix, such as outputs/RUN/epoch_0026/"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run beside the baselines on songs it was not trained on; or, with --generated,
    soundtracks.

    Soundtracks are scored by chords heard, tempo and key, curves followed, cuts marked, loudness,
    and the notes.
    """
    if (run is None) == (generated is None):
        raise typer.BadParameter("give RUN or --generated PREFIX")
    settings, store = open_configured()
    if generated is not None:
        _evaluate_generated(settings, store, generated, as_json)
        return
    from vmt.catalog.records import encode
    from vmt.jobs.train.evaluate import evaluate as job

    found = job(store, *run_epoch(str(run)), dataset=dataset, split=split, device=settings.device)
    show_result(found, as_json, lambda: evaluation_table(store, found.key, encode(found.record)))


def _evaluate_generated(settings: Settings, store: ObjectStore, prefix: str, as_json: bool) -> None:
    from vmt.jobs.soundtrack.score import evaluate_generated

    with progress() as on_event:
        scores = evaluate_generated(store, settings, prefix, on_event=on_event)

    def human() -> None:
        _score_table(
            f"{len(scores.rows)} outputs under {prefix}",
            {"generated": scores.mean, "real songs": scores.real},
        )
        _accents("accents", scores.accents)
        typer.echo(f"all of it: {place(store, scores.key)}")

    show_result(scores, as_json, human)


def evaluation_table(store: ObjectStore, key: str, content: Mapping[str, Any]) -> None:
    """The table of a run and the baselines, and a line for each thing that the video should do."""
    names = ("chord", "emotion", "total", "h1", "h3", "h5")
    changes = ("changes_chord", "changes_h1", "changes_h3", "changes_h5")

    def cells(row: Mapping[str, float | None], wanted: Sequence[str]) -> list[str]:
        return ["" if row[name] is None else f"{row[name]:.3f}" for name in wanted]

    heads = (
        "chord NLL",
        "emotion",
        "total",
        "H@1",
        "H@3",
        "H@5",
        "NLL chg",
        "H@1 chg",
        "H@3 chg",
        "H@5 chg",
        "affect",
    )
    rows = [
        (name, *cells(row, (*names, *changes, "correspondence")))
        for name, row in content["rows"].items()
    ]
    title = (
        f"{content['run']} epoch {content['epoch']} on {content['songs']} {content['split']} songs"
    )
    print_table(
        f"{title} of {content['dataset']} (chg: where the chord changes)", ("run", *heads), rows
    )
    if content["seen_in_training"]:
        typer.echo(
            f"trained on {', '.join(content['seen_in_training'])}: these scores say nothing",
            err=True,
        )
    typer.echo(
        f"chord NLL under the song-adaptive n-gram: {_interval(content['gain_over_song_adaptive'])}"
    )
    typer.echo(f"chord NLL, own video under another's: {_interval(content['video_gain'])}")
    for name, found in content["rhythm"].items():
        if found is not None:
            correlation = "none" if found["correlation"] is None else f"{found['correlation']:.2f}"
            typer.echo(
                f"{name}: RMSE {found['rmse']:.4f}, the constant {found['constant_rmse']:.4f}, "
                "correlation "
                f"{correlation}; under the constant {_interval(found['gain'], 100.0, ' %')}, "
                "own video under another's "
                f"{_interval(found['video_gain'], 100.0, ' %')}"
            )
    typer.echo(f"all of it: {place(store, key)}")


def _interval(found: Mapping[str, float] | None, factor: float = 1.0, unit: str = "") -> str:
    if found is None:
        return "nothing to compare with"
    value, low, high = (factor * found[name] for name in ("value", "low", "high"))
    return f"{value:+.3f}{unit} (95 %: {low:+.3f} to {high:+.3f})"


def _score_table(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> None:
    """A row for each score, a column for each batch."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [
        (
            name,
            *(
                "" if (value := column.get(name)) is None else f"{value:.3f}"
                for column in columns.values()
            ),
        )
        for name in names
    ]
    print_table(title, ("score", *columns), rows)


def _accents(name: str, found: Mapping[str, float | None]) -> None:
    if found["gain"] is not None:
        typer.echo(
            f"{name}: {found['share']:.2f} of {found['cuts']:.0f} cuts have an onset within "
            "100 ms, "
            f"{found['chance']:.2f} in moved music; "
            f"gain {found['gain']:+.2f} (95 %: {found['low']:+.2f} to {found['high']:+.2f})"
        )


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="of the store")],
    lang: Annotated[str, typer.Option(help="en or zh")] = "en",
    as_json: Json = False,
) -> None:
    """Write a run's report, Markdown and HTML, and keep it with the run."""
    from vmt.jobs.train.report import report as job

    _, store = open_configured()
    keys = job(store, run, language=lang)
    show_result(
        keys,
        as_json,
        lambda: typer.echo("\n".join(place(store, key) for key in (keys.markdown, keys.html))),
    )


@app.command()
def compare(
    contenders: Annotated[list[str], typer.Argument(help="RUN or RUN@EPOCH, two or more")],
    videos: Annotated[
        list[str], typer.Option(help="a key in the store, or a file; give it once for each video")
    ],
    seed: int = 0,
    style: Annotated[str, typer.Option(help="of every soundtrack")] = "piano",
    as_json: Json = False,
) -> None:
    """Let several runs or epochs write soundtracks for the same videos, and put scores and outputs
    side by side.
    """
    from vmt.arrange.config import GenerateConfig
    from vmt.jobs.ingest.upload import upload
    from vmt.jobs.soundtrack.compare import compare as job

    config = GenerateConfig(seed=seed, style=style)
    settings, store = open_configured()
    local = [Path(each) for each in videos if Path(each).is_file()]
    with progress() as on_event:
        uploaded, refused = upload(store, local)
        keys = [*uploaded, *(each for each in videos if not Path(each).is_file())]
        found = job(
            store,
            settings,
            [run_epoch(each) for each in contenders],
            keys,
            config=config,
            on_event=on_event,
        )

    def human() -> None:
        _score_table(
            f"{len(keys)} videos, {style}",
            {f"{each.run}@{each.epoch}": each.scores.mean for each in found.contenders},
        )
        for each in found.contenders:
            _accents(f"{each.run}@{each.epoch}", each.scores.accents)
            for video, record in each.outputs.items():
                typer.echo(f"  {video}: {place(store, record.removesuffix('json') + 'mp4')}")
        for failure in refused:
            typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)
        typer.echo(f"all of it: {place(store, found.key)}")

    show_result(found, as_json, human)
    if refused or any(each.failed for each in found.contenders):
        raise typer.Exit(1)
