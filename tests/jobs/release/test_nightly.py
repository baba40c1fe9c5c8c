"""When a night trains, where it starts, and what its report says."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.jobs.train.test_train import OVERRIDES, fill
from vmt.catalog import datasets
from vmt.catalog.records.datasets import DatasetInfo
from vmt.catalog.records.nights import DatasetGrowth, IngestReport, Refusal
from vmt.catalog.records.runs import RunVerdict
from vmt.catalog.runs import Run, now
from vmt.jobs.release.nightly import (
    decide,
    growth,
    half_trained,
    last_judged,
    origin,
    started,
    write_report,
)
from vmt.jobs.release.promote import promote
from vmt.jobs.train.train import train
from vmt.reports.night import markdown
from vmt.store import LocalStore

INFO = DatasetInfo("main", 0, 25, "x")


def dataset(
    videos: int, before: int | None, added: int, changed: str | None = None
) -> DatasetGrowth:
    new = tuple(f"videos/{number}.mp4" for number in range(added))
    return DatasetGrowth("main@v0002", videos, None, before, added=new, changed=changed)


@pytest.mark.parametrize(
    ("videos", "before", "added", "force", "train"),
    [
        (3, None, 0, False, True),  # never trained on
        (100, 100, 0, False, False),
        (100, 100, 0, True, True),
        (104, 100, 4, False, False),
        (105, 100, 5, False, True),  # 5 %
        (1009, 1000, 9, False, False),
        (1010, 1000, 10, False, True),  # 10 videos
        (4, 3, 1, False, True),
        (90, 100, 0, False, False),  # it shrank
        (90, 100, 10, False, True),  # others than before
        (0, 0, 0, False, False),
    ],
)
def test_it_trains_when_enough_new_videos_came(
    videos: int, before: int | None, added: int, force: bool, train: bool
) -> None:
    decision = decide(dataset(videos, before, added), force=force)
    assert decision.train is train
    assert str(videos) in decision.reason


def test_the_growth_that_is_enough_is_stated_and_acts() -> None:
    assert "trains again with 5% or 10 new ones" in decide(dataset(101, 100, 1)).reason
    assert decide(dataset(101, 100, 1), grow_share=0.01).train
    assert decide(dataset(102, 100, 2), grow_videos=2).train
    reason = decide(dataset(102, 100, 2), grow_share=0.5, grow_videos=3).reason
    assert "trains again with 50% or 3 new ones" in reason


def test_it_trains_when_the_features_are_others() -> None:
    decision = decide(dataset(100, 100, 0, "features are of b now, and were of a"))
    assert decision.train
    assert decision.reason.startswith(
        "features are of b now, and were of a; the dataset has 100 videos"
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = fill(tmp_path, {"train": 2, "validation": 1})
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES | {"epochs": 1})
    return store


def test_a_run_counts_once_it_was_judged(store: LocalStore) -> None:
    assert last_judged(store, "main", "demo") is None, "its night was killed before the verdict"
    Run(store, "one").write_verdict(RunVerdict("it stays", False, now()))
    assert last_judged(store, "main", "demo") == "main@v0001"
    assert last_judged(store, "main", "amt") is None
    assert last_judged(store, "other", "demo") is None


def test_a_champion_was_judged_by_whoever_promoted_it(store: LocalStore) -> None:
    promote(store, "one")
    assert last_judged(store, "main", "demo") == "main@v0001"


def test_it_goes_on_from_a_champion_that_fits(store: LocalStore) -> None:
    assert origin(store, "main@v0001", "demo", go_on=False).run is None
    assert "no champion" in origin(store, "main@v0001", "demo", go_on=True).reason
    promote(store, "one", 1)
    found = origin(store, "main@v0001", "demo", go_on=True)
    assert (found.run, found.epoch) == ("one", 1)
    assert "of preset demo" in origin(store, "main@v0001", "amt", go_on=True).reason


def test_it_goes_on_with_what_a_killed_night_began(store: LocalStore) -> None:
    """On a version that is hardly larger; with more new videos than the limits ask for it trains on
    those at once.
    """
    old = datasets.read(store, datasets.resolve(store, "main@v0001"))
    more = pd.concat(
        [old.manifest, old.manifest.head(1).assign(id="new", key="videos/new.mp4", sha256="f" * 64)]
    )
    datasets.publish(store, "main", more, INFO)
    few = {"grow_share": 0.5, "grow_videos": 2}
    found = half_trained(store, "main@v0002", "demo", **few)
    assert found is not None
    assert (found.run, found.dataset, found.origin.run) == ("one", "main@v0001", None)
    assert half_trained(store, "main@v0002", "demo", grow_share=0.05, grow_videos=2) is None
    assert half_trained(store, "main@v0002", "amt", **few) is None
    assert half_trained(store, "main@v0001", "demo", **few) is None, (
        "training on that version finds it anyway"
    )

    summary = Run(store, "one").summary()
    assert summary is not None
    Run(store, "one").write_summary(replace(summary, state="failed"))
    assert half_trained(store, "main@v0002", "demo", **few) is None, "it would fail again"
    Run(store, "one").write_summary(replace(summary, state="running"))
    assert half_trained(store, "main@v0002", "demo", **few) == found
    Run(store, "one").write_verdict(RunVerdict("it stays", False, now()))
    Run(store, "one").write_summary(summary)
    assert half_trained(store, "main@v0002", "demo", **few) is None, "it was judged"


def test_growth_names_what_came(store: LocalStore) -> None:
    first = growth(store, "main@v0001", None)
    assert (first.videos, first.videos_before, first.added) == (3, None, ())
    same = growth(store, "main@v0001", "main@v0001")
    assert (same.videos, same.videos_before, same.added, same.changed) == (3, 3, (), None)
    old = datasets.read(store, datasets.resolve(store, "main@v0001")).manifest
    other = old.assign(sha256=["f" * 64, *old["sha256"][1:]])
    datasets.publish(store, "main", other, INFO)
    assert growth(store, "main@v0002", "main@v0001").replaced == (old["id"][0],)


def test_growth_names_an_extractor_and_chords_that_changed(store: LocalStore) -> None:
    old = datasets.read(store, datasets.resolve(store, "main@v0001"))
    for version, other in enumerate(({"extractor": "y"}, {"chord_labels": 157}), start=2):
        datasets.publish(
            store,
            "main",
            old.manifest,
            replace(INFO, **other),
        )
        found = growth(store, f"main@v{version:04d}", "main@v0001").changed
        assert (
            found
            == ("features are of y now, and were of x", "it has 157 chord labels now, and had 25")[
                version - 2
            ]
        )


def test_the_report_says_what_failed_and_how_far_it_came(store: LocalStore) -> None:
    refused = (Refusal("videos/a.mp4", "no-sound", "no sound"),)
    night = replace(
        started({"dataset": "main"}),
        error="store s3://b: does not answer",
        ingest=IngestReport("x", 3, 1, 2, refused, (), ()),
    )
    keys = write_report(store, night)
    assert [Path(key).suffix for key in keys] == [".json", ".md"]
    assert keys[0].startswith("reports/nightly/2")
    saved = json.loads(store.get(keys[0]))
    assert (saved["state"], saved["error"]) == ("failed", "store s3://b: does not answer")
    text = store.get(keys[1]).decode()
    assert text == markdown(night)
    assert "**It failed**: store s3://b: does not answer" in text
    assert "- videos/a.mp4: no sound" in text
    assert "**Training**: not decided" in text
