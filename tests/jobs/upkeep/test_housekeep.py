"""What retention keeps, what it removes, and what it leaves to jobs that may still be going on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt.catalog import keys
from vmt.catalog.records.runs import LoopState
from vmt.catalog.runs import Run
from vmt.errors import SettingsError
from vmt.jobs.release.promote import promote, rollback
from vmt.jobs.train.best_epoch import best_epoch
from vmt.jobs.train.train import train
from vmt.jobs.upkeep.housekeep import housekeep
from vmt.store import LocalStore

IN_A_MONTH = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = fill(tmp_path, {"train": 2, "validation": 1})
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES | {"epochs": 8})
    return store


def epochs(store: LocalStore) -> list[int]:
    prefix = keys.weights("one", 0).removesuffix("0000.safetensors")
    return [int(each.key.removeprefix(prefix)[:4]) for each in store.list(prefix)]


def test_best_last_champions_and_every_nth_stay(store: LocalStore) -> None:
    run = Run(store, "one")
    promote(store, "one", 2)
    promote(store, "one", 6)
    best = run.best_epochs()
    assert best is not None
    kept = {0, 3, 6, 8, 2, best.selected, *(leader.epoch for leader in best.best.values())}
    gone = [epoch for epoch in range(9) if epoch not in kept]
    would = housekeep(store, keep_every=3, keep_days=14, dry_run=True, at=IN_A_MONTH)
    assert [key for key in would.weights if "regression" not in key] == [
        run.weights_key(epoch) for epoch in gone
    ]
    assert would.freed_bytes > 0
    assert epochs(store) == list(range(9))
    done = housekeep(store, keep_every=3, keep_days=14, at=IN_A_MONTH)
    assert done.weights == would.weights
    assert done.freed_bytes == would.freed_bytes
    assert epochs(store) == sorted(kept)
    assert housekeep(store, keep_every=3, keep_days=14, at=IN_A_MONTH).weights == ()


def test_what_stays_serves_goes_on_and_rolls_back(store: LocalStore) -> None:
    promote(store, "one", 2)
    promote(store, "one", 8)
    before = best_epoch(store, "one")
    housekeep(store, keep_every=0, keep_days=0, at=IN_A_MONTH)
    assert best_epoch(store, "one") == before
    Run(store, "one").regressor()
    assert rollback(store).epoch == 2
    more = train(store, source="one", overrides={"epochs": 9})
    assert [row.epoch for row in Run(store, more).results()] == [8, 9]
    assert len(Run(store, "one").results()) == 9


def test_a_run_that_was_killed_between_its_table_and_its_mark_still_goes_on(
    store: LocalStore,
) -> None:
    run = Run(store, "one")
    run.write_loop(LoopState(7))
    housekeep(store, keep_every=0, keep_days=0, at=IN_A_MONTH)
    assert 7 in epochs(store)


def test_the_young_stay(store: LocalStore) -> None:
    assert housekeep(store, keep_every=0, keep_days=1).weights == ()
    assert housekeep(store, keep_every=0, keep_days=0, at=IN_A_MONTH).weights != ()


def test_what_nobody_owns_goes(store: LocalStore) -> None:
    store.put(keys.optimizer("one", 3), b"left by a killed upload")
    half, whole = (
        "outputs/one/epoch_0001/a/take1/a_cgen_rd",
        "outputs/one/epoch_0001/a/take2/a_cgen_rd",
    )
    for key in (f"{half}.flac", f"{half}.mid", f"{whole}.flac", f"{whole}.json"):
        store.put(key, b"x")
    store.put("outputs/one/epoch_0001/batch-1.json", b"{}")
    (store.root / ".vmt" / "tmp").mkdir(parents=True, exist_ok=True)
    (store.root / ".vmt" / "tmp" / "part").write_bytes(b"half")
    assert housekeep(store, keep_every=1).left_behind == (), "it may still be going on"
    report = housekeep(store, keep_every=1, at=IN_A_MONTH)
    assert set(report.left_behind) == {
        keys.optimizer("one", 3),
        f"{half}.flac",
        f"{half}.mid",
        "temporary file part",
    }
    assert store.head(keys.optimizer("one", 8)) is not None
    assert store.head(f"{whole}.flac") is not None
    assert store.head("outputs/one/epoch_0001/batch-1.json") is not None


def test_a_run_that_stopped_long_ago_says_so(store: LocalStore) -> None:
    run = Run(store, "one")
    summary = run.summary()
    assert summary is not None
    run.write_summary(replace(summary, state="running", finished_at=None))
    assert housekeep(store).stopped == ()
    assert housekeep(store, at=IN_A_MONTH, dry_run=True).stopped == ("one",)
    assert json.loads(store.get(keys.summary("one")))["state"] == "running"
    assert housekeep(store, at=IN_A_MONTH).stopped == ("one",)
    marked = json.loads(store.get(keys.summary("one")))
    assert marked["state"] == "failed"
    assert "it stopped after epoch 8" in marked["error"]
    assert housekeep(store, at=IN_A_MONTH).stopped == ()


def test_negative_numbers_are_refused(store: LocalStore) -> None:
    with pytest.raises(SettingsError, match="keep_every -1"):
        housekeep(store, keep_every=-1)
