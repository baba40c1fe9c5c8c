"""The store of 0.1.0 is read: every kind of JSON and CSV that it wrote, frozen under `golden/`."""

import json
from pathlib import Path

import pytest

from vmt.catalog import datasets, documents, keys
from vmt.catalog.describe import BUCKET, Entry
from vmt.catalog.records import decode, encode, loads
from vmt.catalog.records.datasets import ImportReport
from vmt.catalog.records.videos import VideoIds
from vmt.catalog.runs import Run, read_champion, runs
from vmt.catalog.takedowns import Forgotten
from vmt.store import LocalStore

GOLDEN = Path(__file__).parent / "golden" / "v0.1.0"
STORED = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*") if path.is_file())
RECORDS = [key for key in STORED if key.endswith(".json")]

NEWER = {ImportReport, VideoIds}
"""Records that 0.1.0 did not write."""


def entry_of(key: str) -> Entry:
    """The one kind of object that a key is of."""
    (entry,) = (entry for entry in BUCKET if entry.pattern.parse(key) is not None)
    return entry


def test_the_golden_store_has_every_record() -> None:
    kinds = {entry_of(key).record for key in RECORDS}
    assert kinds | NEWER == {entry.record for entry in BUCKET if entry.record is not None}
    assert not kinds & NEWER


@pytest.mark.parametrize("key", RECORDS)
def test_each_record_is_read_and_written_again(key: str) -> None:
    kind = entry_of(key).record
    assert kind is not None
    data = (GOLDEN / key).read_bytes()
    record = loads(kind, data, key)
    assert decode(kind, json.loads(json.dumps(encode(record))), key) == record


@pytest.mark.parametrize("key", RECORDS)
def test_no_field_of_0_1_0_is_lost(key: str) -> None:
    """Each value of the old object is in the new one under the same name, but for the note that
    nobody reads in a sidecar of rights, and the maps that have a name now.
    """
    kind = entry_of(key).record
    assert kind is not None
    old = json.loads((GOLDEN / key).read_bytes())
    new = encode(loads(kind, json.dumps(old).encode(), key))
    old.pop("note", None)
    if not isinstance(old, dict) or not old.keys() <= new.keys():
        (new,) = (value for name, value in new.items() if name != "schema")  # type: ignore[assignment]
    assert_within(old, new, key)


def assert_within(old: object, new: object, place: str) -> None:
    if isinstance(old, dict):
        assert isinstance(new, dict), place
        for name, value in old.items():
            assert_within(value, new[name], f"{place} {name}")
    elif isinstance(old, list):
        assert isinstance(new, list), place
        assert len(old) == len(new), place
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            assert_within(before, after, f"{place} {number}")
    else:
        assert old == new, place


def test_tables_of_0_1_0_are_read() -> None:
    store = LocalStore(GOLDEN)
    for run in runs(store):
        summary = run.summary()
        assert summary is not None
        assert run.results()[-1].epoch == summary.epochs
    for info in datasets.published(store):
        version = datasets.read(store, datasets.DatasetRef(info.name, info.version))
        assert len(version.rows()) == info.videos


def test_what_0_1_0_remembered_counts() -> None:
    store = LocalStore(GOLDEN)
    champion = read_champion(store)
    assert champion is not None
    assert [past.rolled_back for past in champion.history] == [False, True, False]
    source = Run(store, next(run for run, _ in champion.epochs[1:2])).parameters()
    assert source.train.epochs == 2
    assert len(Forgotten.load(store).sha256s) == 1
    (damaged,) = (run.best_epochs() for run in runs(store) if run.name == "damaged")
    assert damaged is not None
    assert damaged.passed_over[0].epoch not in (damaged.selected,)


def test_a_map_of_0_1_0_becomes_a_record_when_it_changes(tmp_path: Path) -> None:
    """The ledger was a bare map; the first change writes it as a record, nothing lost."""
    from vmt.catalog.records.videos import InboxEntry, InboxLedger

    store = LocalStore(tmp_path)
    key = keys.inbox_ledger()
    old = (GOLDEN / key).read_bytes()
    store.put(key, old)
    entry = InboxEntry("s", "made", 1, None, "now", "r", 1)
    documents.update(
        store,
        key,
        InboxLedger,
        lambda known: InboxLedger({**(known.videos if known else {}), "inbox/new.mp4": entry}),
    )
    content = json.loads(store.get(key))
    assert content["schema"] == 1
    assert content["videos"].keys() == {*json.loads(old), "inbox/new.mp4"}
