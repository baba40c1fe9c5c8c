from pathlib import Path

from tests.arrange.songs import POP
from tests.guides.example import example_files, write_files
from vmt.jobs.soundtrack.styles import find_style, style_source
from vmt.settings import Settings
from vmt.store import LocalStore


def test_the_example_is_one_file_and_plays(tmp_path: Path) -> None:
    files = example_files("add-a-style")
    assert list(files) == ["styles/lullaby.toml"]
    write_files(files, tmp_path)
    settings = Settings(styles=tmp_path / "styles")
    style = find_style("lullaby", style_source(LocalStore(tmp_path / "store"), settings)).style
    midi = POP.arranged(style, tempo_bpm=80.0)
    assert [part.name for part in midi.instruments] == ["Music box", "Bass"]
    assert all(len(part.notes) > 10 for part in midi.instruments)
