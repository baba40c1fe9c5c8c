import json
import shutil
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.guides.example import ROOT, example_files
from tests.i18n import test_i18n
from vmt import i18n


def toml(table: dict[str, Any], path: str = "") -> str:
    """Tables of texts as TOML."""
    texts = {key: value for key, value in table.items() if isinstance(value, str)}
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in texts.items()]
    tables = [
        toml(value, f"{path}{key}.") for key, value in table.items() if isinstance(value, dict)
    ]
    head = [f"[{path.removesuffix('.')}]"] if path and texts else []
    return "\n".join([*head, *lines, *tables])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package's texts, which the package reads until the end of the test."""
    copy = tmp_path / "i18n"
    shutil.copytree(ROOT / "vmt" / "i18n", copy)
    monkeypatch.setattr(resources, "files", lambda _: copy)
    for cached in (i18n._files, i18n.texts):
        cached.cache_clear()
    yield copy
    for cached in (i18n._files, i18n.texts):
        cached.cache_clear()


def test_the_example_is_one_file_and_speaks(folder: Path) -> None:
    files = example_files("add-a-language")
    assert list(files) == ["vmt/i18n/nl.toml"]
    translated = tomllib.loads(files["vmt/i18n/nl.toml"])

    content = tomllib.loads((folder / "en.toml").read_text(encoding="utf-8"))
    assert translated["page"]["frame"].keys() <= content["page"]["frame"].keys()
    content["name"] = translated["name"]
    content["page"]["frame"] |= translated["page"]["frame"]
    (folder / "nl.toml").write_text(toml(content), encoding="utf-8")

    assert i18n.languages()["nl"] == "Nederlands"
    assert i18n.say("nl", "page", "store_is", url="x") == "Opslag: x"
    for face in test_i18n.FACES:
        test_i18n.test_all_languages_have_the_same_texts_with_the_same_fields("nl", face)
