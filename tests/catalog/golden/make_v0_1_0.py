"""Make the golden store of VMT 0.1.0: every kind of JSON and CSV that this version wrote.

The script runs against the code of 0.1.0 (commit dd3fcad), never against this tree:

    git worktree add ../old dd3fcad
    PYTHONPATH=../old python tests/catalog/golden/make_v0_1_0.py FOLDER

FOLDER gets the JSON, CSV and Parquet objects of the store under their keys. Media, weights and
features are left out. The files of `v0.1.0/` were made once and are never made again: they witness
what stores of that version hold.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import flows.judging as judging_tasks
import imageio_ffmpeg
import open_clip
import torch
from tests.jobs.test_weights import published
from vmt.demo.corpus import make_video
from vmt.demo.songs import compose
from vmt.features.extract import Extractor, ExtractorConfig
from vmt.jobs.best_epoch import best_epoch
from vmt.jobs.compare import compare
from vmt.jobs.evaluate import evaluate
from vmt.jobs.forget import forget
from vmt.jobs.freeze import freeze, import_muvi_sync
from vmt.jobs.generate import generate
from vmt.jobs.inbox import serve_inbox
from vmt.jobs.promote import promote, rollback
from vmt.jobs.score import evaluate_generated
from vmt.jobs.weights import import_weights
from vmt.music.config import GenerateConfig
from vmt.training.registry import Run, Turn

import flows.nightly as night_flow
import flows.tasks as pipeline_tasks
from dashboard import ratings
from tests.conftest import TINY
from tests.studio import film_clip, write_song
from vmt.errors import TrainingError
from vmt.jobs.ingest import ingest
from vmt.jobs.train import train
from vmt.settings import Settings
from vmt.store import LocalStore

OVERRIDES = {"epochs": 2, "d_model": 32, "d_feedforward": 32, "n_layers": 1, "n_heads": 2}
KEPT = (".json", ".csv", ".parquet")


class Stop(Exception):
    """Ends a training between two epochs, as a kill would."""


def add_video(store: LocalStore, index: int, folder: Path) -> str:
    """One demo song's film; its id."""
    song = compose(index, 0)
    make_video(song, folder / "video.mp4")
    store.put_file(f"videos/{song.id}.mp4", folder / "video.mp4")
    return song.id


def add_videos(store: LocalStore, extractor: Extractor, folder: Path) -> list[str]:
    """Dataset versions, a sidecar of rights, refusals, and a video that was taken down."""
    ids = [add_video(store, index, folder) for index in range(4)]
    rights = {"source": "tests", "licence": "CC0-1.0", "consent": True, "note": "not kept"}
    store.put(f"videos/{ids[0]}.json", json.dumps(rights).encode())
    store.put("videos/damaged.mp4", b"no video")
    store.put("videos/a;b.mp4", b"a name that cannot be an id")
    store.put_file("videos/silent.mp4", silent(folder))
    ingest(store, extractor)
    freeze(store, extractor.name, chord_labels=25, min_validation=1, min_test=1)
    gone = add_video(store, 4, folder)
    ids.append(add_video(store, 5, folder))
    ingest(store, extractor)
    freeze(store, extractor.name, chord_labels=25)
    forget(store, gone)
    freeze(store, extractor.name, chord_labels=25)
    return ids


