"""The public API: the example of each rung runs, and so does README's."""

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vmt
from tests.clips import AAC, H264, ffmpeg
from tests.studio import Studio
from vmt import api
from vmt.errors import DatasetError, GenerationError, TrainingError

ROOT = Path(__file__).parents[1]
LADDER = (
    *("load_model", "extract_features", "sample_chords", "arrange_chords", "render", "soundtrack"),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of a test picture, cut once, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = "testsrc2=size=64x64:rate=5:duration=8"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=frequency=220:duration=8"),
        *(*H264, *AAC, path),
    )
    return path


@pytest.fixture
def _environment(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMT_STORE", str(studio.store.root))
    monkeypatch.setenv("VMT_CACHE", str(studio.settings.cache))
    monkeypatch.setenv("VMT_CLIP_MODEL", studio.settings.clip_model)
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", studio.settings.clip_weights)


@pytest.mark.usefixtures("_environment")
def test_the_example_of_each_rung_runs(studio: Studio, clip: Path, tmp_path: Path) -> None:
    """In the order of the ladder, each with what the ones before made."""
    names = {
        "vmt": vmt,
        "video": clip,
        "folder": tmp_path,
        "run_folder": studio.store.root / "runs" / studio.run,
    }
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
    for rung in LADDER:
        (example,) = doctest.DocTestFinder(recurse=False).find(
            getattr(api, rung), rung, globs=names
        )
        assert example.examples, rung
        result = runner.run(example, clear_globs=False)
        assert result.failed == 0, rung
        names |= example.globs


@pytest.mark.usefixtures("_environment")
def test_readmes_example_runs(
    studio: Studio, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of `vmt`'s own docstring, which README shows as well."""
    text = (ROOT / "README.md").read_text()
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "vmt." in block
    ]
    (own,) = re.findall(r"```python\n(.*?)```", vmt.__doc__ or "", re.DOTALL)
    assert code == own
    (tmp_path / "film.mp4").write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace('"demo"', repr(studio.run)), "README.md", "exec"), {})
    assert (tmp_path / "film.flac").stat().st_size > 1000


@pytest.mark.usefixtures("_environment")
def test_the_same_seed_gives_the_same_soundtrack_and_another_a_different_one(
    studio: Studio, clip: Path
) -> None:
    model = vmt.load_model()
    assert model.name.startswith(f"{studio.run}@")
    features = vmt.extract_features(clip, model)

    def notes(seed: int) -> bytes:
        chords = vmt.sample_chords(model, features, seed=seed)
        return vmt.arrange_chords(chords, features, "piano", seed=seed).midi_bytes()

    assert notes(1) == notes(1)
    assert notes(1) != notes(2)


@pytest.mark.usefixtures("_environment")
def test_the_primer_comes_first(studio: Studio, clip: Path) -> None:
    model = vmt.load_model(f"{studio.run}@0")
    features = vmt.extract_features(clip, model)
    chords = vmt.sample_chords(model, features, key="D major", primer="D:min7 G:7 E:min")
    assert chords.labels[:3] == ("D:min7", "G:7", "E:min")
    assert chords.lab().splitlines()[:2] == ["key D major", "0 D:min7"]
    assert np.all((chords.loudness >= 0) & (chords.loudness <= 1))


@pytest.mark.usefixtures("_environment")
def test_mistakes_are_named(studio: Studio, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="run nowhere: not in the store"):
        vmt.load_model("nowhere")
    with pytest.raises(TrainingError, match="no run of a local store"):
        vmt.load_model(tmp_path)
    model = vmt.load_model(studio.store.root / "runs" / studio.run)
    features = vmt.extract_features(clip, model)
    with pytest.raises(GenerationError, match="temperature"):
        vmt.sample_chords(model, features, temperature=0.0)
    wide = np.zeros((features.seconds, 20), dtype=np.float32)
    from dataclasses import replace

    with pytest.raises(DatasetError, match=r"20 semantic values a second, and model .* takes 16"):
        vmt.sample_chords(model, replace(features, semantic=wide))


def test_without_a_champion_a_run_must_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VMT_STORE", str(tmp_path))
    with pytest.raises(GenerationError, match="no champion; promote a run, or name one"):
        vmt.load_model()


def test_every_exported_name_is_there_and_documented() -> None:
    assert set(vmt.__all__) == {*api.__all__, "__version__"}
    assert set(vmt.__all__) <= set(dir(vmt))
    for name in api.__all__:
        assert getattr(vmt, name) is getattr(api, name)
        assert getattr(vmt, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'sing'"):
        vmt.sing  # noqa: B018


def test_the_package_of_the_arranger_and_the_api_live_side_by_side() -> None:
    code = (
        "import vmt, vmt.arrange.form, types\n"
        "assert isinstance(vmt.arrange, types.ModuleType)\n"
        "assert callable(vmt.arrange_chords)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_package_is_typed() -> None:
    assert (ROOT / "vmt/py.typed").is_file()
    assert '"vmt" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_the_version_is_the_same_everywhere() -> None:
    module = ast.parse((ROOT / "vmt/__init__.py").read_text())
    versions = [
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert versions == [vmt.__version__]
    assert f'version = "{vmt.__version__}"' in (ROOT / "pyproject.toml").read_text()
