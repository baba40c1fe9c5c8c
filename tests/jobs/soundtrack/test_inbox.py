"""The inbox: once each, by the champion of the moment, whatever is killed in between."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.studio import OVERRIDES, Studio, film_clip
from vmt.catalog.keys import champion, inbox_ledger
from vmt.errors import StoreUnavailable, VmtError
from vmt.jobs.ingest.upload import upload
from vmt.jobs.release.promote import promote
from vmt.jobs.soundtrack.inbox import TRIES, check_inbox, serve_inbox
from vmt.jobs.train.train import train
from vmt.runtime.worker_pool import Processes
from vmt.store import LocalStore, ObjectInfo

LEDGER_KEY = inbox_ledger()


def entries(store: LocalStore) -> dict[str, dict[str, Any]]:
    """What the ledger holds of each video."""
    return dict(json.loads(store.get(LEDGER_KEY))["videos"])


@pytest.fixture
def store(made_studio: Studio, tmp_path: Path) -> LocalStore:
    return made_studio.copy(tmp_path / "store")


def test_files_go_in_under_their_names(store: LocalStore, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    keys, failures = upload(store, [film_clip("bikes.mp4"), broken])
    assert keys == ["inbox/bikes.mp4"]
    assert [each.key for each in failures] == [str(broken)]


def test_each_video_is_scored_once_and_failures_three_times(
    store: LocalStore, made_studio: Studio
) -> None:
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
    assert sorted(entries(store)) == ["inbox/again.mp4", "inbox/bikes.mp4"]


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


class Lapsing(LocalStore):
    """A store that does not answer when a summary is to be noted, and for the ledger from
    then on.
    """

    away = False

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> ObjectInfo:
        self.away = self.away or "/batch-" in key
        if self.away:
            raise StoreUnavailable("store: does not answer")
        return super().put(key, data, if_absent=if_absent, if_match=if_match)


def test_an_outage_between_the_claim_and_the_outcome_costs_no_try_either(
    store: LocalStore, made_studio: Studio, tmp_path: Path
) -> None:
    """The same process tries again, as a task's retries do; and where the store answers, the try is
    given back.
    """
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    for _ in range(TRIES + 1):
        with pytest.raises(StoreUnavailable):
            serve_inbox(Lapsing(tmp_path / "store"), made_studio.settings)
        entry = entries(store)["inbox/bikes.mp4"]
        assert (entry["state"], entry["tries"]) == ("claimed", 1)
    settings = made_studio.settings.model_copy(update={"soundfont": tmp_path / "none.sf2"})
    for _ in range(TRIES + 1):
        with pytest.raises(VmtError, match=r"none\.sf2"):
            serve_inbox(store, settings)
        assert entries(store)["inbox/bikes.mp4"]["tries"] == 0
    assert [each.id for each in serve_inbox(store, made_studio.settings).made] == ["bikes"]


class Deadly(LocalStore):
    """A bucket with a video that ends the worker process which reads it, as a decoder with a bug
    does.
    """

    def get_file(self, key: str, path: Path) -> None:
        if "bomb" in key and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGSEGV)
        super().get_file(key, path)


@pytest.mark.long  # a single item over processes is tested at once in test_processes.py
def test_over_processes_a_video_that_crashes_its_worker_fails_alone(
    store: LocalStore, made_studio: Studio, tmp_path: Path
) -> None:
    store.put("inbox/bomb.mp4", b"no video")
    report = serve_inbox(Deadly(tmp_path / "store"), made_studio.settings, map=Processes(1))
    assert [each.key for each in report.failed] == ["inbox/bomb.mp4"]
    assert "SIGSEGV" in report.failed[0].reason
    entry = entries(store)["inbox/bomb.mp4"]
    assert (entry["state"], entry["tries"]) == ("failed", 1)


def test_a_video_that_ends_the_whole_job_is_given_up_and_the_next_one_is_made(
    store: LocalStore, made_studio: Studio
) -> None:
    store.put("inbox/bomb.mp4", b"no video")
    store.put("inbox/other.mp4", store.get(f"videos/{min(made_studio.truths)}.mp4"))
    command = [
        sys.executable,
        "-m",
        "tests.jobs.soundtrack.killed_inbox",
        str(store.root),
        str(made_studio.settings.cache),
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *killed, given_up = done.stdout.splitlines()
    assert killed == ["killed"] * TRIES
    assert given_up.startswith(
        f"inbox/bomb.mp4: given up: each of {TRIES} jobs that tried it ended"
    )
    ledger = entries(store)
    states = {key: (entry["state"], entry["tries"]) for key, entry in ledger.items()}
    assert states == {
        "inbox/bomb.mp4": ("failed", TRIES),
        "inbox/other.mp4": ("made", 2),
    }
    settled = check_inbox(store)
    assert (settled.found, settled.done, settled.new) == (2, 2, 0)


def test_a_killed_job_goes_on_with_the_champion_of_its_claim(
    store: LocalStore, made_studio: Studio
) -> None:
    """Killed after the soundtrack and before the ledger, and another run promoted since: nothing is
    made again.
    """
    settings = made_studio.settings
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    serve_inbox(store, settings)
    ledger = entries(store)
    claimed = ledger["inbox/bikes.mp4"] | {"state": "claimed"}
    del claimed["record"]
    store.put(LEDGER_KEY, json.dumps({"inbox/bikes.mp4": claimed}).encode())  # as 0.1.0 did
    promote(
        store, train(store, "main", preset="demo", run="other", overrides=OVERRIDES | {"epochs": 1})
    )
    before = {each.key: each.etag for each in store.list("outputs/") if "/batch-" not in each.key}
    report = serve_inbox(store, settings)
    assert [(each.id, each.run) for each in report.made] == [("bikes", made_studio.run)]
    assert {
        each.key: each.etag for each in store.list("outputs/") if "/batch-" not in each.key
    } == before
    assert entries(store)["inbox/bikes.mp4"]["state"] == "made"


def test_without_a_champion_everything_waits(store: LocalStore, made_studio: Studio) -> None:
    store.delete(champion())
    store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    report = serve_inbox(store, made_studio.settings)
    assert (report.waiting, report.made) == (1, ())
    assert store.head(LEDGER_KEY) is None
