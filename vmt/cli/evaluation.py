"""Commands that score and compare: evaluate, compare, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmt.cli.groups import INSPECT, app
from vmt.cli.music_options import ComparedMusicOptions
from vmt.cli.options import LANGUAGES, SPLITS, Json, argument, grouped, option, run_epoch
from vmt.cli.output import open_configured, place, print_table, show_result
from vmt.cli.progress import progress

if TYPE_CHECKING:
    from vmt.catalog.records.soundtracks import (
        Contender,
        EvaluationRecord,
        RhythmScore,
        ScoreInterval,
    )
    from vmt.settings import Settings
    from vmt.store import ObjectStore

# Columns of the table of a run and its baselines: heading, and name in the stored rows.
_EVALUATION_COLUMNS = (
    ("chord NLL", "chord"),
    ("emotion", "emotion"),
    ("total", "total"),
    ("H@1", "h1"),
    ("H@3", "h3"),
    ("H@5", "h5"),
    ("NLL chg", "changes_chord"),
    ("H@1 chg", "changes_h1"),
    ("H@3 chg", "changes_h3"),
    ("H@5 chg", "changes_h5"),
    ("NLL no END", "chord_without_end"),
    ("H@1 no END", "h1_without_end"),
    ("NLL END", "end"),
    ("affect", "correspondence"),
)


@app.command(rich_help_panel=INSPECT)
def evaluate(
    run: Annotated[
        str | None,
        argument("Run to score, as RUN or RUN@EPOCH. Default: none; then give --generated."),
    ] = None,
    dataset: Annotated[
        str | None,
        option("Dataset to score on, such as main or main@v0003. Default: the run's own."),
    ] = None,
    split: Annotated[
        str, option(f"Split of the dataset: {SPLITS}. Default: validation.")
    ] = "validation",
    against: Annotated[
        str | None,
        option(
            "Another run, as RUN or RUN@EPOCH, to compare with on the same songs by a paired "
            "bootstrap. Default: none."
        ),
    ] = None,
    generated: Annotated[
        str | None,
        option(
            "Score the soundtracks under this key prefix instead, such as "
            "outputs/RUN/epoch_0026/. Default: none."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run beside the baselines on held-out songs, or soundtracks with --generated.

    Scores of a soundtrack: chords heard, tempo and key, curves followed, cuts marked, loudness and
    notes.
    """
    if (run is None) == (generated is None):
        raise typer.BadParameter("give RUN or --generated PREFIX")
    settings, store = open_configured()
    if generated is not None:
        _evaluate_generated(settings, store, generated, as_json)
        return

    from vmt.jobs.train.evaluate import evaluate as job

    evaluation = job(
        store,
        *run_epoch(str(run)),
        dataset=dataset,
        split=split,
        device=settings.device,
        against=None if against is None else run_epoch(against),
    )
    show_result(
        evaluation,
        as_json,
        lambda: print_evaluation(store, evaluation.key, evaluation.record),
    )


def _evaluate_generated(
    settings: "Settings", store: "ObjectStore", prefix: str, as_json: bool
) -> None:
    from vmt.jobs.soundtrack.score import evaluate_generated

    with progress() as on_event:
        scores = evaluate_generated(store, settings, prefix, on_event=on_event)

    def print_result() -> None:
        _print_scores(
            f"{len(scores.rows)} outputs under {prefix}",
            {"generated": scores.mean, "real songs": scores.real},
        )
        _print_accents("accents", scores.accents)
        typer.echo(f"all scores: {place(store, scores.key)}")

    show_result(scores, as_json, print_result)


def print_evaluation(store: "ObjectStore", key: str, record: "EvaluationRecord") -> None:
    """Print the table of a run and its baselines, then the gains over a baseline and of the video.

    Args:
        store: where the evaluation is stored.
        key: of the stored evaluation.
        record: the stored evaluation.
    """
    headings = ("run", *(heading for heading, _ in _EVALUATION_COLUMNS))
    rows = [
        (name, *(_cell(row.get(field)) for _, field in _EVALUATION_COLUMNS))
        for name, row in record.rows.items()
    ]
    title = (
        f"{record.run} epoch {record.epoch} on {record.songs} {record.split} songs "
        f"of {record.dataset} (chg: where the chord changes)"
    )
    print_table(title, headings, rows)

    if record.seen_in_training:
        typer.echo(
            f"warning: trained on {', '.join(record.seen_in_training)}; these scores say "
            "nothing about new songs",
            err=True,
        )
    if rival := record.against:
        typer.echo(f"less {rival.run} epoch {rival.epoch}, paired over songs:")
        for name, difference in rival.differences.items():
            typer.echo(f"  {name}: {_interval(difference)}")
    gain = _interval(record.gain_over_song_adaptive)
    typer.echo(f"chord NLL under the song-adaptive n-gram: {gain}")
    typer.echo(f"chord NLL, own video under another's: {_interval(record.video_gain)}")
    for name, scores in record.rhythm.items():
        if scores is not None:
            _print_rhythm(name, scores)
    typer.echo(f"all scores: {place(store, key)}")


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _print_rhythm(name: str, scores: "RhythmScore") -> None:
    """One line for a curve of the regression: its error against a constant and another video."""
    correlation = "none" if scores.correlation is None else f"{scores.correlation:.2f}"
    typer.echo(
        f"{name}: RMSE {scores.rmse:.4f}, the constant {scores.constant_rmse:.4f}, "
        f"correlation {correlation}; under the constant {_interval(scores.gain, 100.0, ' %')}, "
        f"own video under another's {_interval(scores.video_gain, 100.0, ' %')}"
    )


