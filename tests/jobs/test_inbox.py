"""The inbox: once each, by the champion of the moment, whatever is killed in between."""

import json
from pathlib import Path

import pytest

from tests.studio import OVERRIDES, Studio, film_clip
from vmt.errors import StoreUnavailable
from vmt.jobs.inbox import LEDGER_KEY, TRIES, put_in_inbox, serve_inbox
from vmt.jobs.promote import promote
from vmt.jobs.train import train
from vmt.store import LocalStore
from vmt.training.registry import CHAMPION_KEY


@pytest.fixture
def store(made_studio: Studio, tmp_path: Path) -> LocalStore:
    return made_studio.copy(tmp_path / "store")


def test_files_go_in_under_their_names(store: LocalStore, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    keys, failures = put_in_inbox(store, [film_clip("bikes.mp4"), broken])
    assert keys == ["inbox/bikes.mp4"]
    assert [each.key for each in failures] == [str(broken)]


def test_each_video_is_scored_once_and_failures_three_times(store: LocalStore, made_studio: Studio) -> None:
    settings = made_studio.settings
    empty = serve_inbox(store, settings)
    assert (empty.found, empty.made) == (0, ())
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    store.put("inbox/bad.mp4", b"no video")
    first = serve_inbox(store, settings)
    assert [(each.id, each.run) for each in first.made] == [("bikes", made_studio.run)]
    assert [each.key for each in first.failed] == ["inbox/bad.mp4"]
    for _ in range(TRIES - 1):
        again = serve_inbox(store, settings)
        assert (again.done, again.made, len(again.failed)) == (1, (), 1)
    settled = serve_inbox(store, settings)
    assert (settled.found, settled.done, settled.failed) == (2, 2, ())
    store.put("inbox/bad.mp4", b"other bytes, no video either")
    assert len(serve_inbox(store, settings).failed) == 1
    store.delete("inbox/bad.mp4")
    store.put_file("inbox/again.mp4", film_clip("bikes.mp4"))
    assert [each.id for each in serve_inbox(store, settings).made] == ["again"]
    assert sorted(json.loads(store.get(LEDGER_KEY))) == ["inbox/again.mp4", "inbox/bikes.mp4"]


class Away(LocalStore):
    """A store that does not answer when it is asked for a video."""

    def get_file(self, key: str, path: Path) -> None:
        if key.startswith("inbox/"):
            raise StoreUnavailable("store: does not answer")
        super().get_file(key, path)


def test_a_store_that_fails_costs_a_video_none_of_its_tries(
    store: LocalStore, made_studio: Studio, tmp_path: Path
) -> None:
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    for _ in range(TRIES + 1):
        assert len(serve_inbox(Away(tmp_path / "store"), made_studio.settings).failed) == 1
    assert [each.id for each in serve_inbox(store, made_studio.settings).made] == ["bikes"]


def test_a_killed_job_goes_on_with_the_champion_of_its_claim(store: LocalStore, made_studio: Studio) -> None:
    """Killed after the soundtrack and before the ledger, and another run promoted since: nothing is made again."""
    settings = made_studio.settings
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    serve_inbox(store, settings)
    ledger = json.loads(store.get(LEDGER_KEY))
    claimed = ledger["inbox/bikes.mp4"] | {"state": "claimed"}
    del claimed["record"]
    store.put(LEDGER_KEY, json.dumps({"inbox/bikes.mp4": claimed}).encode())
    promote(store, train(store, "main", preset="demo", run="other", overrides=OVERRIDES | {"epochs": 1}))
    before = {each.key: each.etag for each in store.list("outputs/") if "/batch-" not in each.key}
    report = serve_inbox(store, settings)
    assert [(each.id, each.run) for each in report.made] == [("bikes", made_studio.run)]
    assert {each.key: each.etag for each in store.list("outputs/") if "/batch-" not in each.key} == before
    assert json.loads(store.get(LEDGER_KEY))["inbox/bikes.mp4"]["state"] == "made"


def test_without_a_champion_everything_waits(store: LocalStore, made_studio: Studio) -> None:
    store.delete(CHAMPION_KEY)
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    report = serve_inbox(store, made_studio.settings)
    assert (report.waiting, report.made) == (1, ())
    assert store.head(LEDGER_KEY) is None
