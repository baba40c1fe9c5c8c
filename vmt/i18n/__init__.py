"""Every text that people read on pages and in reports: one TOML file for each language.

A file holds `name`, the language's own name, a table `page.<page>` for each page of the dashboard,
the table `report` of run reports and the table `night` of nightly reports. `en.toml` is the
reference: the other files have the same names with the same fields, which a test holds.

A text is a format string. A field may choose a word by its number, as plural forms need it:
`{n} {n:video|videos}` reads `1 video` and `2 videos`. A language without plural forms omits it.

The package lies below `vmt.reports` and the dashboard, so that both can read it; the dashboard may
not be imported from here.
"""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from vmt.errors import VmtError

REFERENCE = "en"


class UnknownLanguage(VmtError):
    """A language without a file of texts."""


class _Formatter(string.Formatter):
    """Formats as `str.format`, and `{n:one|many}` as `one` where n is 1, else as `many`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if bar:
            return one if value == 1 else many
        return str(super().format_field(value, format_spec))


_FORMATTER = _Formatter()


def fill(template: str, values: Mapping[str, object]) -> str:
    """A text with its fields filled in.

    >>> fill("{n} {n:video|videos}", {"n": 1})
    '1 video'
    """
    return _FORMATTER.vformat(template, (), values)


@cache
def _files() -> dict[str, dict[str, Any]]:
    """The content of each language's file, the reference first."""
    folder = resources.files(__package__)
    codes = sorted(
        (file.name.removesuffix(".toml") for file in folder.iterdir() if file.name[-5:] == ".toml"),
        key=lambda code: (code != REFERENCE, code),
    )
    return {
        code: tomllib.loads((folder / f"{code}.toml").read_text(encoding="utf-8")) for code in codes
    }


def languages() -> dict[str, str]:
    """The code of each language and its own name, the reference first: `{"en": "English", ...}`."""
    return {code: str(content["name"]) for code, content in _files().items()}


def check_language(code: str) -> str:
    """`code`, if there are texts in this language.

    Raises:
        UnknownLanguage: if there are none.
    """
    if code not in _files():
        raise UnknownLanguage(
            f"language {code!r} has no texts; choose one of {', '.join(_files())}"
        )
    return code


@cache
def texts(code: str, face: str) -> dict[str, str]:
    """The texts of one face in one language by name.

    Args:
        code: of the language.
        face: `page` (the texts of all pages together), `report` or `night`.

    Raises:
        UnknownLanguage: if the language has no file.
        ValueError: if two pages give the same name to a text.
    """
    content: dict[str, Any] = _files()[check_language(code)][face]
    if face != "page":
        return content
    merged: dict[str, str] = {}
    for page, own in content.items():
        if twice := merged.keys() & own.keys():
            raise ValueError(f"{code}.toml, page.{page}: {', '.join(sorted(twice))} named twice")
        merged |= own
    return merged


def say(code: str, face: str, name: str, /, **values: object) -> str:
    """The text `name` of a face, filled in.

    Args:
        code: of the language.
        face: as `texts` takes it.
        name: of the text.
        values: of its fields.

    Raises:
        UnknownLanguage: if the language has no file.
        KeyError: if the face has no such text.
    """
    return fill(texts(code, face)[name], values)
