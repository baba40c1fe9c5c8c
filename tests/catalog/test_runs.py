"""Runs and the champion in a store."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vmt.catalog.runs import Run, read_champion, runs, set_champion
from vmt.errors import PreconditionFailed, TrainingError
from vmt.store import LocalStore


def test_the_champion_keeps_its_history(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert read_champion(store) is None
    set_champion(store, "a", 3, "2026-01-01T00:00:00+00:00")
    set_champion(store, "b", 1, "2026-01-02T00:00:00+00:00")
    champion = set_champion(store, "b", 1, "2026-01-03T00:00:00+00:00")
    assert champion == read_champion(store)
    assert (champion.run, champion.since) == ("b", "2026-01-02T00:00:00+00:00")
    assert [past.run for past in champion.history] == ["a"]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    def try_to(number: int) -> bool:
        try:
            set_champion(store, f"run{number}", number, "now")
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(try_to, range(8)))
    champion = read_champion(store)
    assert champion is not None
    assert len(champion.history) + 1 == sum(won)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert list(runs(store)) == []
    run = Run(store, "r1")
    with pytest.raises(TrainingError, match="run r1: not in the store"):
        run.parameters()
    with pytest.raises(TrainingError, match="run r1: no epoch is finished yet"):
        run.best_epoch()
    with pytest.raises(TrainingError, match="run r1 has no weights of epoch 3"):
        run.weights(3)
    with pytest.raises(TrainingError, match="run r1: its biGRU is not trained"):
        run.regressor()
    with pytest.raises(TrainingError, match="a name has letters"):
        Run(store, "../r")
