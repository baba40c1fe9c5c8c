import ast
import re
from pathlib import Path

from dashboard import pages
from vmt import i18n

DASHBOARD = Path(__file__).parents[3] / "dashboard"
WORDS = i18n.texts(i18n.REFERENCE, "page")


def used() -> tuple[set[str], set[str]]:
    """The names that pages ask for: whole ones, and prefixes of f-strings such as `state.`."""
    whole, prefixes = set(), set()
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "t"
            ):
                continue
            name = node.args[0]
            for leaf in (name.body, name.orelse) if isinstance(name, ast.IfExp) else (name,):
                if isinstance(leaf, ast.JoinedStr) and isinstance(leaf.values[0], ast.Constant):
                    prefixes.add(str(leaf.values[0].value))
                elif isinstance(leaf, ast.Constant):
                    whole.add(str(leaf.value))
    return whole, prefixes


def test_every_name_that_a_page_asks_for_has_words() -> None:
    whole, prefixes = used()
    assert whole - set(WORDS) == set()
    assert {
        prefix for prefix in prefixes if not any(name.startswith(prefix) for name in WORDS)
    } == set()


def test_every_page_is_discovered_and_has_a_title() -> None:
    assert pages.names() == ["overview", "runs", "listen", "compare", "dataset", "jobs"]
    for name in pages.names():
        assert (DASHBOARD / "pages" / name / "page.py").is_file()
        assert f"page.{name}" in WORDS


def test_pages_hold_no_words_of_their_own() -> None:
    shows = {
        "title",
        "header",
        "subheader",
        "caption",
        "info",
        "warning",
        "success",
        "button",
        "metric",
        "badge",
    }
    sources = [*DASHBOARD.glob("pages/*/*.py"), *DASHBOARD.glob("components/*.py")]
    assert len(sources) > 20
    for path in [*sources, DASHBOARD / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in shows
                and node.args
            ):
                first = node.args[0]
                spoken = isinstance(first, ast.Constant) and re.search("[a-z]{2}", str(first.value))
                assert not spoken, f"{path.name}: {ast.unparse(node)}"
