"""Results on stdout: JSON, tables, and the places of objects."""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from vmt.settings import Settings
    from vmt.store import ObjectStore

_LEFT_COLUMNS = frozenset({"run", "dataset", "video", "state", "name", "URL"})


def open_configured() -> tuple["Settings", "ObjectStore"]:
    """The settings of the environment and the store that they name."""
    from vmt.settings import load_settings
    from vmt.store import open_store

    settings = load_settings()
    return settings, open_store(settings.store, settings)


def place(store: "ObjectStore", key: str) -> str:
    """The location of an object for a person: a path for a local store, an address for S3."""
    folder = store.capabilities.folder
    return f"{store.url.rstrip('/')}/{key}" if folder is None else str(folder / key)


def show_result(result: Any, as_json: bool, print_result: Callable[[], None]) -> None:
    """Print a result as one JSON text, or as `print_result` does.

    Args:
        result: a dataclass, or a value that JSON has.
        as_json: whether `--json` was given.
        print_result: prints the result for a person.
    """
    if as_json:
        typer.echo(json.dumps(result, default=dataclasses.asdict))
    else:
        print_result()


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout.

    Args:
        title: the line above it.
        columns: names of the columns.
        rows: cells; a float has four decimals.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in _LEFT_COLUMNS else "right")
    for row in rows:
        table.add_row(*(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
