"""Evaluating a run: what the table holds, where it is kept, and what does not fit."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt import cli
from vmt.catalog.records import encode
from vmt.catalog.runs import Run
from vmt.errors import TrainingError
from vmt.jobs.train.evaluate import TILTED, evaluate
from vmt.jobs.train.train import train
from vmt.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    found = fill(tmp_path / "store", {"train": 4, "validation": 3, "test": 2})
    train(found, preset="demo", run="r", overrides=OVERRIDES)
    return found


def test_the_table_holds_the_model_and_every_baseline(store: LocalStore) -> None:
    found = evaluate(store, "r", device="cpu")
    content = json.loads(store.get(found.key))
    assert content == encode(found.record)
    best = Run(store, "r").best_epoch()
    assert found.key == f"evaluations/r/epoch_{best:04d}-main-v0001-validation.json"
    assert list(content["rows"]) == [
        "model",
        "repeat last",
        "unigram",
        "bigram",
        "song-adaptive n-gram",
        "n-gram with the affective table",
    ]
    summary = json.loads(store.get("runs/r/summary.json"))
    assert content["rows"]["model"]["chord"] == pytest.approx(summary["best"]["chord"], rel=1e-4)
    assert content["rows"]["bigram"]["chord"] == pytest.approx(summary["baselines"]["bigram"])
    assert content["rhythm"]["loudness"]["rmse"] == pytest.approx(
        summary["regression"]["rmse_loudness"], rel=1e-4
    )
    assert content["rhythm"]["loudness"]["constant_rmse"] == pytest.approx(
        summary["regression"]["constant_rmse_loudness"], rel=1e-4
    )
    assert (
        content["video_gain"]["low"]
        <= content["video_gain"]["value"]
        <= content["video_gain"]["high"]
    )
    assert content["seen_in_training"] == []
    picture = ElementTree.fromstring(store.get(found.key.replace(".json", ".svg")))
    assert picture.tag.endswith("svg")


def test_another_version_epoch_and_split(store: LocalStore) -> None:
    fill(store.root, {"train": 3, "validation": 1, "test": 1}, name="other")
    found = evaluate(store, "r", 1, dataset="other", split="test", device="cpu")
    assert found.key == "evaluations/r/epoch_0001-other-v0001-test.json"
    assert (found.record.songs, found.record.video_gain) == (1, None)


def test_what_does_not_fit_is_refused(store: LocalStore) -> None:
    fill(store.root, {"train": 2, "validation": 1}, name="wide", d_semantic=5)
    for arguments, message in (
        ({"dataset": "wide"}, "run r reads 12 inputs a second and dataset wide@v0001 has 13"),
        ({"dataset": "wide", "split": "test"}, "dataset wide@v0001 has no test songs"),
        ({"split": "train"}, "split 'train' is not one of validation, test"),
        ({"epoch": 9}, "run r has no weights of epoch 9"),
    ):
        with pytest.raises(TrainingError, match=message):
            evaluate(store, "r", device="cpu", **arguments)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="run ghost: not in the store"):
        evaluate(store, "ghost", device="cpu")


def test_the_command_prints_one_table_and_says_where_it_is(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMT_STORE", str(store.root))
    shown = CliRunner().invoke(cli.app, ["evaluate", "r@2", "--split", "test"])
    assert shown.exit_code == 0, shown.output
    for text in (
        "r epoch 2 on 2 test songs",
        "song-adaptive",
        "own video under another's",
        "epoch_0002-main",
    ):
        assert text in shown.output
    assert CliRunner().invoke(cli.app, ["evaluate"]).exit_code == 2
    assert CliRunner().invoke(cli.app, ["evaluate", "r", "--generated", "outputs/"]).exit_code == 2


def test_two_runs_are_compared_on_the_same_songs(store: LocalStore) -> None:
    train(store, preset="demo", run="s", overrides={**OVERRIDES, "seed": 7})
    record = evaluate(store, "r", against=("s", None), device="cpu").record
    rival = evaluate(store, "s", device="cpu").record
    assert record.against is not None
    assert (record.against.run, record.against.epoch) == ("s", rival.epoch)
    chord = record.against.differences["chord"]
    assert chord is not None
    expected = record.rows["model"]["chord"] - rival.rows["model"]["chord"]  # type: ignore[operator]
    assert chord.value == pytest.approx(expected)
    assert chord.low <= chord.value <= chord.high
    assert set(record.by_song["model"]) == set(record.by_song["song-adaptive n-gram"])
    same = evaluate(store, "r", against=("r", None), device="cpu").record.against
    assert same is not None
    assert same.differences["chord"] == type(chord)(0.0, 0.0, 0.0, 3)


def test_what_a_run_reports_of_the_mode_and_of_copying(store: LocalStore) -> None:
    record = evaluate(store, "r", device="cpu").record
    assert record.mode is not None
    assert not record.mode.learnt  # four songs teach their share of minor alone
    assert record.mode.log_loss == record.mode.constant_log_loss
    assert record.copying is not None
    assert set(record.copying.by_video) == set(record.by_song["model"])
    assert (record.copying.sampled["max"] or 0) >= 1


def test_a_tilted_run_is_scored_by_what_it_samples(store: LocalStore) -> None:
    train(store, preset="demo", run="t", overrides={**OVERRIDES, "change_weight": 3.0})
    rows = evaluate(store, "t", device="cpu").record.rows
    best = json.loads(store.get("runs/t/summary.json"))["best"]
    assert rows["model"]["chord"] == pytest.approx(best["chord"], rel=1e-4)
    assert rows["model"]["chord"] < rows[TILTED]["chord"]  # type: ignore[operator]
