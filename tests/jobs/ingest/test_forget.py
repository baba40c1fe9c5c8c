"""Forget: nothing of a video stays or comes back, at whatever moment it was stopped."""

import json
from pathlib import Path

import pytest

from tests.studio import Studio
from vmt.catalog import datasets
from vmt.catalog.videos import VideoIndex
from vmt.errors import DatasetError, StoreUnavailable
from vmt.features.record import Features
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.forget import forget
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.soundtrack.generate import generate
from vmt.store import LocalStore


class Dying(LocalStore):
    """A store that is gone after so many deletions."""

    def __init__(self, root: Path, deletions: int) -> None:
        super().__init__(root)
        self.left = deletions

    def delete(self, key: str) -> None:
        if self.left == 0:
            raise StoreUnavailable("gone")
        self.left -= 1
        super().delete(key)


REFUSED = {"id": "a", "key": "videos/a.mp4", "code": "x", "reason": "y", "sha256": None}


def put_output(store: LocalStore, video: str, sha256: str, run: str = "elsewhere") -> str:
    """An output as far as forgetting looks at it."""
    key = f"outputs/{run}/epoch_0001/{video}/0123456789/{video}_cgen_rd.json"
    store.put(key, json.dumps({"video": {"id": video, "sha256": sha256}}).encode())
    store.put(key.replace(".json", ".mid"), b"notes")
    return key


@pytest.fixture
def store(studio: Studio, tmp_path: Path) -> LocalStore:
    """A copy of the studio with a copy of the first video, another extractor's features, and
    outputs.
    """
    store = studio.copy(tmp_path / "copy")
    first, second, _ = sorted(studio.truths)
    store.put("videos/twin.mp4", store.get(f"videos/{first}.mp4"))
    store.put(f"videos/{first}.json", b"{}")
    ingest(store, studio.extractor)
    sha256 = sha256_of_video(store, studio, first)
    store.put(f"features/other/{sha256}-0000.safetensors", b"tensors")
    store.put(f"quarantine/{first}.json", json.dumps(REFUSED).encode())
    put_output(store, first, sha256)
    put_output(store, "twin", sha256)
    put_output(store, second, "00", studio.run)
    return store


def sha256_of_video(store: LocalStore, studio: Studio, video: str) -> str:
    entries = VideoIndex.load(store, studio.extractor.name).entries.values()
    return str(next(entry.sha256 for entry in entries if entry.id == video))


def traces(store: LocalStore, video: str, sha256: str) -> list[str]:
    """Keys and index entries that still speak of a video, but for the past."""
    keys = [
        each.key
        for each in store.list("")
        if each.key.split("/")[0] not in ("datasets", "runs", "models")
    ]
    named = [
        key
        for key in keys
        if f"/{video}." in key or f"/{video}/" in key or "twin" in key or sha256 in key
    ]
    indexed = [
        key for key in keys if key.startswith("index/ingest/") and sha256 in store.get(key).decode()
    ]
    return sorted({*named, *indexed} - {f"index/forgotten/{video}.json"})


def test_nothing_stays_and_what_was_made_is_listed(store: LocalStore, studio: Studio) -> None:
    first, second, _ = sorted(studio.truths)
    sha256 = sha256_of_video(store, studio, first)
    report = forget(store, first)
    assert traces(store, first, sha256) == []
    assert report.sha256s == (sha256,)
    assert (report.versions, report.runs) == ((studio.dataset,), (studio.run,))
    assert report.outputs == (
        f"outputs/{studio.run}/epoch_0001/{second}/0123456789/{second}_cgen_rd.json",
    )
    again = forget(store, first)
    assert (again.deleted, again.versions, again.runs) == ((), report.versions, report.runs)
    assert first not in set(
        datasets.read(store, datasets.resolve(store, freeze_again(store, studio))).manifest["id"]
    )


def freeze_again(store: LocalStore, studio: Studio) -> str:
    return freeze(store, studio.extractor.name, chord_labels=25)


def test_neither_its_bytes_nor_its_id_come_back(store: LocalStore, studio: Studio) -> None:
    first, second, third = sorted(studio.truths)
    data = store.get(f"videos/{first}.mp4")
    forget(store, first)
    store.put("videos/again.mp4", data)
    store.put(f"videos/{first}.mov", store.get(f"videos/{third}.mp4"))
    report = ingest(store, studio.extractor)
    reasons = {each.key: (each.code, each.reason) for each in report.refused}
    assert set(reasons) == {"videos/again.mp4", f"videos/{first}.mov"}
    assert {code for code, _ in reasons.values()} == {"forgotten"}
    assert "these bytes were taken down for good" in reasons["videos/again.mp4"][1]
    assert f"{first} was taken down for good" in reasons[f"videos/{first}.mov"][1]
    ids = datasets.read(store, datasets.resolve(store, freeze_again(store, studio))).manifest["id"]
    assert set(ids) == {second, third}


def test_neither_its_bytes_nor_its_id_get_a_soundtrack(store: LocalStore, studio: Studio) -> None:
    first, _, third = sorted(studio.truths)
    data = store.get(f"videos/{first}.mp4")
    forget(store, first)
    store.put("inbox/again.mp4", data)
    store.put(f"inbox/{first}.mov", store.get(f"videos/{third}.mp4"))
    report = generate(store, studio.settings, ["inbox/again.mp4", f"inbox/{first}.mov"])
    reasons = {each.key: each.reason for each in report.failed}
    assert "again.mp4: these bytes were taken down for good" in reasons["inbox/again.mp4"]
    assert f"{first} was taken down for good" in reasons[f"inbox/{first}.mov"]
    assert (report.made, report.known) == ((), ())


@pytest.mark.parametrize("deletions", [0, 1, 4, 8])
def test_killed_half_way_it_is_buried_already_and_can_be_finished(
    store: LocalStore, studio: Studio, deletions: int
) -> None:
    first = sorted(studio.truths)[0]
    sha256 = sha256_of_video(store, studio, first)
    with pytest.raises(StoreUnavailable):
        forget(Dying(store.root, deletions), first)
    ids = datasets.read(store, datasets.resolve(store, freeze_again(store, studio))).manifest["id"]
    assert not {first, "twin"} & set(ids)
    forget(store, first)
    assert traces(store, first, sha256) == []


def test_a_copy_that_is_another_video_by_now_stays(store: LocalStore, studio: Studio) -> None:
    first, second, _ = sorted(studio.truths)
    other = store.get(f"videos/{second}.mp4")
    store.put("videos/twin.mp4", other)
    forget(store, first)
    assert store.get("videos/twin.mp4") == other
    ingest(store, studio.extractor)
    entry = VideoIndex.load(store, studio.extractor.name).entries["videos/twin.mp4"]
    assert Features.from_bytes(store.get(entry.features_key)).source_sha256 == entry.sha256


def test_an_id_that_nobody_knows(store: LocalStore) -> None:
    with pytest.raises(DatasetError, match="video nobody: nothing in"):
        forget(store, "nobody")
    assert not list(store.list("index/forgotten/"))
