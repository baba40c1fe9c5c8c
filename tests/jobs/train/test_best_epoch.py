"""The best epoch is the best of those whose weights are there and whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt.catalog import keys
from vmt.catalog.runs import Run
from vmt.errors import TrainingError
from vmt.jobs.train.best_epoch import best_epoch
from vmt.jobs.train.train import train
from vmt.store import LocalStore
from vmt.training.results import LOSSES, best


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = fill(tmp_path, {"train": 2, "validation": 1})
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES | {"epochs": 3})
    return store


def ranked(store: LocalStore) -> list[int]:
    """Epochs from the best to the worst by results.csv."""
    left = Run(store, "one").results()
    order = []
    while left:
        row = best(left, LOSSES.index("chord"))
        order.append(row.epoch)
        left.remove(row)
    return order


def test_the_lowest_loss_is_selected_and_announced(store: LocalStore) -> None:
    events: list[tuple[str, Mapping[str, Any]]] = []
    found = best_epoch(store, "one", on_event=lambda *event: events.append(event))
    assert found.epoch == ranked(store)[0] == Run(store, "one").best_epoch()
    assert not found.passed_over
    ((name, payload),) = events
    assert name == "vmt.best-epoch"
    assert (payload["run"], payload["epoch"], payload["selected_by"]) == (
        "one",
        found.epoch,
        "chord",
    )
    assert payload["validation"]["chord"] == found.validation["chord"]
    written = json.loads(store.get(keys.weight_hashes("one")))["epochs"]
    assert written is not None
    assert payload["weights_sha256"] == written[str(found.epoch)]
    assert sorted(written) == ["0", "1", "2", "3"]


def test_missing_and_damaged_weights_are_never_selected(store: LocalStore) -> None:
    run = Run(store, "one")
    first, second, third, _ = ranked(store)
    store.delete(run.weights_key(first))
    damaged = bytearray(run.weights(second))
    damaged[-1] ^= 1
    store.put(run.weights_key(second), bytes(damaged))
    found = best_epoch(store, "one")
    assert found.epoch == third
    assert [each.epoch for each in found.passed_over] == [first, second]
    assert f"no weights of epoch {first}" in found.passed_over[0].reason
    assert f"weights of epoch {second} are damaged" in found.passed_over[1].reason
    content, summary = run.best_epochs(), run.summary()
    assert content is not None
    assert summary is not None
    assert (content.selected, summary.best_epoch, run.best_epoch()) == (third, third, third)
    assert [better.epoch for better in content.passed_over] == [first, second]
    assert (summary.best or {})["chord"] == found.validation["chord"]


def test_weights_without_a_written_hash_must_load(store: LocalStore) -> None:
    run = Run(store, "one")
    first, second, *_ = ranked(store)
    store.delete(keys.weight_hashes("one"))
    store.put(run.weights_key(first), run.weights(first)[:-100])
    found = best_epoch(store, "one")
    assert found.epoch == second
    assert [each.epoch for each in found.passed_over] == [first]


def test_nothing_is_selected_where_nothing_can_serve(store: LocalStore) -> None:
    for epoch in range(4):
        store.put(Run(store, "one").weights_key(epoch), b"")
    with pytest.raises(TrainingError, match="none of its 4 epochs has weights that can be used"):
        best_epoch(store, "one")
    with pytest.raises(TrainingError, match="run none: not in the store"):
        best_epoch(store, "none")


def test_selecting_again_writes_nothing(store: LocalStore) -> None:
    before = {each.key: each.etag for each in store.list("runs/")}
    best_epoch(store, "one")
    assert {each.key: each.etag for each in store.list("runs/")} == before
