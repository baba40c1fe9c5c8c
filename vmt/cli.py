"""`vmt`: one command for each job.

Data goes to stdout, progress to stderr; an expected error is one line and exit code 1.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from vmt.errors import VmtError
from vmt.settings import Settings, load_settings
from vmt.store import LocalStore, ObjectStore, open_store

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Soundtracks for videos.")
dataset_app = typer.Typer(no_args_is_help=True, help="Immutable versions of what was ingested.")
import_app = typer.Typer(no_args_is_help=True, help="Published datasets.")
app.add_typer(dataset_app, name="dataset")
app.add_typer(import_app, name="import")
weights_app = typer.Typer(no_args_is_help=True, help="Published weights, in and out.")
app.add_typer(weights_app, name="weights")

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
err = Console(stderr=True)


def _open() -> tuple[Settings, ObjectStore]:
    settings = load_settings()
    return settings, open_store(settings.store, settings)


def place(store: ObjectStore, key: str) -> str:
    """Where a person finds an object: a path for a folder, an address for S3."""
    return str(store.root / key) if isinstance(store, LocalStore) else f"{store.url.rstrip('/')}/{key}"


def _show(result: Any, as_json: bool, human: Callable[[], None]) -> None:
    if as_json:
        typer.echo(json.dumps(result, default=dataclasses.asdict))
    else:
        human()


@contextmanager
def _progress() -> Any:
    """Bars on stderr that follow a job's events; yields its `on_event`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=not err.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def follow(name: str, total: int, done: int | None, text: str) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            if done is None:
                bars.advance(tasks[name])
            bars.update(tasks[name], description=text, total=total, completed=done)

        def on_event(event: str, payload: Mapping[str, Any]) -> None:
            match event:
                case "vmt.ingest.started" if payload["new"]:
                    follow("ingest", payload["new"], 0, "ingest")
                case "vmt.video.ingested":
                    bars.advance(tasks["ingest"])
                case "vmt.video.refused" | "vmt.video.failed":
                    bars.advance(tasks["ingest"])
                    err.print(f"refused: {payload['reason']}", highlight=False, markup=False)
                case "vmt.epoch.finished":
                    nll = payload["validation"]["chord"]
                    follow("train", payload["of"], payload["epoch"], f"train, chord NLL {nll:.4f}")
                case "vmt.demo.made":
                    follow("demo", payload["videos"], payload["made"], "demo videos")
                case "vmt.generate.started" if payload["new"]:
                    follow("generate", payload["new"], 0, "soundtracks")
                case "vmt.soundtrack.ready":
                    bars.advance(tasks["generate"])
                case "vmt.score.started":
                    follow("score", payload["outputs"], 0, "scores")
                case "vmt.score.done":
                    bars.advance(tasks["score"])
                case "vmt.soundtrack.failed":
                    err.print(f"failed: {payload['reason']}", highlight=False, markup=False)

        yield on_event


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in ("run", "dataset", "video", "state") else "right")
    for row in rows:
        table.add_row(*(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


@app.command()
def ingest(
    prefix: Annotated[str, typer.Option(help="of the videos' keys in the store")] = "videos/",
    retry_refused: Annotated[bool, typer.Option(help="try again what is in quarantine")] = False,
    as_json: Json = False,
) -> None:
    """Extract the features of new and changed videos."""
    from vmt.jobs.extractors import configured
    from vmt.jobs.ingest import ingest as job
    from vmt.jobs.processes import spread

    settings, store = _open()
    workers = spread(settings.workers)
    with _progress() as on_event:
        report = job(
            store, configured(settings), prefix=prefix, retry_refused=retry_refused, map=workers, on_event=on_event
        )

    def human() -> None:
        typer.echo(f"{report.found} videos: {report.new} new, {report.known} known, {len(report.refused)} refused")
        for each in (*report.refused, *report.failed):
            typer.echo(f"  {each.key}: {each.code}: {each.reason}")
        for keys in report.copies:
            typer.echo(f"  the same bytes: {', '.join(keys)}")

    _show(report, as_json, human)
    if report.refused or report.failed:
        raise typer.Exit(1)


@app.command()
def forget(
    video: Annotated[str, typer.Argument(metavar="ID", help="the file's name without its ending")],
    as_json: Json = False,
) -> None:
    """Take a video down for good, with all that was made of it; list what was made with it."""
    from vmt.jobs.forget import forget as job

    _, store = _open()
    report = job(store, video)

    def human() -> None:
        typer.echo(f"{report.id}: {len(report.deleted)} objects removed; these bytes and this id never come back")
        for name, made in (("versions", report.versions), ("runs", report.runs), ("outputs", report.outputs)):
            typer.echo(f"{name} made with it: {', '.join(made) or 'none'}")

    _show(report, as_json, human)


@dataset_app.command()
def freeze(
    name: Annotated[str, typer.Argument(help="of the dataset")] = "main",
    chords: Annotated[int, typer.Option(help="25 or 157 chord labels")] = 157,
    min_validation: int = 1,
    min_test: int = 1,
    require_rights: Annotated[
        bool, typer.Option("--require-rights", help="refuse videos whose ID.json gives no source, licence and consent")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the next version from what was ingested; nothing changed makes none."""
    from vmt.jobs.extractors import configured
    from vmt.jobs.freeze import freeze as job

    settings, store = _open()
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
    _show({"dataset": version}, as_json, lambda: typer.echo(version))


@dataset_app.command()
def show(dataset: Annotated[str, typer.Argument(help="main, or main@v0003")] = "main", as_json: Json = False) -> None:
    """Print what a version holds and what changed in it."""
    from vmt.dataset import versions

    _, store = _open()
    info = versions.read(store, versions.resolve(store, dataset)).info

    def human() -> None:
        sides = ", ".join(f"{count} {side}" for side, count in info["splits"].items())
        typer.echo(f"{info['name']}@v{info['version']:04d}: {info['videos']} videos ({sides})")
        typer.echo(
            f"{info['seconds'] / 3600:.2f} h, {info['chord_labels']} chord labels, features of {info['extractor']}"
        )
        typer.echo(f"added: {', '.join(info['changes']['added']) or 'none'}")
        typer.echo(f"removed: {', '.join(info['changes']['removed']) or 'none'}")

    _show(info, as_json, human)


@dataset_app.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the versions in the store."""
    from vmt.dataset import versions

    _, store = _open()
    found = versions.published(store)
    columns = ("dataset", "videos", "hours", "chord labels", "train", "validation", "test", "made")
    rows = [
        (
            f"{each['name']}@v{each['version']:04d}",
            each["videos"],
            f"{each['seconds'] / 3600:.2f}",
            each["chord_labels"],
            *each["splits"].values(),
            each["created_at"],
        )
        for each in found
    ]
    _show(found, as_json, lambda: _table("datasets", columns, rows))


@dataset_app.command()
def diff(
    old: Annotated[str, typer.Argument(help="such as main@v0003")],
    new: Annotated[str, typer.Argument(help="such as main@v0005; main is its newest")],
    as_json: Json = False,
) -> None:
    """Print what came, went and changed between two versions."""
    from vmt.dataset import versions

    _, store = _open()
    found = versions.difference(*(versions.read(store, versions.resolve(store, each)) for each in (old, new)))

    def human() -> None:
        for text, count, seconds in zip((found.old, found.new), found.videos, found.seconds, strict=True):
            typer.echo(f"{text}: {count} videos, {seconds / 3600:.2f} h")
        renamed = [f"{before} is {after}" for before, after in found.renamed.items()]
        changed = [f"{video} ({', '.join(columns)})" for video, columns in found.changed.items()]
        groups = {"added": found.added, "removed": found.removed, "renamed": renamed, "changed": changed}
        for name, videos in groups.items():
            typer.echo(f"{name}: {len(videos)}{': ' if videos else ''}{', '.join(videos)}")

    _show(found, as_json, human)


@import_app.command("muvi-sync")
def import_muvi_sync(
    folder: Annotated[Path, typer.Argument(help="the folder that holds vevo_chord, vevo_meta, ...")],
    chords: Annotated[int, typer.Option(help="25 or 157 chord labels")] = 157,
    name: str = "muvi-sync",
    as_json: Json = False,
) -> None:
    """Make a dataset version of MuVi-Sync's published features; no video is needed."""
    from vmt.jobs.freeze import import_muvi_sync as job

    _, store = _open()
    report = job(store, folder, name=name, chord_labels=chords)

    def human() -> None:
        typer.echo(f"{report.dataset}: {report.songs} songs")
        for problem in report.problems:
            typer.echo(f"  left out: {problem}")

    _show(report, as_json, human)


@weights_app.command("import")
def import_weights(
    file: Annotated[Path, typer.Argument(help="the published transformer's .pickle")],
    regression: Annotated[Path | None, typer.Option(help="the published regression's .pickle")] = None,
    dataset: Annotated[str | None, typer.Option(help="to evaluate on: main, or main@v0003")] = None,
    run: Annotated[str | None, typer.Option(help="its name; one that follows from the files if none")] = None,
    heads: Annotated[int | None, typer.Option(help="of a model without relative positions; 8 if none")] = None,
    as_json: Json = False,
) -> None:
    """Make a run of published weights; give a regression, or a dataset to train one on."""
    from vmt.jobs.weights import import_weights as job

    settings, store = _open()
    with _progress() as on_event:
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

    _show(report, as_json, human)


@weights_app.command()
def export(
    run: Annotated[str, typer.Argument(help="RUN, or RUN@EPOCH; RUN is its best epoch")],
    file: Annotated[Path, typer.Argument(help="the .pickle to write")],
    regression: Annotated[Path | None, typer.Option(help="the .pickle to write an imported regression to")] = None,
    as_json: Json = False,
) -> None:
    """Write a run's transformer, and its regression where it was imported, as the published code saves them."""
    from vmt.jobs.weights import export_regression, export_weights

    _, store = _open()
    name, epoch = _run_epoch(run)
    contents = {file: export_weights(store, name, epoch)}
    if regression:
        contents[regression] = export_regression(store, name)
    for path, data in contents.items():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise VmtError(f"{path}: cannot be written ({error.strerror})") from error
    sizes = {str(path): len(data) for path, data in contents.items()}
    _show(sizes, as_json, lambda: typer.echo("\n".join(f"{path}: {size} bytes" for path, size in sizes.items())))


@app.command()
def train(
    dataset: Annotated[
        str | None, typer.Argument(help="main, or main@v0003; main if none, or that of the run to go on from")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="amt if none, or that of the run to go on from")] = None,
    run: Annotated[str | None, typer.Option(help="its name; one that follows from the other arguments if none")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="RUN@EPOCH to go on from, as a new run; RUN is its last epoch")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="the last epoch's number; short for --set epochs=N")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE in place of the preset's, such as epochs=10")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a run, or go on where it was stopped; every epoch's weights go to the store.

    Under torchrun (torchrun --nproc-per-node 8 -m -- vmt.cli train ...) processes share the songs of each batch.
    """
    from vmt.hardware import choose_device
    from vmt.jobs.train import train as job
    from vmt.training.distributed import join
    from vmt.training.registry import Run

    environment, store = _open()
    overrides = dict(_assignment(each) for each in settings or []) | ({} if epochs is None else {"epochs": epochs})
    origin, epoch = _run_epoch(source) if source else (None, None)
    with join(choose_device(environment.device)) as team, _progress() as on_event:
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
        summary = Run(store, name).read_json("summary.json")
        _show(summary, as_json, lambda: _losses(Run(store, name)))


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _losses(run: Any) -> None:
    """A run's table of losses by epoch, the best one marked, beside the baselines."""
    rows, summary = run.results(), run.read_json("summary.json")
    best = summary["best_epoch"]
    columns = ("epoch", "train total", "train chord", "train emotion", "val total", "val chord", "val emotion", "rate")
    cells = [
        (f"{'best ' if row.epoch == best else ''}{row.epoch}", *row.train, *row.validation, f"{row.learn_rate:.6f}")
        for row in rows
    ]
    _table(f"{run.name}, losses by epoch", columns, cells)
    typer.echo(f"best epoch: {best}, by validation {summary['selected_by']} loss")
    if summary["baselines"]:
        chord, known = summary["best"]["chord"], summary["baselines"]
        typer.echo(
            f"validation chord NLL: {chord:.4f}; unigram {known['unigram']:.4f}, bigram {known['bigram']:.4f} "
            f"({chord / known['unigram']:.2f} and {chord / known['bigram']:.2f} of them)"
        )


@app.command()
def runs(as_json: Json = False) -> None:
    """List the runs in the store."""
    from vmt.training.registry import runs as registered

    _, store = _open()
    summaries = [summary for run in registered(store) if (summary := run.read_json("summary.json"))]
    columns = ("run", "dataset", "state", "epochs", "best epoch", "val chord", "val total")
    rows = [
        (
            s["run"],
            s["dataset"],
            s["state"],
            s["epochs"],
            s["best_epoch"],
            *((s["best"] or {}).get(k) for k in ("chord", "total")),
        )
        for s in summaries
    ]
    _show(summaries, as_json, lambda: _table("runs", columns, rows))


@app.command()
def promote(run: Annotated[str, typer.Argument(help="RUN, or RUN@EPOCH")], as_json: Json = False) -> None:
    """Let a run's best epoch, or the one named, serve."""
    from vmt.jobs.promote import promote as job

    _, store = _open()
    champion = job(store, *_run_epoch(run))
    _show(champion, as_json, lambda: typer.echo(f"{champion.run} epoch {champion.epoch} serves since {champion.since}"))


def _run_epoch(text: str) -> tuple[str, int | None]:
    name, at, epoch = text.partition("@")
    if at and not epoch.isdigit():
        raise typer.BadParameter(f"{text!r} is not RUN or RUN@EPOCH")
    return name, int(epoch) if at else None


@app.command()
def generate(
    videos: Annotated[list[Path] | None, typer.Argument(help="video files; or give --prefix or --list")] = None,
    prefix: Annotated[str | None, typer.Option(help="all videos in the store whose keys begin so")] = None,
    listed: Annotated[Path | None, typer.Option("--list", help="a text file with a video file or key a line")] = None,
    run: Annotated[str | None, typer.Option(help="RUN, or RUN@EPOCH; the champion if none")] = None,
    seed: int = 0,
    takes: Annotated[int, typer.Option(help="soundtracks for each video, of this seed and the following ones")] = 1,
    key: Annotated[str, typer.Option(help="C major ... B minor; auto follows the mood")] = "auto",
    style: Annotated[str, typer.Option(help="piano, band, orchestra, electronic, lofi, amt")] = "band",
    tempo: Annotated[float | None, typer.Option(help="beats a minute; chosen from the video if none")] = None,
    primer: Annotated[str, typer.Option(help="the first chords, such as 'C Am F G'")] = "",
    temperature: float = 1.0,
    top_p: float = 0.9,
    emotion: Annotated[
        str | None, typer.Option(help="exciting, fearful, tense, sad, relaxing, neutral, or a CSV file, a row a second")
    ] = None,
    accents: Annotated[float, typer.Option(help="how strongly hard cuts are marked, 0 to 1")] = 0.5,
    density: Annotated[float, typer.Option(help="factor on the number of notes")] = 1.0,
    loudness: Annotated[float, typer.Option(help="factor on the swells of loudness, in dB; 0 is flat")] = 1.0,
    lufs: Annotated[float, typer.Option(help="how loud the whole is")] = -14.0,
    original: Annotated[
        str, typer.Option(help="the video's own sound: replace, mix or duck (music under it)")
    ] = "replace",
    bits: Annotated[int, typer.Option(help="of the FLAC, 16 or 24")] = 16,
    stems: Annotated[bool, typer.Option("--stems", help="each instrument in a FLAC of its own as well")] = False,
    replay: Annotated[Path | None, typer.Option(help="make an output again from its JSON, byte for byte")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be made, and how long it would take")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="make what exists again")] = False,
    as_json: Json = False,
) -> None:
    """Write a soundtrack for each video: chords, MIDI, FLAC and MP4."""
    from vmt.jobs import generate as job
    from vmt.jobs.estimate import plan
    from vmt.jobs.inbox import put_in_inbox
    from vmt.jobs.request import listed_videos, read_emotions, read_record, videos_under
    from vmt.music.config import GenerateConfig

    if sum(bool(given) for given in (videos, prefix is not None, listed, replay)) != 1:
        raise typer.BadParameter("give video files, or --prefix, or --list, or --replay: one of them")
    if replay is not None and dry_run:
        raise typer.BadParameter("--replay makes one output that is known already; leave --dry-run out")
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
    )
    wanted: Sequence[str | Path] = listed_videos(listed) if listed else videos or []
    record = read_record(replay) if replay else None
    settings, store = _open()
    if prefix is not None:
        wanted = videos_under(store, prefix)
    name, epoch = _run_epoch(run) if run else (None, None)
    if dry_run:
        planned = plan(store, settings, wanted, run=name, epoch=epoch, config=config, takes=takes, force=force)
        _show({"takes": planned}, as_json, lambda: _plan_table(planned))
        raise typer.Exit(1 if any(each.state == "failed" for each in planned) else 0)
    with _progress() as on_event:
        if record is not None:
            report = job.replay(store, settings, record, on_event=on_event)
        else:
            uploaded, refused = put_in_inbox(store, [each for each in wanted if isinstance(each, Path)])
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
                on_event=on_event,
            )
    _show(report, as_json, lambda: _soundtracks(store, report))
    if report.failed:
        raise typer.Exit(1)


def _plan_table(planned: Sequence[Any]) -> None:
    rows = [
        (p.id, p.take, p.state, f"{p.duration_s:.0f} s", f"{p.seconds:.0f} s", _size(p.size_bytes)) for p in planned
    ]
    total = (
        "total",
        len(planned),
        "",
        *(f"{sum(getattr(p, n) for p in planned):.0f} s" for n in ("duration_s", "seconds")),
    )
    _table(
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
    states = [(made, "made") for made in report.made] + [(known, "was there") for known in report.known]
    for each, state in states:
        typer.echo(f"{each.id}: {state}, by {each.run} epoch {each.epoch}")
        for kind, key in each.files.items():
            if kind != "json":
                typer.echo(f"  {place(store, key)}")
    for failure in report.failed:
        typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)
    rows = [(each.id, each.take, state) for each, state in states]
    _table("soundtracks", ("video", "take", "state"), [*rows, *((each.key, "", "failed") for each in report.failed)])
    if report.summary:
        typer.echo(f"summary: {place(store, report.summary)}")


@app.command()
def evaluate(
    run: Annotated[str | None, typer.Argument(help="RUN, or RUN@EPOCH; or give --generated")] = None,
    dataset: Annotated[str | None, typer.Option(help="main, or main@v0003; the run's own if none")] = None,
    split: Annotated[str, typer.Option(help="validation or test")] = "validation",
    generated: Annotated[
        str | None, typer.Option(help="score the outputs under this prefix, such as outputs/RUN/epoch_0026/")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run beside the baselines on songs it was not trained on; or, with --generated, soundtracks.

    Soundtracks are scored by chords heard, tempo and key, curves followed, cuts marked, loudness, and the notes.
    """
    if (run is None) == (generated is None):
        raise typer.BadParameter("give RUN or --generated PREFIX")
    settings, store = _open()
    if generated is not None:
        _evaluate_generated(settings, store, generated, as_json)
        return
    from vmt.jobs.evaluate import evaluate as job

    found = job(store, *_run_epoch(str(run)), dataset=dataset, split=split, device=settings.device)
    _show(found, as_json, lambda: _evaluation(store, found.key, found.content))


def _evaluate_generated(settings: Settings, store: ObjectStore, prefix: str, as_json: bool) -> None:
    from vmt.jobs.score import evaluate_generated

    with _progress() as on_event:
        scores = evaluate_generated(store, settings, prefix, on_event=on_event)

    def human() -> None:
        _score_table(
            f"{len(scores.rows)} outputs under {prefix}", {"generated": scores.mean, "real songs": scores.real}
        )
        _accents("accents", scores.accents)
        typer.echo(f"all of it: {place(store, scores.key)}")

    _show(scores, as_json, human)


def _evaluation(store: ObjectStore, key: str, content: Mapping[str, Any]) -> None:
    """The table of a run and the baselines, and a line for each thing that the video should do."""
    names = ("chord", "emotion", "total", "h1", "h3", "h5")
    changes = ("changes_chord", "changes_h1", "changes_h3", "changes_h5")

    def cells(row: Mapping[str, float | None], wanted: Sequence[str]) -> list[str]:
        return ["" if row[name] is None else f"{row[name]:.3f}" for name in wanted]

    heads = ("chord NLL", "emotion", "total", "H@1", "H@3", "H@5", "NLL chg", "H@1 chg", "H@3 chg", "H@5 chg", "affect")
    rows = [(name, *cells(row, (*names, *changes, "correspondence"))) for name, row in content["rows"].items()]
    title = f"{content['run']} epoch {content['epoch']} on {content['songs']} {content['split']} songs"
    _table(f"{title} of {content['dataset']} (chg: where the chord changes)", ("run", *heads), rows)
    if content["seen_in_training"]:
        typer.echo(f"trained on {', '.join(content['seen_in_training'])}: these scores say nothing", err=True)
    typer.echo(f"chord NLL under the song-adaptive n-gram: {_interval(content['gain_over_song_adaptive'])}")
    typer.echo(f"chord NLL, own video under another's: {_interval(content['video_gain'])}")
    for name, found in content["rhythm"].items():
        if found is not None:
            correlation = "none" if found["correlation"] is None else f"{found['correlation']:.2f}"
            typer.echo(
                f"{name}: RMSE {found['rmse']:.4f}, the constant {found['constant_rmse']:.4f}, correlation "
                f"{correlation}; under the constant {_interval(found['gain'], 100.0, ' %')}, own video under another's "
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
        (name, *("" if (value := column.get(name)) is None else f"{value:.3f}" for column in columns.values()))
        for name in names
    ]
    _table(title, ("score", *columns), rows)


def _accents(name: str, found: Mapping[str, float | None]) -> None:
    if found["gain"] is not None:
        typer.echo(
            f"{name}: {found['share']:.2f} of {found['cuts']:.0f} cuts have an onset within 100 ms, "
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
    from vmt.jobs.report import report as job

    _, store = _open()
    keys = job(store, run, language=lang)
    _show(keys, as_json, lambda: typer.echo("\n".join(place(store, key) for key in (keys.markdown, keys.html))))


@app.command()
def compare(
    contenders: Annotated[list[str], typer.Argument(help="RUN or RUN@EPOCH, two or more")],
    videos: Annotated[list[str], typer.Option(help="a key in the store, or a file; give it once for each video")],
    seed: int = 0,
    style: Annotated[str, typer.Option(help="of every soundtrack")] = "piano",
    as_json: Json = False,
) -> None:
    """Let several runs or epochs write soundtracks for the same videos, and put scores and outputs side by side."""
    from vmt.jobs.compare import compare as job
    from vmt.jobs.inbox import put_in_inbox
    from vmt.music.config import GenerateConfig

    config = GenerateConfig(seed=seed, style=style)
    settings, store = _open()
    local = [Path(each) for each in videos if Path(each).is_file()]
    with _progress() as on_event:
        uploaded, refused = put_in_inbox(store, local)
        keys = [*uploaded, *(each for each in videos if not Path(each).is_file())]
        found = job(store, settings, [_run_epoch(each) for each in contenders], keys, config=config, on_event=on_event)

    def human() -> None:
        _score_table(
            f"{len(keys)} videos, {style}", {f"{each.run}@{each.epoch}": each.scores.mean for each in found.contenders}
        )
        for each in found.contenders:
            _accents(f"{each.run}@{each.epoch}", each.scores.accents)
            for video, record in each.outputs.items():
                typer.echo(f"  {video}: {place(store, record.removesuffix('json') + 'mp4')}")
        for failure in refused:
            typer.echo(f"{failure.key}: failed: {failure.reason}", err=True)
        typer.echo(f"all of it: {place(store, found.key)}")

    _show(found, as_json, human)
    if refused or any(each.failed for each in found.contenders):
        raise typer.Exit(1)


@app.command()
def demo(videos: Annotated[int, typer.Option(help="how many videos to make")] = 20, as_json: Json = False) -> None:
    """Make videos, ingest them, train, choose the best epoch and write soundtracks, through the Prefect flows."""
    from vmt.demo import make_corpus, tour
    from vmt.training.registry import Run

    settings, store = _open()
    with _progress() as on_event:
        ids = make_corpus(store, Path("vmt-demo-truth"), videos=videos, on_event=on_event)
    result = tour.finished(store, ids)
    if result is None:
        _run_flow("nightly", tour.parameters(), settings, tour.ENVIRONMENT)
        result = tour.finished(store, ids)
    else:
        typer.echo("everything is done already; this is what was made", err=True)
    if result is None:
        raise VmtError("the demo's flow ended without soundtracks; its log above says why")

    def human() -> None:
        _losses(Run(store, result.run))
        if result.summary["untrained"]:
            typer.echo(
                "CLIP is untrained here (its weights could not be fetched): the picture says little to this model"
            )
        typer.echo("soundtracks of the held-out videos:")
        for soundtrack in result.soundtracks:
            typer.echo(f"  {place(store, soundtrack)}")

    _show(result, as_json, human)


def _run_flow(name: str, parameters: Mapping[str, Any], settings: Settings, defaults: Mapping[str, str]) -> None:
    """Run a flow in a child process: the library never imports Prefect."""
    environment = {**defaults, **os.environ, "VMT_STORE": settings.store}
    command = [sys.executable, "-m", "flows.run", name, "--parameters", json.dumps(parameters)]
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise VmtError(f"the flow {name} failed with exit code {done.returncode}; its log above says why")


@app.command()
def dashboard(
    port: int = 8501, address: Annotated[str, typer.Option(help="loopback by default")] = "127.0.0.1"
) -> None:
    """Serve the dashboard of the store."""
    load_settings()
    command = [sys.executable, "-m", "dashboard", "--address", address, "--port", str(port)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def main() -> None:
    """The command line: an expected error is one line and exit code 1."""
    try:
        app()
    except VmtError as error:
        typer.echo(f"vmt: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
