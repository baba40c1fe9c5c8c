"""The gate: who serves, and the sentence that says why."""

from pathlib import Path

import numpy as np
import pytest

from tests.jobs.test_train import OVERRIDES, fill
from vmt.errors import TrainingError
from vmt.jobs.promote import challenge, decide, promote
from vmt.jobs.train import train
from vmt.training.registry import read_champion


def test_few_songs_decide_by_the_mean_and_say_so() -> None:
    verdict = decide(np.array([1.0, 1.2]), np.array([1.1, 1.3]), "new", "old")
    assert verdict.promoted
    assert "the evidence is thin" in verdict.reason
    assert not decide(np.array([1.2]), np.array([1.1]), "new", "old").promoted


def test_many_songs_need_more_than_luck() -> None:
    rng = np.random.default_rng(1)
    old = rng.normal(1.5, 0.3, 40)
    assert decide(old - 0.1, old, "new", "old").promoted
    lucky = decide(old + rng.normal(-0.01, 0.5, 40), old, "new", "old")
    assert not lucky.promoted
    assert "old stays" in lucky.reason


def test_challengers(tmp_path: Path) -> None:
    store = fill(tmp_path, {"train": 4, "validation": 1, "test": 3})
    bad = train(store, "main", preset="demo", run="bad", overrides=OVERRIDES | {"epochs": 0})
    assert challenge(store, bad).promoted
    good = train(store, "main", preset="demo", run="good", overrides=OVERRIDES | {"epochs": 12})
    verdict = challenge(store, good)
    assert verdict.promoted, verdict.reason
    assert "good serves already" in challenge(store, good).reason
    assert not challenge(store, bad).promoted
    champion = promote(store, "bad", 0)
    assert champion == read_champion(store)
    assert [entry["run"] for entry in champion.history] == ["bad", "good"]
    with pytest.raises(TrainingError, match="run good has no weights of epoch 99"):
        promote(store, "good", 99)
    with pytest.raises(TrainingError, match="run ugly: not in the store"):
        promote(store, "ugly")
