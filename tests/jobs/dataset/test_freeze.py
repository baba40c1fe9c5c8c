"""Freezing: versions change only when videos do."""

import os
from pathlib import Path

import pytest

from tests.studio import Studio
from vmt.catalog import datasets
from vmt.catalog.records.datasets import DatasetChanges
from vmt.catalog.runs import Run
from vmt.dataset.splits import SplitBy
from vmt.errors import DatasetError
from vmt.jobs.dataset.freeze import freeze, import_muvi_sync
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.train.train import train
from vmt.store import LocalStore


def test_a_version_says_what_it_holds(studio: Studio) -> None:
    version = datasets.read(studio.store, datasets.resolve(studio.store, studio.dataset))
    assert version.info.splits == {"train": 1, "validation": 1, "test": 1}
    sides = dict(zip(version.manifest["id"], version.manifest["split"], strict=True))
    expected = {
        "demo0-00-exciting": "validation",
        "demo0-01-sad": "test",
        "demo0-02-relaxing": "train",
    }
    assert sides == expected, "ids decide: the same wherever the videos were encoded"
    assert version.info.untrained is True
    assert (
        sum(version.info.chords.values())
        == version.info.seconds
        == version.manifest["seconds"].sum()
    )
    assert set(version.manifest["song_key"]) == {
        str(each["key"]) for each in studio.truths.values()
    }


@pytest.mark.parametrize("split_by", ["bytes", "id"])
def test_nothing_changed_makes_no_version(studio: Studio, split_by: SplitBy) -> None:
    """Known videos keep their side, whatever decides those of new ones."""
    assert (
        freeze(studio.store, studio.extractor.name, chord_labels=25, split_by=split_by)
        == studio.dataset
    )


@pytest.mark.parametrize("split_by", ["bytes", "id"])
def test_three_new_videos_have_one_side_each(studio: Studio, split_by: SplitBy) -> None:
    store, name = studio.store, f"new-{split_by}"
    version = datasets.read(
        store,
        datasets.resolve(store, freeze(store, studio.extractor.name, name=name, split_by=split_by)),
    )
    assert version.info.splits == {"train": 1, "validation": 1, "test": 1}


def test_what_came_and_went_is_told_and_sides_stay(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "copy")
    before = datasets.read(store, datasets.resolve(store, "main")).manifest.set_index("id")["split"]
    gone, kept = sorted(studio.truths)[:1], sorted(studio.truths)[1:]
    store.put("videos/copy.mp4", store.get(f"videos/{kept[0]}.mp4"))
    store.delete(f"videos/{gone[0]}.mp4")
    ingest(store, studio.extractor)
    newer = freeze(store, studio.extractor.name, chord_labels=25)
    version = datasets.read(store, datasets.resolve(store, newer))
    assert newer == "main@v0002"
    assert version.info.changes == DatasetChanges((), tuple(gone))
    after = version.manifest.set_index("id")["split"]
    assert after["copy"] == after[kept[0]] == before[kept[0]]


def test_nothing_ingested(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match="no video was ingested with extractor x; run `vmt ingest` first"
    ):
        freeze(LocalStore(tmp_path), "x")


def test_muvi_sync_reports_what_is_missing(muvi_layout: Path, tmp_path: Path) -> None:
    (muvi_layout / "vevo_loudness/all/002.lab").unlink()
    store = LocalStore(tmp_path / "store")
    report = import_muvi_sync(store, muvi_layout, chord_labels=25)
    assert (report.dataset, report.songs) == ("muvi-sync@v0001", 3)
    assert report.problems == ("song 002: no loudness",)
    assert import_muvi_sync(store, muvi_layout, chord_labels=25).dataset == "muvi-sync@v0001"
    assert import_muvi_sync(store, muvi_layout, chord_labels=157).dataset == "muvi-sync@v0002"


@pytest.mark.data
def test_amt_trains_a_few_steps_on_real_songs(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    report = import_muvi_sync(
        store, Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-55/dataset", chord_labels=25
    )
    assert (report.songs, report.problems) == (55, ())
    version = datasets.read(store, datasets.resolve(store, report.dataset))
    assert version.info.splits == {"train": 42, "validation": 6, "test": 7}
    few = version.manifest.groupby("split").head(2)
    datasets.publish(store, "few", few, version.info)
    run = Run(store, train(store, "few", preset="amt", overrides={"epochs": 1, "batch_size": 2}))
    rows = run.results()
    assert rows[1].train[0] < rows[0].train[0]
    assert len(run.weights(1)) == pytest.approx(125.2 * 2**20, rel=0.01)
