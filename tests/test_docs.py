"""The documents keep their word: their commands exist and are run by tests, their links lead
somewhere, and every picture is shown.
"""

import ast
import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from vmt.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda page: page.as_posix()
)
MADE_BY_THE_BUILD = {"bucket.md", "configuration.md", "events.md", "cli.md", "python.md"}
# Programs that are not VMT's own. What they do here is done by the tests that are named, or it is
# a recipe for production that says so.
FOREIGN = {
    *(".", "export", "cd", "chmod", "ls", "cp", "rm", "git", "sleep", "cat", "tar"),
    *("aws", "docker", "kubectl", "pg_dump", "psql", "createdb", "nginx", "curl", "kill"),
    *("prefect", "torchrun", "pytest", "pip", "npm", "apt-get", "sudo", ".ci/run"),
}
# Commands that tests run through another door than their own words.
RUN_BY = {
    "vmt": "tests/cli/test_startup.py",
    "vmt up": "tests/stack/test_stack.py",
    "vmt down": "tests/stack/test_stack.py",
    "vmt status": "tests/stack/test_stack.py",
    "vmt dashboard": "tests/e2e/test_dashboard.py",
}
MAKE_RUN_BY = {
    "demo": "tests/integration/test_demo.py",
    "dashboard": "tests/e2e/test_dashboard.py",
    "model": "tests/cli",
}


def shell_lines(page: Path) -> Iterator[str]:
    """The commands of a page's shell blocks, without comments and continuation lines."""
    for block in re.findall(
        r"^ *```(?:sh|bash|shell)[^\n]*\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE
    ):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||;(?= )", line.split(" #")[0]):
                if part.strip() and not part.strip().startswith("#"):
                    yield part.strip()


def words_of(command: str) -> list[str]:
    """The words of a command, without variables before it and pipes after it."""
    words = shlex.split(command.split("|")[0].split(" > ")[0])
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    return words


@cache
def root_command() -> Any:
    return typer.main.get_command(app)


def checked_command(words: list[str]) -> str:
    """The path of a `vmt` command, each word and option of which exists."""
    command, path, rest = root_command(), ["vmt"], list(words[1:])
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"{' '.join(path)} has no command {rest[0]}"
        path.append(rest[0])
        command = command.commands[rest.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    for word in rest:
        if re.match(r"--?[a-zA-Z]", word):
            assert word.split("=")[0] in options, f"{' '.join(path)} has no option {word}"
    return " ".join(path)


@cache
def words_in_tests() -> str:
    """All string literals of the tests, one file after the other, in order."""
    literals = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literals.append(node.value)
    return "\n".join(literals) + "\n" + (ROOT / ".ci/run").read_text()


def is_run_by_a_test(path: str) -> bool:
    """Whether the words of a command follow one another in the literals of a test."""
    words = [re.escape(word) for word in path.split()[1:]]
    return (
        bool(words)
        and re.search(r"(?m)^" + r"\s+".join(words) + r"\b", words_in_tests()) is not None
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist_and_tests_run_them(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in shell_lines(page):
        words = words_of(line)
        if not words or words[0] in FOREIGN:
            continue
        if words[0] == "vmt":
            path = checked_command(words)
            evidence = RUN_BY.get(path)
            assert is_run_by_a_test(path) or (evidence and (ROOT / evidence).exists()), path
        elif words[0] == "make":
            assert words[1] in targets, line
        elif words[0].startswith("python"):
            assert words[1] == "-m", line
            assert importlib.util.find_spec(words[2]) is not None, line
        else:
            pytest.fail(f"{page.name}: {line!r} is neither VMT's nor known to this test")


def test_each_documented_make_target_is_run() -> None:
    ci = (ROOT / ".ci/run").read_text()
    for target, evidence in MAKE_RUN_BY.items():
        assert f"make {target}" in ci or (ROOT / evidence).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve()
        if path.parent == ROOT / "docs" and path.name in MADE_BY_THE_BUILD:
            continue
        assert path.exists(), f"{page.name} links to {target}"


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text() for page in PAGES)
    tracked = subprocess.run(
        ["git", "ls-files", "docs/img"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    pictures = {Path(name).name for name in tracked}
    assert {name for name in pictures if name not in text} == set()
