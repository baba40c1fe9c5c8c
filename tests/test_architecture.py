"""What crosses a room's border is typed: no public function takes or returns `dict[str, Any]`.

A misspelt field of a dataclass is an error of mypy; a misspelt key of a mapping is a KeyError when
it runs. The layers and the forbidden imports are held by Import Linter.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "dashboard/sources",
    "vmt/catalog",
    "vmt/dataset",
    "vmt/jobs",
    "vmt/metrics",
    "vmt/reports",
)
UNTYPED = ("dict[str, Any]", "Mapping[str, Any]")

# Function and why its mapping may stay.
_DECODED = (
    "metrics lie beside the catalog and do not know its records; vmt.jobs.train.evaluate decodes "
    "the mapping into one, which checks each value"
)
ALLOWED = {
    "vmt/metrics/chords.py:confusion": _DECODED,
    "vmt/metrics/mode.py:evaluate_mode": _DECODED,
    "vmt/metrics/rhythm.py:evaluate_rhythm": _DECODED,
}


def untyped(source: str) -> Iterator[str]:
    """Names of the public functions and fields that take, return or hold an untyped mapping."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            hints = [argument.annotation for argument in arguments] + [node.returns]
            name = node.name
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            hints = [field.annotation for field in node.body if isinstance(field, ast.AnnAssign)]
            name = node.name
        else:
            continue
        texts = [ast.unparse(hint) for hint in hints if hint is not None]
        if any(mapping in text for text in texts for mapping in UNTYPED):
            yield name


def files() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_records_and_not_mappings_cross_the_border_of_a_room() -> None:
    hits = {
        f"{path.relative_to(ROOT)}:{name}" for path in files() for name in untyped(path.read_text())
    }
    assert hits - ALLOWED.keys() == set(), "give it a frozen dataclass, or a reason in ALLOWED"
    assert ALLOWED.keys() - hits == set(), "these are typed now: take them off the list"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def a(x: Mapping[str, Any] | None) -> None: ...", ["a"]),
        ("def a(*, x: int = 1) -> list[dict[str, Any]]: ...", ["a"]),
        ("class A:\n    x: dict[str, Any]", ["A"]),
        ("def _a() -> dict[str, Any]: ...\ndef b() -> Mapping[str, object]: ...", []),
    ],
)
def test_signatures_and_fields_are_read(source: str, names: list[str]) -> None:
    assert list(untyped(source)) == names
