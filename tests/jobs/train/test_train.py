"""Training as a job: what it keeps, and that nothing is lost whenever it stops."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vmt import chords
from vmt.catalog import datasets, keys
from vmt.catalog.records import encode
from vmt.catalog.records.datasets import DatasetInfo
from vmt.catalog.records.runs import LoopState, RunSource
from vmt.catalog.records.videos import IngestEntry
from vmt.catalog.runs import Run
from vmt.errors import RunTaken, TrainingError
from vmt.features.record import Features
from vmt.jobs.train.train import train
from vmt.model.copying import CopyTransformer
from vmt.store import LocalStore

OVERRIDES: dict[str, Any] = {
    "epochs": 3,
    "d_model": 16,
    "d_feedforward": 16,
    "n_layers": 1,
    "n_heads": 2,
    "batch_size": 2,
}


def fill(root: Path, splits: dict[str, int], name: str = "main", d_semantic: int = 4) -> LocalStore:
    """A store with a dataset of random songs."""
    store, rng, rows = LocalStore(root), np.random.default_rng(0), []
    for split, count in splits.items():
        for number in range(count):
            video, seconds = f"{split}{number}", 8 + number
            features = Features(
                semantic=rng.standard_normal((seconds, d_semantic), dtype=np.float32),
                emotion=rng.dirichlet(np.ones(6), seconds).astype(np.float32),
                scene_offset=np.arange(seconds, dtype=np.int32),
                motion=rng.random(seconds, dtype=np.float32),
                loudness=rng.random(seconds, dtype=np.float32),
                note_density=rng.random(seconds, dtype=np.float32),
                chord=tuple(("C", "G", "A:min", "F")[(k // 2) % 4] for k in range(seconds)),
                key=chords.parse_key("C major"),
                duration_s=float(seconds),
                source_sha256=f"{video:0<64}",
                extractors={},
            )
            key = f"features/x{d_semantic}/{video}.safetensors"
            store.put(key, features.to_bytes())
            entry = IngestEntry("", video, features.source_sha256)
            entry = datasets.with_features(entry, key, features)
            rows.append(datasets.row(entry, f"videos/{video}.mp4", split))  # type: ignore[arg-type]
    datasets.publish(store, name, pd.DataFrame(rows), DatasetInfo(name, 0, 25, "x"))
    return store


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return fill(tmp_path / "store", {"train": 4, "validation": 2, "test": 1})


def snapshot(store: LocalStore) -> dict[str, bytes]:
    """All objects of the runs but those that tell the time."""
    times = ("summary.json", "model_params.json", ".md", ".html")
    return {
        each.key: store.get(each.key)
        for each in store.list("runs/")
        if not each.key.endswith(times)
    }


def test_what_a_run_keeps(store: LocalStore) -> None:
    events: list[tuple[str, Any]] = []
    name = train(
        store,
        "main",
        preset="demo",
        overrides=OVERRIDES,
        on_event=lambda *event: events.append(event),
    )
    run = Run(store, name)
    assert name.startswith("demo-main-v0001-")
    assert [row.epoch for row in run.results()] == [0, 1, 2, 3]
    assert [row.epoch for row in run.results("regression/")] == [0, 1, 2, 3]
    for epoch in range(4):
        assert torch.isfinite(run.transformer(epoch).Wout.weight).all()
    summary = run.summary()
    assert summary is not None
    assert (summary.state, summary.epochs, summary.best_epoch) == (
        "done",
        3,
        run.best_epoch(),
    )
    assert summary.baselines is not None
    assert None not in vars(summary.baselines).values()
    assert summary.regression is not None
    assert (summary.regression.rmse_loudness or 0) > 0
    best = store.get(keys.best_weights(run.name))
    assert best == run.weights(run.best_epoch())
    run.regressor()
    assert [name for name, _ in events].count("vmt.epoch.finished") == 4
    assert events[-1][0] == "vmt.best-epoch"
    optimizers = [info.key for info in store.list(keys.optimizer_prefix(run.name))]
    assert optimizers == [keys.optimizer(run.name, 3)]


def test_the_same_call_finds_its_run_and_leaves_it(store: LocalStore) -> None:
    name = train(store, "main", preset="demo", overrides=OVERRIDES)
    before = {each.key: each.etag for each in store.list("")}
    assert train(store, "main", preset="demo", overrides=OVERRIDES) == name
    assert {each.key: each.etag for each in store.list("")} == before


def test_a_name_holds_one_configuration(store: LocalStore) -> None:
    train(store, "main", preset="demo", run="mine", overrides=OVERRIDES)
    with pytest.raises(
        TrainingError, match=r"run mine exists with another train: .* choose another run name"
    ):
        train(
            store, "main", preset="demo", run="mine", overrides=OVERRIDES | {"label_smoothing": 0.1}
        )


def test_patience_stops_early(store: LocalStore) -> None:
    overrides = OVERRIDES | {"epochs": 30, "patience": 2, "min_change": 100.0}
    run = Run(store, train(store, "main", preset="demo", overrides=overrides))
    assert [row.epoch for row in run.results()] == [0, 1, 2]


def test_nobody_to_train_or_to_validate(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="dataset main@v0001: it has no training video"):
        train(fill(tmp_path / "a", {"test": 2}), "main", preset="demo")
    lonely = fill(tmp_path / "b", {"train": 2})
    run = Run(lonely, train(lonely, "main", preset="demo", overrides=OVERRIDES))
    summary = run.summary()
    assert summary is not None
    assert summary.baselines is None
    assert summary.best is not None
    assert summary.best["chord"] is None
    json.dumps(encode(summary), allow_nan=False)


def test_a_failure_is_told_and_the_next_start_goes_on(store: LocalStore) -> None:
    def stop(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished" and payload["epoch"] == 1:
            raise TrainingError("stopped for the test")

    with pytest.raises(TrainingError, match="stopped for the test"):
        train(store, "main", preset="demo", run="r", overrides=OVERRIDES, on_event=stop)
    summary = Run(store, "r").summary()
    assert summary is not None
    assert (summary.state, summary.error) == ("failed", "stopped for the test")
    train(store, "main", preset="demo", run="r", overrides=OVERRIDES)
    summary = Run(store, "r").summary()
    assert summary is not None
    assert (summary.state, summary.error) == ("done", None)


def test_who_takes_a_run_last_has_it(store: LocalStore) -> None:
    """Two flows may start one run, or one that was given up lives on: nothing is mixed, and one of
    them ends it.
    """

    def meanwhile(event: str, payload: Mapping[str, Any]) -> None:
        if event == "vmt.epoch.finished" and payload["epoch"] == 1:
            train(store, "main", preset="demo", run="one", overrides=OVERRIDES)

    with pytest.raises(
        RunTaken, match="run one: another process took it and finished it; this one stops"
    ):
        train(store, "main", preset="demo", run="one", overrides=OVERRIDES, on_event=meanwhile)
    run = Run(store, "one")
    summary = run.summary()
    assert summary is not None
    assert (summary.state, summary.error) == ("done", None)
    assert [row.epoch for row in run.results()] == [0, 1, 2, 3]
    hashes = json.loads(store.get(keys.weight_hashes(run.name)))["epochs"]
    assert {
        str(epoch): hashlib.sha256(run.weights(epoch)).hexdigest() for epoch in range(4)
    } == hashes
    assert store.head(keys.lease(run.name)) is None


class Overtaken(LocalStore):
    """A store in which whoever trained a run before publishes its third epoch while the second is
    read.
    """

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        if key.endswith("optimizer_0002.safetensors"):
            Run(self, "one").write_loop(LoopState(3))
        return super().get_with_etag(key)


def test_a_run_that_is_taken_while_an_epoch_is_published_goes_on_from_that_one(
    store: LocalStore,
) -> None:
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES)
    run = Run(store, "one")
    rows, weights = run.results(), run.weights(3)
    run.write_loop(LoopState(2))
    summary = run.summary()
    assert summary is not None
    run.write_summary(replace(summary, state="running"))
    train(Overtaken(store.root), "main", preset="demo", run="one", overrides=OVERRIDES)
    assert run.results() == rows
    assert run.weights(3) == weights


def test_the_best_epoch_is_told_of_again_where_its_word_may_be_lost(store: LocalStore) -> None:
    """Killed between selecting it and ending the run: the next start selects it again, for somebody
    waits for that.
    """
    told: list[int] = []

    def lost(event: str, payload: Mapping[str, Any]) -> None:
        if event == "vmt.best-epoch":
            told.append(payload["epoch"])
            if len(told) == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(store, "main", preset="demo", run="one", overrides=OVERRIDES, on_event=lost)
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES, on_event=lost)
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES, on_event=lost)
    assert len(told) == 2
    assert told[0] == told[1]


def test_a_run_ends_with_the_epoch_whose_weights_are_there(store: LocalStore) -> None:
    gone: list[int] = []

    def damage(event: str, payload: Mapping[str, Any]) -> None:
        run = Run(store, "one")
        if event == "vmt.epoch.finished" and payload["epoch"] == OVERRIDES["epochs"]:
            gone.append(run.best_epoch())
            store.delete(run.weights_key(gone[0]))

    train(store, "main", preset="demo", run="one", overrides=OVERRIDES, on_event=damage)
    summary = Run(store, "one").summary()
    assert summary is not None
    assert summary.state == "done"
    assert summary.best_epoch == Run(store, "one").best_epoch() != gone[0]


def test_killed_at_any_moment_ends_as_never_killed(tmp_path: Path) -> None:
    """kill -9 at many moments, in the middle of epochs and of uploads; all objects are then those
    of a run left alone.

    See `tests.jobs.train.killed` for the moments.
    """
    splits = {"train": 4, "validation": 2}
    overrides = OVERRIDES | {"epochs": 6, "precision": "float32"}
    alone, killed = fill(tmp_path / "alone", splits), fill(tmp_path / "killed", splits)
    train(alone, "main", preset="demo", run="r", overrides=overrides)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.jobs.train.killed",
            str(killed.root),
            "r",
            json.dumps(overrides),
        ],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    moments = done.stdout.split()
    assert len(moments) >= 8
    assert {"step", "open", "os.utime"} <= set(moments)
    assert snapshot(killed) == snapshot(alone)


GOES_ON = OVERRIDES | {"schedule": "amt", "precision": "float32"}


def test_going_on_from_the_last_epoch_equals_never_stopping(store: LocalStore) -> None:
    whole = Run(
        store, train(store, "main", preset="demo", run="six", overrides=GOES_ON | {"epochs": 6})
    )
    train(store, "main", preset="demo", run="three", overrides=GOES_ON | {"epochs": 3})

    def stop(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished" and payload["epoch"] == 4:
            raise TrainingError("stopped for the test")

    with pytest.raises(TrainingError, match="stopped for the test"):
        train(store, source="three", run="on", overrides={"epochs": 6}, on_event=stop)
    on = Run(store, train(store, source="three", run="on", overrides={"epochs": 6}))
    assert on.parameters().source == RunSource("three", 3, 6, True)
    assert on.results() == whole.results()[3:]
    same = [f"weights/epoch_{epoch:04d}.safetensors" for epoch in range(3, 7)]
    same += [
        "state/optimizer_0006.safetensors",
        "regression/results.csv",
        "regression/best_rmse_weights.safetensors",
    ]
    for key in same:
        assert store.get(keys.run_folder("on") + key) == store.get(keys.run_folder("six") + key), (
            key
        )
    assert store.get(keys.best_weights(on.name)) == on.weights(on.best_epoch())


def test_going_on_from_an_earlier_epoch_is_a_warm_start(store: LocalStore) -> None:
    source = Run(store, train(store, "main", preset="demo", overrides=GOES_ON))
    name = train(store, source=source.name, source_epoch=1, overrides={"epochs": 3, "dropout": 0.5})
    assert name == train(
        store, source=source.name, source_epoch=1, overrides={"epochs": 3, "dropout": 0.5}
    )
    assert name != train(
        store, source=source.name, source_epoch=2, overrides={"epochs": 3, "dropout": 0.5}
    )
    run = Run(store, name)
    assert run.parameters().source == RunSource(source.name, 1, 0, False)
    rows = run.results()
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert (rows[0].learn_rate, rows[0].validation) == (0, source.results()[1].validation)
    assert run.weights(1) != source.weights(1)  # its configuration has another dropout
    assert all(
        torch.equal(run.transformer(1).state_dict()[key], value)
        for key, value in source.transformer(1).state_dict().items()
    )
    with pytest.raises(TrainingError, match=r"has no weights of epoch 0; its table has 1 to 3"):
        run.weights(0)


def test_going_on_with_a_newer_dataset(tmp_path: Path) -> None:
    store = fill(tmp_path, {"train": 4, "validation": 2})
    source = Run(
        store, train(store, "main", preset="demo", overrides=OVERRIDES | {"warmup_steps": 2})
    )
    fill(tmp_path, {"train": 7, "validation": 3})
    run = Run(store, train(store, "main", source=source.name, overrides={"epochs": 5}))
    assert run.parameters().dataset == "main@v0002"
    assert run.parameters().source == RunSource(source.name, 3, 6, True)
    rows = run.results()
    assert [row.epoch for row in rows] == [3, 4, 5]
    assert rows[0].validation != source.results()[3].validation
    assert rows[-1].learn_rate == pytest.approx(
        0, abs=1e-9
    )  # the cosine ends with the new last epoch
    statistics = run.transformer(5).input_mean
    assert torch.equal(statistics, source.transformer(3).input_mean)


def test_what_cannot_go_on_says_why(store: LocalStore, tmp_path: Path) -> None:
    name = train(store, "main", preset="demo", run="r", overrides=OVERRIDES)
    for arguments, message in (
        ({"preset": "demo"}, "preset demo: a run that continues from another keeps its preset"),
        ({}, "epochs 3 must be over 3, the epoch to continue from"),
        (
            {"overrides": {"epochs": 4, "d_model": 32}},
            "d_model 32 cannot replace 16: it belongs to the weights",
        ),
        (
            {"source_epoch": 99, "overrides": {"epochs": 100}},
            "run r has no weights of epoch 99; its table has 0 to 3",
        ),
        ({"source": "ghost"}, "run ghost: not in the store"),
    ):
        with pytest.raises(TrainingError, match=message):
            train(store, **{"source": name, **arguments})  # type: ignore[arg-type]
    fill(store.root, {"train": 2}, name="wide", d_semantic=5)
    with pytest.raises(
        TrainingError, match="run r reads 4 semantic features and dataset wide@v0001 has 5"
    ):
        train(store, "wide", source=name, overrides={"epochs": 4})


def test_preset_vmt_is_fitted_and_continued(store: LocalStore) -> None:
    settings = {"epochs": 2}
    whole = train(store, "main", preset="vmt", run="whole", overrides=settings)
    model = Run(store, whole).transformer(2)
    assert isinstance(model, CopyTransformer)
    assert model.config.d_model == 32
    assert model.bigram[chords.tokens(["C"])[0], chords.tokens(["G"])[0]] > -2
    longer = train(store, source="whole", source_epoch=2, overrides={"epochs": 3})
    assert [row.epoch for row in Run(store, longer).results()] == [2, 3]
