"""Help texts: their form, the values that they name, the panels; every flow has its command."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import vmt
from flows.commands.arguments import NAMES
from vmt import chords, cli, i18n
from vmt.arrange.config import ORIGINAL_SOUND
from vmt.arrange.spotting import HIT_KINDS
from vmt.arrange.styles import style_names
from vmt.cli import groups, options
from vmt.jobs.train.evaluate import SPLITS
from vmt.model.presets import preset_names
from vmt.runtime.flow_process import COMMANDS

ROOT = typer.main.get_command(cli.app)

# Commands whose job has no flow, with the reason.
WITHOUT_FLOW = {
    "forget": "a person's decision about one video, done at once",
    "dataset freeze": "a step of `nightly`",
    "import muvi-sync": "reads a folder of this machine",
    "weights import": "reads a file of this machine",
    "weights export": "writes a file of this machine",
    "model": "reads a folder of this machine",
    "features check": "a benchmark of this machine",
    "report": "`train` writes it; by hand it takes a second",
    "rollback": "the flow `promote` with rollback=true",
}
# Commands that only read, or that operate the stack and the flows: no jobs.
NO_JOB = {
    *("dataset show", "dataset list", "dataset diff", "runs", "doctor", "dashboard", "demo"),
    *("up", "status", "down", "logs"),
    *(f"flow {command}" for command in COMMANDS),
}


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its name, such as `dataset freeze`."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, child in command.commands.items():
        yield from commands(child, (*path, name))


def parameters() -> list[Any]:
    found = [("vmt", parameter) for parameter in ROOT.params]
    for name, command in commands():
        found += [(name, parameter) for parameter in command.params]
    own = [pair for pair in found if "completion" not in pair[1].name and pair[1].name != "help"]
    return [pytest.param(pair[1], id=f"{pair[0]} {pair[1].name}") for pair in own]


@pytest.mark.parametrize("parameter", parameters())
def test_a_help_text_says_what_values_and_default(parameter: Any) -> None:
    """Sentences: what the parameter does, its values, and the default of all that have one."""
    text = parameter.help
    assert text, "no help"
    assert re.match(r"[A-Z]", text), text
    assert text.endswith("."), text
    if not parameter.required and parameter.name != "version":
        assert "Default: " in text or " Default " in text, text


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=[name for name, _ in commands()]
)
def test_a_command_says_what_it_does_in_one_line(name: str, command: Any) -> None:
    first = command.help.splitlines()[0]
    assert re.fullmatch(r"[A-Z].{10,95}\.", first), first


def test_the_defaults_in_help_texts_are_the_defaults() -> None:
    for name, command in commands():
        for parameter in command.params:
            said = re.search(r"Default: ([\w./-]+?)[.,]?(?: |$)", parameter.help or "")
            if isinstance(parameter.default, bool):
                assert "Default: off" in parameter.help, (name, parameter.name)
            elif isinstance(parameter.default, int | float | str) and parameter.default not in (
                "",
                "{}",
            ):
                assert said is not None, (name, parameter.name)
                assert (
                    said[1].rstrip(".") == f"{parameter.default:g}"
                    if isinstance(parameter.default, float)
                    else said[1].rstrip(".") == str(parameter.default)
                ), (name, parameter.name)


def test_named_values_are_those_of_the_code() -> None:
    assert options.STYLES.split(", ") == sorted(style_names())
    assert options.PRESETS.split(", ") == list(preset_names())
    assert options.HIT_KINDS.split(", ") == list(HIT_KINDS)
    assert options.EMOTIONS.split(", ") == list(chords.EMOTIONS)
    assert re.findall(r"(\w+) \(", options.ORIGINAL_SOUND) == list(ORIGINAL_SOUND)
    assert options.SPLITS.split(", ") == list(SPLITS)
    assert options.LANGUAGES.split(", ") == list(i18n.languages())
    assert options.FLOWS.split(", ") == list(NAMES)
    for key in ("C major", "B minor", "F# minor"):
        assert key in options.KEYS
        chords.parse_key(key)


def test_every_top_command_is_in_a_panel() -> None:
    panels = [vars(command)["rich_help_panel"] for command in ROOT.commands.values()]  # type: ignore[attr-defined]
    assert set(panels) == set(groups.PANELS)
    shown = CliRunner().invoke(cli.app, ["--help"]).output
    places = [shown.index(f"─ {panel} ") for panel in groups.PANELS]
    assert places == sorted(places)


def test_every_flow_has_a_command_and_every_job_a_flow() -> None:
    names = {name for name, _ in commands()}
    assert set(NAMES) <= names
    assert names - set(NAMES) == set(WITHOUT_FLOW) | NO_JOB


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).output == f"vmt {vmt.__version__}\n"


def test_quiet_and_verbose_exclude_each_other() -> None:
    result = CliRunner().invoke(cli.app, ["-q", "-v", "runs"])
    assert "exclude each other" in result.output
    assert result.exit_code == 2