def silent(folder: Path) -> Path:
    """A clip without sound."""
    path = folder / "silent.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=6"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def train_runs(store: LocalStore, folder: Path) -> tuple[str, str]:
    """Runs in every state: done, gone on with, imported, failed, half-trained, weights damaged."""
    first = train(store, "main", preset="demo", overrides=OVERRIDES)
    second = train(store, "main", source=first, overrides={"epochs": 4})
    file, regression = published(folder, d_semantic=768)
    import_weights(store, file, regression=regression, run="imported")

    def fail(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished":
            raise TrainingError("loss is not finite at epoch 0, step 0; lower the learning rate")

    def stop(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished":
            raise Stop

    for run, on_event, error in (("failed", fail, TrainingError), ("half", stop, Stop)):
        try:
            train(store, "main", preset="demo", run=run, overrides=OVERRIDES, on_event=on_event)
        except error:
            print(f"run {run} ended as it should")
    Turn.take(Run(store, "half"))
    train(store, "main", preset="demo", run="damaged", overrides=OVERRIDES)
    damaged = Run(store, "damaged")
    store.put(damaged.weights_key(damaged.best_epoch()), b"not what training wrote")
    best_epoch(store, "damaged")
    return first, second


def soundtracks(store: LocalStore, settings: Settings, runs: tuple[str, str], video: str) -> None:
    """Takes, batches, scores, a comparison, evaluations, an inbox, ratings."""
    first, second = runs
    promote(store, first)
    promote(store, second)
    rollback(store)
    for run in runs:
        evaluate(store, run, split="validation")
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    store.put("inbox/bad.mp4", b"no video")
    serve_inbox(store, settings)
    curve = ((0.0, 0.0, 1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    config = GenerateConfig(stems=True, emotion_curve=curve, primer=("C", "A:min"), key="A minor")
    made = generate(store, settings, ["inbox/bikes.mp4", "inbox/bad.mp4"], config=config, takes=2)
    evaluate_generated(store, settings, f"outputs/{first}/")
    compare(store, settings, [(first, None), (second, None)], [f"videos/{video}.mp4"])
    prefixes = tuple(one.files["json"].rpartition("/")[0] + "/" for one in made.made)
    scores = [dict.fromkeys(ratings.QUESTIONS, 3), dict.fromkeys(ratings.QUESTIONS, 5)]
    scores[1]["loudness"] = None  # not answered
    for number in (1, 2):
        pair = ratings.Pair(f"00000000-0000-4000-8000-00000000000{number}", prefixes)
        ratings.save(store, pair, "bikes", scores, "一个评论", "0123456789ab")


def nights(settings: Settings) -> None:
    """Three nightly reports: a run that serves already, nothing to do, and a new champion.

    The flow's own code runs, its tasks called as functions: no Prefect server takes part.
    """
    for module in (night_flow, judging_tasks, pipeline_tasks):
        for name, value in list(vars(module).items()):
            if hasattr(value, "fn") and callable(value.fn):
                setattr(module, name, value.fn)
    for module in (judging_tasks, pipeline_tasks):
        module.reporter = lambda: lambda name, payload: None
        module.load_settings = lambda: settings
    pipeline_tasks.again_if_passing = lambda failed: None
    for name in ("publish_night", "publish_losses", "publish_soundtracks", "notify"):
        setattr(night_flow, name, lambda *_: None)
    asked = {"preset": "demo", "chord_labels": 25, "overrides": OVERRIDES, "margin": 0.01}
    night_flow.nightly(**asked, force=True, fail_above=1.0)
    time.sleep(1.5)  # a report is named by its second
    night_flow.nightly(**asked, fail_above=1.0)
    time.sleep(1.5)
    other = {"overrides": {**OVERRIDES, "seed": 1}, "margin": -100.0}
    night_flow.nightly(**asked | other, force=True, fail_above=1.0)


def main() -> None:
    """Make the store and copy what is kept."""
    target = Path(sys.argv[1])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        architecture = folder / "vmt-tiny.json"
        architecture.write_text(json.dumps(TINY))
        open_clip.add_model_config(architecture)
        settings = Settings(
            store=str(folder / "store"),
            cache=folder / "cache",
            clip_model="vmt-tiny",
            clip_weights="untrained:0",
            workers=1,
        )
        store = LocalStore(folder / "store")
        config = ExtractorConfig(settings.clip_model, settings.clip_weights)
        extractor = Extractor(config, cache_dir=settings.cache)
        ids = add_videos(store, extractor, folder)
        (folder / "muvi").mkdir()
        lists = folder / "muvi" / "vevo_meta/split/v1"
        lists.mkdir(parents=True)
        for side, song in (("train", "001"), ("val", "002"), ("test", "003")):
            (lists / f"{side}.txt").write_text(f"{song}\n")
            write_song(folder / "muvi", song)
        import_muvi_sync(store, folder / "muvi")
        runs = train_runs(store, folder)
        print("runs are trained")
        soundtracks(store, settings, runs, ids[0])
        print("soundtracks are made")
        nights(settings)
        for info in store.list(""):
            if info.key.endswith(KEPT):
                (target / info.key).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(store.root / info.key, target / info.key)


if __name__ == "__main__":
    main()