def _interval(estimate: "ScoreInterval | None", factor: float = 1.0, unit: str = "") -> str:
    """A bootstrap estimate with its 95 % interval.

    Args:
        estimate: None where there was nothing to compare with.
        factor: that turns the estimate into the unit.
        unit: printed after the value.
    """
    if estimate is None:
        return "nothing to compare with"
    value, low, high = (factor * bound for bound in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.3f}{unit} (95 %: {low:+.3f} to {high:+.3f})"


def _print_scores(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print a row for each score and a column for each batch."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [(name, *(_cell(column.get(name)) for column in columns.values())) for name in names]
    print_table(title, ("score", *columns), rows)


def _print_accents(name: str, scores: Mapping[str, float | None]) -> None:
    if scores["gain"] is None:
        return
    typer.echo(
        f"{name}: {scores['share']:.2f} of {scores['cuts']:.0f} cuts have an onset within 100 ms, "
        f"{scores['chance']:.2f} in moved music; "
        f"gain {scores['gain']:+.2f} (95 %: {scores['low']:+.2f} to {scores['high']:+.2f})"
    )


@app.command(rich_help_panel=INSPECT)
def report(
    run: Annotated[str, argument("Run, as `vmt runs` lists it.")],
    lang: Annotated[str, option(f"Language: {LANGUAGES}. Default: en.")] = "en",
    as_json: Json = False,
) -> None:
    """Write the report of a run, as Markdown and HTML, and store it beside the run."""
    from vmt.jobs.train.report import report as job

    _, store = open_configured()
    keys = job(store, run, language=lang)
    places = [place(store, key) for key in (keys.markdown, keys.html)]
    show_result(keys, as_json, lambda: typer.echo("\n".join(places)))


@app.command(rich_help_panel=INSPECT)
@grouped
def compare(
    contenders: Annotated[
        list[str], argument("Runs to compare, as RUN or RUN@EPOCH; two or more, all different.")
    ],
    videos: Annotated[
        list[str], option("Video for every run, a key of the store or a file; may be repeated.")
    ],
    music: ComparedMusicOptions,
    as_json: Json = False,
) -> None:
    """Compare runs or epochs by their soundtracks for the same videos: scores side by side."""
    from vmt.jobs.ingest.upload import upload
    from vmt.jobs.soundtrack.compare import compare as job

    config = music.config()
    settings, store = open_configured()
    files = [Path(video) for video in videos if Path(video).is_file()]
    stored = [video for video in videos if not Path(video).is_file()]
    with progress() as on_event:
        uploaded, refused = upload(store, files)
        keys = [*uploaded, *stored]
        comparison = job(
            store,
            settings,
            [run_epoch(contender) for contender in contenders],
            keys,
            config=config,
            on_event=on_event,
        )

    def print_result() -> None:
        _print_comparison(store, comparison.contenders, f"{len(keys)} videos, {config.style}")
        for failure in refused:
            typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)
        typer.echo(f"all scores: {place(store, comparison.key)}")

    show_result(comparison, as_json, print_result)
    if refused or any(contender.failed for contender in comparison.contenders):
        raise typer.Exit(1)


def _print_comparison(store: "ObjectStore", contenders: "Sequence[Contender]", title: str) -> None:
    """Print the scores of all contenders, then the films of each.

    Args:
        store: where the soundtracks are stored.
        contenders: of the comparison.
        title: of the table.
    """
    names = {f"{contender.run}@{contender.epoch}": contender for contender in contenders}
    _print_scores(title, {name: contender.scores.mean for name, contender in names.items()})
    for name, contender in names.items():
        _print_accents(name, contender.scores.accents)
        for video, record in contender.outputs.items():
            typer.echo(f"  {video}: {place(store, record.removesuffix('json') + 'mp4')}")
