"""Plain technical English: a short list of phrases stays out of messages, docstrings and documents.

Each phrase once stood in this project where a field term, or a plain sentence, says more. The rule
is for the places in `CODE` and `DOCUMENTS`; a new place is added by adding its path.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Folders and files whose string literals (messages, help texts, docstrings) are checked. Missing so
# far, of vmt: arrange, media, training.
CODE = (
    "dashboard",
    "flows",
    "vmt/__init__.py",
    "vmt/api.py",
    "vmt/audio",
    "vmt/catalog",
    "vmt/chord_grammar.py",
    "vmt/chords.py",
    "vmt/cli",
    "vmt/dataset",
    "vmt/doctor.py",
    "vmt/errors.py",
    "vmt/features",
    "vmt/hardware.py",
    "vmt/i18n",
    "vmt/jobs",
    "vmt/metrics",
    "vmt/model",
    "vmt/reports",
    "vmt/runtime",
    "vmt/settings.py",
    "vmt/stack",
    "vmt/store",
    "vmt/synthetic",
)
DOCUMENTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "docs",
    "prefect.yaml",
    "vmt/i18n/en.toml",
)

# Phrase (a regular expression, any case) and what to write instead.
BANNED = {
    r"as (they|it) stands?": "unchanged; with kept pauses; the current ...",
    r"go(es|ing|ne)? on (with|from)": "resume; continue; start from",
    r"(keep|kept|keeps|keeping) house": "clean up; remove",
    r"house of": "name the thing",
    r"the one that served before": "the previous champion",
    r"again if passing": "retry transient failures",
    r"but for": "except; without",
    r"nobody": "no user; no process; nothing",
    r"somebody": "a user; an operator; another process",
    r"an?ew": "again; from scratch",
    r"what (became|is become) of": "the result of",
    r"(tried|asked|started) again if": "retried if",
    r", for (it|they|there|he|she|this|these|which)\b": ", because ...",
    r"all the same": "anyway; still",
    r"comings and goings": "name the events",
    r"(may|will|can) pass by itself": "is transient",
    r"has its (own )?say": "decides",
}


def files() -> Iterator[Path]:
    for name in CODE:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string literal; f-strings by their constant parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def banned(text: str) -> list[str]:
    """The banned phrases of a text, each with what to write instead."""
    flat = " ".join(text.split())
    return [
        f"{hit[0]!r} (better: {instead})"
        for phrase, instead in BANNED.items()
        for hit in re.finditer(rf"(?<!\w){phrase}(?!\w)", flat, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", list(files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_and_docstrings_have_no_banned_phrase(path: Path) -> None:
    hits = [f"line {line}: {hit}" for line, text in texts(path) for hit in banned(text)]
    assert hits == []


def documents() -> Iterator[Path]:
    for name in DOCUMENTS:
        path = ROOT / name
        yield from sorted(path.rglob("*.md")) if path.is_dir() else [path]


@pytest.mark.parametrize("path", list(documents()), ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_have_no_banned_phrase(path: Path) -> None:
    assert banned(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Deployments are served as they stand.", 1),
        ("NOBODY is told when empty", 1),
        ("it was put aside\n and begun anew", 1),
        ("The run is resumed, because it was stopped.", 0),
        ("a new one; renewed; houses of", 0),
        ("what goes\n on with it", 1),
    ],
)
def test_phrases_are_found_across_lines_and_as_whole_words(text: str, count: int) -> None:
    assert len(banned(text)) == count


def test_the_checked_places_exist() -> None:
    assert [name for name in (*CODE, *DOCUMENTS) if not (ROOT / name).exists()] == []
