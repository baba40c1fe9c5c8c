"""The generated pages of the documents. MkDocs generates them in each build, so they cannot drift.

`mkdocs-gen-files` runs this file (see mkdocs.yml).
"""

import ast
import re
from pathlib import Path
from typing import Any

import mkdocs_gen_files
import typer

import vmt
from vmt.catalog import describe
from vmt.cli import app
from vmt.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
PYTHON = """# Python API

The public functions of `vmt`, each the one before plus one step. Enter at the level of what you
have: a video, features, chords or a score.
"""


def escaped(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def configuration() -> str:
    """One table of every setting, from the fields of `Settings`."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {escaped(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Configuration",
            "",
            "Settings of the environment are variables that begin with `VMT_`. A variable that VMT",
            "does not know is refused. Settings of an experiment (preset, seed, style) are options",
            "of the [commands](cli.md) and are stored with what they made.",
            "",
            "| variable | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def events() -> str:
    """Every event that a job emits, from the source: name, payload and module."""
    rows = []
    for path in sorted((ROOT / "vmt").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            called = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
            if called == "on_event" and len(call.args) == 2:
                rows += _event_rows(call, path.relative_to(ROOT))
    return "\n".join(
        [
            "# Events",
            "",
            "A job reports what happens through its `on_event` callback: a name and a payload of",
            "JSON values. The commands draw progress from them, flows send them to Prefect, where",
            "automations may wait for them, and store progress artifacts.",
            "",
            "| event | payload | emitted by |",
            "|---|---|---|",
            *sorted(set(rows)),
            "",
        ]
    )


def _event_rows(call: ast.Call, path: Path) -> list[str]:
    names = re.findall(r"'(vmt\.[a-z.-]+)'", ast.unparse(call.args[0]))
    payload = escaped(", ".join(_payload_names(call.args[1])))
    return [f"| `{name}` | {payload} | `{path}` |" for name in names]


def _payload_names(payload: ast.expr) -> list[str]:
    """The keys of a payload; a record that is spread into it by the name that the code gives it."""
    if not isinstance(payload, ast.Dict):
        return [f"`{ast.unparse(payload)}`"]
    return [
        f"fields of `{ast.unparse(value)}`" if key is None else f"`{ast.literal_eval(key)}`"
        for key, value in zip(payload.keys, payload.values, strict=True)
    ]


def commands() -> str:
    """Every command with its options, from Typer."""
    root: Any = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "`vmt COMMAND --help` prints the same. Data goes to stdout, progress to stderr. An",
        "expected error is one line and exit code 1; wrong usage is exit code 2.",
        "",
    ]
    for name, command in _walk("vmt", root):
        lines += [f"## {name}", "", (command.help or "").strip(), ""]
        parameters = [p for p in command.params if p.name != "help" and not p.hidden]
        if parameters:
            lines += ["| option | meaning |", "|---|---|"]
            lines += [f"| `{_usage(p)}` | {escaped(p.help or '')} |" for p in parameters]
            lines.append("")
    return "\n".join(lines)


def _walk(name: str, command: Any) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(name, command)]
    commands = [(name, command)]
    for child, sub in command.commands.items():
        commands += _walk(f"{name} {child}", sub)
    return commands


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def python_api() -> str:
    """A section for each public name, which mkdocstrings fills."""
    names = [name for name in vmt.__all__ if not name.startswith("__")]
    return "\n".join([PYTHON, *(f"::: vmt.api.{name}\n" for name in names)])


PAGES = {
    "bucket.md": describe.render,
    "configuration.md": configuration,
    "events.md": events,
    "cli.md": commands,
    "python.md": python_api,
}


def write_pages() -> None:
    """Write every page into the build of MkDocs."""
    for name, page in PAGES.items():
        with mkdocs_gen_files.open(name, "w") as file:
            file.write(page())


if __name__ in ("__main__", "<run_path>"):
    write_pages()
