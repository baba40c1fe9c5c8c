"""When a night trains, where it starts, and what its report says."""

import json
from pathlib import Path

import pytest

from tests.jobs.test_train import OVERRIDES, fill
from vmt.jobs.nightly import VERDICT, decide, growth, last_judged, markdown, origin, started, write_report
from vmt.jobs.promote import promote
from vmt.jobs.train import train
from vmt.store import LocalStore
from vmt.training.registry import Run


@pytest.mark.parametrize(
    ("videos", "before", "force", "train"),
    [
        (3, None, False, True),  # never trained on
        (100, 100, False, False),
        (100, 100, True, True),
        (104, 100, False, False),
        (105, 100, False, True),  # 5 %
        (1009, 1000, False, False),
        (1010, 1000, False, True),  # 10 videos
        (4, 3, False, True),
        (90, 100, False, False),  # it shrank
        (0, 0, False, False),
    ],
)
def test_it_trains_when_the_dataset_grew_enough(videos: int, before: int | None, force: bool, train: bool) -> None:
    decision = decide(videos, before, force=force)
    assert decision.train is train
    assert str(videos) in decision.reason


def test_the_growth_that_is_enough_is_stated_and_acts() -> None:
    assert "trains again with 5% or 10 more" in decide(101, 100).reason
    assert decide(101, 100, grow_share=0.01).train
    assert decide(102, 100, grow_videos=2).train
    assert "trains again with 50% or 3 more" in decide(102, 100, grow_share=0.5, grow_videos=3).reason


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = fill(tmp_path, {"train": 2, "validation": 1})
    train(store, "main", preset="demo", run="one", overrides=OVERRIDES | {"epochs": 1})
    return store


def test_a_run_counts_once_it_was_judged(store: LocalStore) -> None:
    assert last_judged(store, "main", "demo") is None, "its night was killed before the verdict"
    Run(store, "one").write_json(VERDICT, {"promoted": False})
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


def test_growth_names_what_came(store: LocalStore) -> None:
    first = growth(store, "main@v0001", None)
    assert (first["videos"], first["videos_before"], first["added"]) == (3, None, [])
    same = growth(store, "main@v0001", "main@v0001")
    assert (same["videos"], same["videos_before"], same["added"]) == (3, 3, [])


def test_the_report_says_what_failed_and_how_far_it_came(store: LocalStore) -> None:
    night = started({"dataset": "main"}) | {
        "error": "store s3://b: does not answer",
        "ingest": {
            "new": 1,
            "known": 2,
            "refused": [{"key": "videos/a.mp4", "reason": "no sound"}],
            "failed": [],
        },
    }
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
