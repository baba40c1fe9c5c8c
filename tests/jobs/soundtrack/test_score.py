"""Scoring batches and comparing epochs, on real outputs with a real recogniser."""

import json
from pathlib import Path

import pytest

from tests.studio import Studio, film_clip
from vmt.arrange.config import GenerateConfig
from vmt.errors import GenerationError, TrainingError
from vmt.jobs.soundtrack.compare import compare
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.soundtrack.score import evaluate_generated
from vmt.store import LocalStore

SONG = "videos/demo0-00-exciting.mp4"
PIANO = GenerateConfig(style="piano", tempo_bpm=100.0, accents=1.0)


@pytest.fixture(scope="module")
def store(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return studio.copy(tmp_path_factory.mktemp("scored") / "store")


def test_a_batch_is_scored_beside_its_songs(studio: Studio, store: LocalStore) -> None:
    report = generate(store, studio.settings, [SONG], config=PIANO)
    prefix = report.made[0].files["json"].rpartition("/")[0] + "/"
    scores = evaluate_generated(store, studio.settings, prefix)
    kept = json.loads(store.get(scores.key))
    assert scores.key.startswith(f"evaluations/{report.made[0].run}/generated-")
    assert kept["mean"] == scores.mean
    assert [row["take"] for row in kept["rows"]] == [report.made[0].take]
    mean = scores.mean
    assert (mean["chords_heard"] or 0) >= 0.8
    assert (mean["key_right"], mean["tempo_error"]) == (1, pytest.approx(0, abs=2e-3))
    assert mean["lufs"] == pytest.approx(-14, abs=0.5)
    assert (mean["true_peak_dbtp"] or 0) <= -1
    assert scores.real["chord_duration_s"] is not None
    assert scores.real["lufs"] is not None
    assert -40 < scores.real["lufs"] < 0
    cuts = json.loads(store.get(report.made[0].files["json"]))["cuts_s"]
    assert scores.accents["cuts"] == len(cuts)
    with pytest.raises(GenerationError, match="no output under nowhere/"):
        evaluate_generated(store, studio.settings, "nowhere/")


def test_epochs_side_by_side(studio: Studio, store: LocalStore) -> None:
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    epochs: list[tuple[str, int | None]] = [(studio.run, 0), (studio.run, 2)]
    found = compare(store, studio.settings, epochs, ["inbox/bikes.mp4"], config=PIANO)
    assert [(each.run, each.epoch) for each in found.contenders] == epochs
    first, last = (each.outputs["bikes"] for each in found.contenders)
    assert "/epoch_0000/" in first
    assert "/epoch_0002/" in last
    kept = json.loads(store.get(found.key))["contenders"]
    assert [each["epoch"] for each in kept] == [0, 2]
    assert all(each["scores"]["mean"]["lufs"] == pytest.approx(-14, abs=0.5) for each in kept)
    again = compare(store, studio.settings, epochs, ["inbox/bikes.mp4"], config=PIANO)
    assert again == found


def test_what_cannot_be_compared_is_said(studio: Studio, store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="name two or more, all different"):
        compare(store, studio.settings, [(studio.run, 1), (studio.run, 1)], [SONG])
    with pytest.raises(TrainingError, match="has no weights of epoch 77"):
        compare(store, studio.settings, [(studio.run, 1), (studio.run, 77)], [SONG])
    with pytest.raises(GenerationError, match=r"made nothing: .*gone\.mp4"):
        compare(store, studio.settings, [(studio.run, 1), (studio.run, 2)], ["inbox/gone.mp4"])
