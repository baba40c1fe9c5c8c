"""Promotion, rollback and the gate: who serves, and the sentence that says why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt.catalog.runs import Champion, Run, now, read_champion, set_champion
from vmt.errors import PreconditionFailed, TrainingError
from vmt.jobs.release.promote import decide, judge, promote, rollback
from vmt.jobs.train.train import train
from vmt.store import LocalStore


def test_few_songs_decide_by_the_mean_and_say_so() -> None:
    better, reason = decide(np.array([1.0, 1.2]), np.array([1.1, 1.3]))
    assert better
    assert "the evidence is thin" in reason
    assert not decide(np.array([1.2]), np.array([1.1]))[0]


def test_many_songs_need_more_than_luck() -> None:
    rng = np.random.default_rng(1)
    old = rng.normal(1.5, 0.3, 40)
    assert decide(old - 0.1, old)[0]
    lucky, reason = decide(old + rng.normal(-0.01, 0.5, 40), old)
    assert not lucky
    assert "of resamples" in reason


@pytest.mark.parametrize("songs", [4, 40])
def test_the_margin_is_stated_and_acts(songs: int) -> None:
    old = np.linspace(1, 2, songs)
    assert decide(old - 0.05, old, 0.04)[0]
    better, reason = decide(old - 0.05, old, 0.06)
    assert not better
    assert "0.06" in reason


def place(champion: Champion | None) -> tuple[str, int]:
    assert champion is not None
    return champion.run, champion.epoch


def test_challengers(tmp_path: Path) -> None:
    store = fill(tmp_path, {"train": 4, "validation": 1, "test": 3})
    bad = train(store, "main", preset="demo", run="bad", overrides=OVERRIDES | {"epochs": 0})
    first = judge(store, bad)
    assert (first.better, first.reason, first.epoch) == (True, "there was no champion", 0)
    assert read_champion(store) is None, "judging promotes nothing"
    promote(store, bad)
    good = train(store, "main", preset="demo", run="good", overrides=OVERRIDES | {"epochs": 12})
    verdict = judge(store, good)
    assert verdict.better, verdict.reason
    assert verdict.songs == 3
    assert verdict.new is not None
    assert verdict.old is not None
    assert not judge(store, good, margin=verdict.old - verdict.new).better
    promote(store, good)
    assert "good serves already" in judge(store, good).reason
    assert not judge(store, bad).better
    champion = promote(store, "bad", 0)
    assert champion == read_champion(store)
    assert [past.run for past in champion.history] == ["bad", "good"]
    with pytest.raises(TrainingError, match="run good has no weights of epoch 99"):
        promote(store, "good", 99)
    with pytest.raises(TrainingError, match="run ugly: not in the store"):
        promote(store, "ugly")


@pytest.fixture
def runs(tmp_path: Path) -> LocalStore:
    store = fill(tmp_path, {"train": 2, "validation": 1})
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES | {"epochs": 2})
    return store


def test_rolling_back_goes_back_as_often_as_there_were_promotions(runs: LocalStore) -> None:
    events: list[tuple[str, Mapping[str, Any]]] = []
    for epoch in range(3):
        promote(runs, "one", epoch, on_event=lambda *event: events.append(event))
    promote(runs, "one", 2, on_event=lambda *event: events.append(event))
    assert [payload["before"] for _, payload in events] == [
        None,
        {"run": "one", "epoch": 0},
        {"run": "one", "epoch": 1},
    ]
    assert place(rollback(runs, on_event=lambda *event: events.append(event))) == ("one", 1)
    assert events[-1][0] == "vmt.promoted"
    assert events[-1][1]["rolled_back"]
    assert place(rollback(runs)) == ("one", 0)
    with pytest.raises(TrainingError, match="one epoch 0: nothing served before it"):
        rollback(runs)
    champion = read_champion(runs)
    assert champion is not None
    assert [(past.epoch, past.rolled_back) for past in champion.history] == [
        (0, False),
        (1, False),
        (2, True),
        (1, True),
    ]


def test_there_must_be_something_to_roll_back_to_and_its_weights(runs: LocalStore) -> None:
    with pytest.raises(TrainingError, match="no champion yet"):
        rollback(runs)
    promote(runs, "one", 1)
    promote(runs, "one", 2)
    runs.put(Run(runs, "one").weights_key(1), b"damaged")
    with pytest.raises(TrainingError, match="weights of epoch 1 are damaged"):
        rollback(runs)
    assert place(read_champion(runs)) == ("one", 2)


def test_damaged_weights_are_not_promoted(runs: LocalStore) -> None:
    runs.put(Run(runs, "one").weights_key(1), b"damaged")
    with pytest.raises(TrainingError, match=r"weights of epoch 1 are damaged: their SHA-256 is"):
        promote(runs, "one", 1)
    assert read_champion(runs) is None


def test_a_pointer_that_moved_meanwhile_is_not_rolled_back(runs: LocalStore) -> None:
    promote(runs, "one", 1)
    seen = read_champion(runs)
    promote(runs, "one", 2)
    with pytest.raises(PreconditionFailed, match="another writer moved it"):
        set_champion(runs, "one", 0, now(), back_from=seen)
