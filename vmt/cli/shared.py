"""What the commands share: the groups, the store of the environment, progress on stderr, tables on
stdout.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from vmt.settings import Settings, load_settings
from vmt.store import ObjectStore, open_store

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Soundtracks for videos."
)
dataset_app = typer.Typer(no_args_is_help=True, help="Immutable versions of what was ingested.")
import_app = typer.Typer(no_args_is_help=True, help="Published datasets.")
weights_app = typer.Typer(no_args_is_help=True, help="Published weights, in and out.")
features_app = typer.Typer(no_args_is_help=True, help="What is heard and seen in videos.")
app.add_typer(dataset_app, name="dataset")
app.add_typer(import_app, name="import")
app.add_typer(weights_app, name="weights")
app.add_typer(features_app, name="features")

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
err = Console(stderr=True)


def open_configured() -> tuple[Settings, ObjectStore]:
    """The environment and the store that it names."""
    settings = load_settings()
    return settings, open_store(settings.store, settings)


def place(store: ObjectStore, key: str) -> str:
    """Where a person finds an object: a path for a folder, else a URL."""
    folder = store.capabilities.folder
    return f"{store.url.rstrip('/')}/{key}" if folder is None else str(folder / key)


def show_result(result: Any, as_json: bool, human: Callable[[], None]) -> None:
    """Print a result as one JSON text, or as `human` does."""
    if as_json:
        typer.echo(json.dumps(result, default=dataclasses.asdict))
    else:
        human()


@contextmanager
def progress() -> Any:
    """Bars on stderr that follow a job's events; yields its `on_event`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
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
                case "vmt.check.started":
                    follow("check", payload["songs"], 0, "songs")
                case "vmt.check.done":
                    bars.advance(tasks["check"])
                case "vmt.score.started":
                    follow("score", payload["outputs"], 0, "scores")
                case "vmt.score.done":
                    bars.advance(tasks["score"])
                case "vmt.soundtrack.failed":
                    err.print(f"failed: {payload['reason']}", highlight=False, markup=False)

        yield on_event


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; fractions with four digits."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(
            column,
            justify="left"
            if column in ("run", "dataset", "video", "state", "name", "URL")
            else "right",
        )
    for row in rows:
        table.add_row(*(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def run_epoch(text: str) -> tuple[str, int | None]:
    """The two parts of RUN or RUN@EPOCH."""
    name, at, epoch = text.partition("@")
    if at and not epoch.isdigit():
        raise typer.BadParameter(f"{text!r} is not RUN or RUN@EPOCH")
    return name, int(epoch) if at else None
