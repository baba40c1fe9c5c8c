"""Styles of the user and of the store, beside the built-in ones."""

import dataclasses
from pathlib import Path

import pytest

from tests.studio import Studio
from vmt.arrange.config import GenerateConfig
from vmt.arrange.styles import BUILT_IN, style_names
from vmt.catalog.runs import Run
from vmt.errors import GenerationError
from vmt.jobs.soundtrack.composer import Composer, take_name
from vmt.jobs.soundtrack.dry_run import plan
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.soundtrack.styles import find_style, style_source
from vmt.settings import Settings
from vmt.store import LocalStore

VIDEO = "videos/demo0-00-exciting.mp4"


def piano() -> str:
    text = BUILT_IN.read("piano")
    assert text is not None
    return text


def test_styles_are_found_in_the_folder_and_in_the_store(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    settings = Settings(styles=tmp_path / "styles")
    assert style_source(store, settings).names() == style_names()

    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "mine.toml").write_text(piano().replace('about = "', 'about = "Mine, '))
    store.put("styles/team.toml", piano().encode())
    store.put("styles/mine.toml", b"of the store")
    store.put("styles/band.toml", b"no replacement of a built-in one")
    source = style_source(store, settings)
    assert source.names() == tuple(sorted([*style_names(), "mine", "team"]))
    assert find_style("mine", source).style.about.startswith("Mine, ")
    assert find_style("team", source).style.tracks == find_style("piano", source).style.tracks
    assert find_style("band", source).style.name == "band"
    with pytest.raises(GenerationError, match=r"'polka': there is none; choose .*mine.*team"):
        find_style("polka", source)


def test_a_changed_style_is_a_new_take(studio: Studio) -> None:
    config = dataclasses.asdict(GenerateConfig(style="ours"))
    names = []
    for text in (piano(), piano() + "\n# one more line\n", piano()):
        studio.store.put("styles/ours.toml", text.encode())
        composer = Composer(studio.store, studio.settings, Run(studio.store, studio.run), 1)
        names.append(take_name(composer.inputs("ab" * 32, config)))
    assert names[0] == names[2] != names[1]


def test_a_soundtrack_in_a_style_of_the_store(studio: Studio) -> None:
    studio.store.put("styles/ours.toml", piano().encode())
    config = GenerateConfig(style="ours", key="C major", tempo_bpm=100.0)
    report = generate(studio.store, studio.settings, [VIDEO], run=studio.run, config=config)
    assert not report.failed
    same = dataclasses.replace(config, style="piano")
    other = generate(studio.store, studio.settings, [VIDEO], run=studio.run, config=same)
    midis = [studio.store.get(each.made[0].files["mid"]) for each in (report, other)]
    assert midis[0] == midis[1]  # the same patterns under another name
    planned = plan(studio.store, studio.settings, [VIDEO], run=studio.run, config=config)
    assert [take.state for take in planned] == ["known"]
