"""All languages say the same things, nothing is said that nobody asks for, and a language is one
file.
"""

import ast
import string
import tomllib
from pathlib import Path

import pytest

from vmt import i18n

ROOT = Path(__file__).parents[2]
FACES = ("page", "report", "night")
TRANSLATIONS = [code for code in i18n.languages() if code != i18n.REFERENCE]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def content(code: str) -> dict[str, object]:
    return tomllib.loads((ROOT / f"vmt/i18n/{code}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", TRANSLATIONS)
@pytest.mark.parametrize("face", FACES)
def test_all_languages_have_the_same_texts_with_the_same_fields(code: str, face: str) -> None:
    reference, translated = i18n.texts(i18n.REFERENCE, face), i18n.texts(code, face)
    assert translated.keys() == reference.keys()
    for name, text in reference.items():
        assert text.strip(), name
        assert translated[name].strip(), name
        assert fields(translated[name]) == fields(text), name


@pytest.mark.parametrize("code", i18n.languages())
def test_a_file_holds_the_faces_and_nothing_else(code: str) -> None:
    assert set(content(code)) == {"name", *FACES}
    assert set(content(code)["page"]) == set(content(i18n.REFERENCE)["page"])  # type: ignore[call-overload]


def strings(*folders: str) -> tuple[set[str], set[str]]:
    """Every string constant of the sources, and the literal beginnings of f-strings."""
    whole, beginnings = set(), set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    whole.add(node.value)
                elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    beginnings.add(str(node.values[0].value))
    return whole, beginnings


@pytest.mark.parametrize(
    ("face", "folders"),
    [
        ("page", ("dashboard",)),
        ("report", ("vmt/reports", "vmt/training")),
        ("night", ("vmt/reports", "vmt/training")),
    ],
)
def test_every_text_is_asked_for(face: str, folders: tuple[str, ...]) -> None:
    whole, beginnings = strings(*folders)
    prefixes = tuple(beginning for beginning in beginnings if beginning.endswith("."))
    unused = [
        name
        for name in i18n.texts(i18n.REFERENCE, face)
        if name not in whole and not name.startswith(prefixes)
    ]
    assert unused == []


def test_a_field_chooses_a_word_by_its_number() -> None:
    text = "{n} {n:video|videos}"
    assert [i18n.fill(text, {"n": n}) for n in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
    assert i18n.fill("{x:.1%}, {{x}}", {"x": 0.25}) == "25.0%, {x}"


def test_an_unknown_language_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(i18n.UnknownLanguage, match=r"'xx'.*en, zh"):
        i18n.say("xx", "report", "title", run="r")
