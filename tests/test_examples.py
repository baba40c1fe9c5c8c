"""The examples run: each script as a reader starts it, and the code cells of the notebook."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tests.clips import AAC, H264, ffmpeg
from tests.studio import Studio

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of a test picture with a tone."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    picture = "testsrc2=size=64x64:rate=5:duration=6"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=frequency=220:duration=6"),
        *(*H264, *AAC, path),
    )
    return path


@pytest.fixture
def _environment(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a reader who trained a model."""
    monkeypatch.setenv("VMT_STORE", str(studio.store.root))
    monkeypatch.setenv("VMT_CACHE", str(studio.settings.cache))
    monkeypatch.setenv("VMT_CLIP_MODEL", studio.settings.clip_model)
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", studio.settings.clip_weights)


@pytest.fixture
def lines_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Runs an example with arguments, in this process (which knows the small CLIP of the tests),
    and returns the lines that it prints.
    """

    def run(name: str, *arguments: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def test_every_example_has_a_test() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    text = Path(__file__).read_text()
    assert {name for name in names if f'"{name}"' not in text} == set()


def test_own_chords(lines_of: Callable[..., list[str]], tmp_path: Path) -> None:
    lines = lines_of("own_chords.py", "C G A:min F", str(tmp_path))
    assert len(lines) >= 1
    assert all(int(line.split()[-2]) > 0 for line in lines)
    assert soundfile.info(str(tmp_path / "music.flac")).duration == 32
    assert (tmp_path / "music.mid").read_bytes()[:4] == b"MThd"


@pytest.mark.usefixtures("_environment")
def test_chords_of_a_video(studio: Studio, film: Path, lines_of: Callable[..., list[str]]) -> None:
    lines = lines_of("chords_of_a_video.py", studio.run, str(film))
    assert lines[0].startswith("6 s, ")
    assert [line.split(":")[0] for line in lines[1:]] == ["seed 1", "seed 2", "seed 3"]
    for line in lines[1:]:
        assert sum(int(word[1:]) for word in line.split()[3::2]) == 6


@pytest.mark.usefixtures("_environment")
def test_losses_of_runs(studio: Studio, lines_of: Callable[..., list[str]]) -> None:
    (line,) = lines_of("losses_of_runs.py")
    assert line.startswith(f"{studio.run}: 2 epochs, lowest validation chord loss ")


@pytest.mark.usefixtures("_environment")
def test_the_notebooks_cells_run(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = json.loads((EXAMPLES / "soundtrack.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in notebook["cells"]), "clear the outputs"
    (tmp_path / "film.mp4").write_bytes(film.read_bytes())
    monkeypatch.chdir(tmp_path)

    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    assert soundfile.info("film.flac").duration == 6
