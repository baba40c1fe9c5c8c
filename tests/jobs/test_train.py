"""Training as a job: what it keeps, and that nothing is lost whenever it stops."""

import json
import multiprocessing
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vmt import chords
from vmt.dataset import versions
from vmt.errors import TrainingError
from vmt.features.record import Features
from vmt.jobs.train import train
from vmt.store import LocalStore
from vmt.training.registry import Run

OVERRIDES: dict[str, Any] = {
    "epochs": 3,
    "d_model": 16,
    "d_feedforward": 16,
    "n_layers": 1,
    "n_heads": 2,
    "batch_size": 2,
}


def fill(root: Path, splits: dict[str, int]) -> LocalStore:
    """A store with a dataset of random songs."""
    store, rng, rows = LocalStore(root), np.random.default_rng(0), []
    for split, count in splits.items():
        for number in range(count):
            name, seconds = f"{split}{number}", 8 + number
            features = Features(
                semantic=rng.standard_normal((seconds, 4), dtype=np.float32),
                emotion=rng.dirichlet(np.ones(6), seconds).astype(np.float32),
                scene_offset=np.arange(seconds, dtype=np.int32),
                motion=rng.random(seconds, dtype=np.float32),
                loudness=rng.random(seconds, dtype=np.float32),
                note_density=rng.random(seconds, dtype=np.float32),
                chord=tuple(("C", "G", "A:min", "F")[(k // 2) % 4] for k in range(seconds)),
                key=chords.parse_key("C major"),
                duration_s=float(seconds),
                source_sha256=f"{name:0<64}",
                extractors={},
            )
            store.put(f"features/x/{name}.safetensors", features.to_bytes())
            rows.append(versions.row(name, f"videos/{name}.mp4", f"features/x/{name}.safetensors", split, features))  # type: ignore[arg-type]
    info = {"chord_labels": 25, "extractor": "x", "untrained": False}
    versions.publish(store, "main", pd.DataFrame(rows, columns=list(versions.COLUMNS)), info)
    return store


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return fill(tmp_path / "store", {"train": 4, "validation": 2, "test": 1})


def snapshot(store: LocalStore) -> dict[str, bytes]:
    """All objects of the runs but those that tell the time."""
    times = ("summary.json", "model_params.json")
    return {each.key: store.get(each.key) for each in store.list("runs/") if not each.key.endswith(times)}


def test_what_a_run_keeps(store: LocalStore) -> None:
    events: list[tuple[str, Any]] = []
    name = train(store, "main", preset="demo", overrides=OVERRIDES, on_event=lambda *event: events.append(event))
    run = Run(store, name)
    assert name.startswith("demo-main-v0001-")
    assert [row.epoch for row in run.results()] == [0, 1, 2, 3]
    assert [row.epoch for row in run.results("regression/")] == [0, 1, 2, 3]
    for epoch in range(4):
        assert torch.isfinite(run.transformer(epoch).Wout.weight).all()
    summary = run.read_json("summary.json")
    assert summary is not None
    assert (summary["state"], summary["epochs"], summary["best_epoch"]) == ("done", 3, run.best_epoch())
    assert summary["baselines"].keys() == {"unigram", "bigram"}
    assert summary["regression"]["rmse_loudness"] > 0
    best = store.get(run.key("best_loss_weights.safetensors"))
    assert best == run.weights(run.best_epoch())
    run.regressor()
    assert [name for name, _ in events].count("vmt.epoch.finished") == 4
    assert events[-1][0] == "vmt.best-epoch"
    optimizers = [each.key for each in store.list(run.key("state/")) if "optimizer" in each.key]
    assert optimizers == [run.key("state/optimizer_0003.safetensors")]


def test_the_same_call_finds_its_run_and_leaves_it(store: LocalStore) -> None:
    name = train(store, "main", preset="demo", overrides=OVERRIDES)
    before = {each.key: each.etag for each in store.list("")}
    assert train(store, "main", preset="demo", overrides=OVERRIDES) == name
    assert {each.key: each.etag for each in store.list("")} == before


def test_a_name_holds_one_configuration(store: LocalStore) -> None:
    train(store, "main", preset="demo", run="mine", overrides=OVERRIDES)
    with pytest.raises(TrainingError, match=r"run mine exists with another train: .* choose another run name"):
        train(store, "main", preset="demo", run="mine", overrides=OVERRIDES | {"label_smoothing": 0.1})


def test_patience_stops_early(store: LocalStore) -> None:
    overrides = OVERRIDES | {"epochs": 30, "patience": 2, "min_change": 100.0}
    run = Run(store, train(store, "main", preset="demo", overrides=overrides))
    assert [row.epoch for row in run.results()] == [0, 1, 2]


def test_nobody_to_train_or_to_validate(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="dataset main@v0001: no video trains"):
        train(fill(tmp_path / "a", {"test": 2}), "main", preset="demo")
    lonely = fill(tmp_path / "b", {"train": 2})
    run = Run(lonely, train(lonely, "main", preset="demo", overrides=OVERRIDES))
    summary = run.read_json("summary.json")
    assert summary is not None
    assert summary["baselines"] is None
    assert summary["best"]["chord"] is None
    json.dumps(summary, allow_nan=False)


def test_a_failure_is_told_and_the_next_start_goes_on(store: LocalStore) -> None:
    def stop(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished" and payload["epoch"] == 1:
            raise TrainingError("stopped for the test")

    with pytest.raises(TrainingError, match="stopped for the test"):
        train(store, "main", preset="demo", run="r", overrides=OVERRIDES, on_event=stop)
    summary = Run(store, "r").read_json("summary.json")
    assert summary is not None
    assert (summary["state"], summary["error"]) == ("failed", "stopped for the test")
    train(store, "main", preset="demo", run="r", overrides=OVERRIDES)
    summary = Run(store, "r").read_json("summary.json")
    assert summary is not None
    assert (summary["state"], summary["error"]) == ("done", None)


def _child(root: str) -> None:
    train(LocalStore(Path(root)), "main", preset="demo", run="r", overrides=KILLED)


KILLED = OVERRIDES | {"epochs": 6, "precision": "float32"}


def test_killed_at_any_moment_ends_as_never_killed(tmp_path: Path) -> None:
    """kill -9 at four moments between the first object and the last; all objects are then those of a run left alone."""
    splits = {"train": 4, "validation": 2}
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["vmt.jobs.train", "tests.jobs.test_train"])
    alone, killed = fill(tmp_path / "alone", splits), fill(tmp_path / "killed", splits)
    quiet = processes.Process(target=_child, args=(str(tmp_path / "alone"),))
    quiet.start()
    quiet.join()
    kills, seen = 0, set[str]()
    while True:
        child = processes.Process(target=_child, args=(str(tmp_path / "killed"),))
        child.start()
        while child.is_alive():
            objects = {each.key for each in killed.list("runs/r/")}
            if kills < 4 and len(objects - seen) > 3:
                child.kill()
                kills += 1
                seen |= objects
            time.sleep(0.001)
        child.join()
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
    assert kills >= 3
    assert snapshot(killed) == snapshot(alone)
