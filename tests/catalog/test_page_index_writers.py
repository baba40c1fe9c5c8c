"""Indexes repeat what stands elsewhere: after every job they say what a listing would."""

import json
from pathlib import Path
from typing import Any

from tests.studio import Studio
from vmt.catalog import keys, page_index_writers
from vmt.catalog.page_index import takes_of
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.forget import forget
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.soundtrack.generate import generate
from vmt.store import LocalStore, ObjectStore


def read(store: ObjectStore, key: str) -> Any:
    content = json.loads(store.get(key))
    assert content.pop("schema") == 1
    return content


def epoch_of(store: ObjectStore, run: str) -> int:
    return int(read(store, f"runs/{run}/best_epochs.json")["selected"])


def test_the_jobs_note_what_they_did(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "store")
    (summary,) = read(store, "index/runs.json")["runs"].values()
    assert summary == read(store, f"runs/{studio.run}/summary.json") | {"schema": 1}
    assert [each["version"] for each in read(store, "index/datasets.json")["datasets"]["main"]] == [
        1
    ]
    assert read(store, "index/refused.json") == {"refused": []}
    assert read(store, "index/videos.json")["videos"] == sorted(
        each.key for each in store.list("videos/")
    )
    sheets = [each.key for each in store.list("index/thumbnails/")]
    assert len(sheets) == 3
    assert all(store.get(key).startswith(b"\xff\xd8\xff") for key in sheets)
    for language in ("en", "zh"):
        assert store.head(f"runs/{studio.run}/report.{language}.md") is not None


def test_soundtracks_come_and_go(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "store")
    videos = sorted(each.key for each in store.list("videos/"))[:2]
    report = generate(store, studio.settings, videos)
    epoch = epoch_of(store, studio.run)
    key = f"index/outputs/{studio.run}/epoch_{epoch:04d}.json"
    listed = takes_of(store, studio.run, epoch)
    assert read(store, key)["videos"] == {video: list(takes) for video, takes in listed.items()}
    newest = [each["record"] for each in read(store, "index/newest.json")["soundtracks"]]
    assert sorted(newest) == sorted(each.files["json"] for each in report.made)
    gone, kept = report.made[0], report.made[1]
    forget(store, gone.id)
    assert read(store, key)["videos"] == {kept.id: [kept.take]}
    assert [each["record"] for each in read(store, "index/newest.json")["soundtracks"]] == [
        kept.files["json"]
    ]
    assert len(list(store.list("index/thumbnails/"))) == 2
    assert f"videos/{gone.id}.mp4" not in read(store, "index/videos.json")["videos"]


def test_what_was_refused_is_told_until_it_is_accepted(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "store")
    good = store.get(next(store.list("videos/")).key)
    store.put("videos/torn.mp4", b"no video at all")
    ingest(store, studio.extractor)
    (refused,) = read(store, "index/refused.json")["refused"]
    assert (refused["id"], refused["key"]) == ("torn", "videos/torn.mp4")
    ingest(store, studio.extractor)
    assert read(store, "index/refused.json")["refused"] == [refused], (
        "the same refusal keeps its time"
    )
    store.put("videos/torn.mp4", good)
    ingest(store, studio.extractor)
    assert read(store, "index/refused.json") == {"refused": []}
    freeze(store, studio.extractor.name, chord_labels=25)
    assert [each["version"] for each in read(store, "index/datasets.json")["datasets"]["main"]] == [
        1,
        2,
    ]


def test_the_first_write_lists_what_stands(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("outputs/run/epoch_0003/old/aaa/old_cgen_rd.json", b"{}")
    page_index_writers.note_soundtracks(
        store, "run", 3, [("new", "bbb")], ["outputs/run/epoch_0003/new/bbb/new_cgen_rd.json"]
    )
    assert read(store, "index/outputs/run/epoch_0003.json")["videos"] == {
        "old": ["aaa"],
        "new": ["bbb"],
    }


def test_an_ingest_elsewhere_keeps_the_other_videos(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for key in ("videos/a.mp4", "videos/a.lab", "videos/new/b.mp4"):
        store.put(key, b"")
    page_index_writers.note_videos(store, "videos/new/", ["videos/new/c.mp4"])
    assert read(store, "index/videos.json") == {"videos": ["videos/a.mp4", "videos/new/c.mp4"]}


def test_the_newest_night_is_noted_also_when_an_older_one_ends_late(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for moment in ("2025-12-04T033000Z", "2025-12-05T033000Z", "2025-12-03T033000Z"):
        page_index_writers.note_night(store, f"{keys.NIGHTS}{moment}.md")
    assert read(store, "index/night.json") == {"report": "reports/nightly/2025-12-05T033000Z.md"}


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    page_index_writers.note_soundtracks(store, "run", 3, [("a", "1")], ["r1"])
    first = LocalStore(tmp_path)
    put = first.put

    def slow(key: str, data: bytes, **condition: Any) -> Any:
        first.put = put  # type: ignore[method-assign]
        page_index_writers.note_soundtracks(store, "run", 3, [("b", "1")], ["r2"])
        return put(key, data, **condition)

    first.put = slow  # type: ignore[method-assign]
    page_index_writers.note_soundtracks(first, "run", 3, [("c", "1")], ["r3"])
    assert set(read(store, "index/outputs/run/epoch_0003.json")["videos"]) == {"a", "b", "c"}
    assert [each["record"] for each in read(store, "index/newest.json")["soundtracks"]] == [
        "r3",
        "r2",
        "r1",
    ]
