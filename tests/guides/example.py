"""The examples of the guides, performed as a reader would do it."""

import importlib
import re
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
_BLOCK = re.compile(r'^( *)```\w+ title="([^"]+)"\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)


def example_files(guide: str) -> dict[str, str]:
    """The files that a guide's example writes or extends, by path in the repository."""
    text = (GUIDES / f"{guide}.md").read_text()
    files = {path: textwrap.dedent(body) for _, path, body in _BLOCK.findall(text)}
    assert files, guide
    return files


def write_files(files: dict[str, str], folder: Path) -> None:
    """Write the example below a folder."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def install_modules(files: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the example's modules part of the package until the end of the test.

    A new module is found beside the package's own; what extends an existing one is run at its end.
    """
    write_files(files, folder)
    for path, text in files.items():
        if not path.endswith(".py"):
            continue
        name = path.removesuffix(".py").replace("/", ".")
        if (ROOT / path).is_file():
            module = importlib.import_module(name)
            for attribute, value in vars(module).items():
                if isinstance(value, dict) and not attribute.startswith("__"):
                    monkeypatch.setattr(module, attribute, dict(value))
            exec(compile(text, path, "exec"), vars(module))
        else:
            package = importlib.import_module(name.rpartition(".")[0])
            monkeypatch.delitem(sys.modules, name, raising=False)
            monkeypatch.setattr(
                package, "__path__", [*package.__path__, str((folder / path).parent)]
            )
