"""Ingest: each video once, bad ones apart, nothing half done."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import pretty_midi
import pytest

from tests.clips import Clips
from tests.small import SmallExtractor
from tests.studio import Studio
from vmt import chords
from vmt.catalog import keys
from vmt.catalog.records.videos import IngestEntry
from vmt.catalog.videos import VideoIndex
from vmt.errors import DatasetError
from vmt.features.record import Features
from vmt.jobs.ingest.ingest import ingest
from vmt.runtime.worker_pool import Processes
from vmt.store import LocalStore


def test_what_is_extracted_is_the_known_truth(studio: Studio) -> None:
    entries = VideoIndex.load(studio.store, studio.extractor.name).entries
    assert len(entries) == 3
    for entry in entries.values():
        features = Features.from_bytes(studio.store.get(entry.features_key))
        known = studio.truths[entry.id]
        assert features.untrained
        assert features.chord is not None
        heard, true = (
            chords.REDUCE_25[chords.tokens(labels)] for labels in (features.chord, known["chords"])
        )
        assert (heard == true[: len(heard)]).mean() > 0.9
        assert str(features.key) == known["key"]


def test_a_second_ingest_does_nothing(studio: Studio) -> None:
    before = {each.key: each.etag for each in studio.store.list("")}
    report = ingest(studio.store, studio.extractor)
    assert (report.found, report.new, report.known) == (3, 0, 3)
    assert {each.key: each.etag for each in studio.store.list("")} == before


@pytest.fixture
def mixed(tmp_path: Path, clips: Clips) -> LocalStore:
    """A bucket of one good video and one of each kind of bad one."""
    store = LocalStore(tmp_path / "store")
    store.put_file("videos/good.mp4", clips.get("mp4-h264-aac"))
    store.put("videos/notes.mp4", b"these are no pictures")
    store.put("videos/hey!.mp4", b"no video either")
    store.put("videos/.hidden.mp4", b"not looked at")
    data = clips.get("mp4-h264-aac").read_bytes()
    store.put("videos/cut.mp4", data[: len(data) // 2])
    store.put_file("videos/mute.mp4", clips.get("silent"))
    store.put_file("videos/song.mp3", clips.get("mp3"))
    store.put_file("videos/blink.mp4", clips.get("half-second"))
    return store


def test_bad_videos_are_refused_with_a_reason_and_stop_nobody(
    mixed: LocalStore, studio: Studio
) -> None:
    report = ingest(mixed, studio.extractor)
    assert (report.found, report.new) == (7, 1)
    codes = {each.key.removeprefix("videos/"): each.code for each in report.refused}
    assert codes == {
        "notes.mp4": "not-media",
        "hey!.mp4": "not-media",
        "cut.mp4": "truncated",
        "mute.mp4": "no-sound",
        "song.mp3": "no-picture",
        "blink.mp4": "too-short",
    }
    for each in report.refused:
        assert "\n" not in each.reason
        assert Path(each.key).name in each.reason or Path(each.key).stem in each.reason
    record = json.loads(mixed.get("quarantine/cut.json"))
    assert (record["code"], record["key"]) == ("truncated", "videos/cut.mp4")
    again = ingest(mixed, studio.extractor)
    assert (again.known, again.new, len(again.refused)) == (7, 0, 6)
    assert (report.refused_now, again.refused_now) == (report.refused, ())
    once_more = ingest(mixed, studio.extractor, retry_refused=True)
    assert (once_more.known, once_more.refused_now) == (1, report.refused)


def test_a_refused_video_is_tried_again_when_it_changes_or_is_annotated(
    mixed: LocalStore, studio: Studio, clips: Clips
) -> None:
    ingest(mixed, studio.extractor)
    mixed.put_file("videos/notes.mp4", clips.get("mp4-h264-aac"))
    mixed.put("videos/mute.lab", b"key D minor\n0 D:min\n1 A:7\n2 D:min\n")
    report = ingest(mixed, studio.extractor)
    assert report.new == 2
    assert report.copies == (("videos/good.mp4", "videos/notes.mp4"),)
    entry = VideoIndex.load(mixed, studio.extractor.name).entries["videos/mute.mp4"]
    features = Features.from_bytes(mixed.get(entry.features_key))
    assert features.chord == ("D:min", "A:7", "D:min")
    assert str(features.key) == "D minor"


def test_a_malformed_annotation_names_its_line(
    studio: Studio, clips: Clips, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    store.put_file("videos/a.mp4", clips.get("mp4-h264-aac"))
    store.put("videos/a.lab", b"0 C\n1 H:maj\n")
    store.put_file("videos/b.mp4", clips.get("mp4-h264-aac"))
    store.put("videos/b.mid", b"no notes")
    report = ingest(store, studio.extractor)
    reasons = {each.key: each.reason for each in report.refused}
    assert "a.lab, line 2: chord 'H:maj' is not a chord" in reasons["videos/a.mp4"]
    assert "b.mid: is not a MIDI file" in reasons["videos/b.mp4"]


def test_an_empty_bucket_says_so(tmp_path: Path, studio: Studio) -> None:
    with pytest.raises(DatasetError, match=r"no video under videos/; put \.mp4 files there"):
        ingest(LocalStore(tmp_path), studio.extractor)


def test_a_lost_index_costs_no_extraction(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "copy")
    store.delete(keys.ingest_index(studio.extractor.name))
    before = {each.key: each.etag for each in store.list("features/")}
    assert ingest(store, studio.extractor).new == 3
    assert {each.key: each.etag for each in store.list("features/")} == before


class Deadly(SmallExtractor):
    """Dies over one video, like a decoder with a bug."""

    def extract(self, *arguments: Any, **named: Any) -> Features:
        if named["name"] == "bomb":
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().extract(*arguments, **named)


def test_over_processes_a_video_that_crashes_its_worker_is_refused_alone(
    studio: Studio, clips: Clips, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store")
    for name, kind in (("a", "mp4-h264-aac"), ("bomb", "stereo"), ("c", "mp4-h264-aac")):
        store.put_file(f"videos/{name}.mp4", clips.get(kind))
    extractor = Deadly(studio.extractor.config, cache_dir=tmp_path)
    report = ingest(store, extractor, map=Processes(2))
    assert (report.new, report.copies) == (2, (("videos/a.mp4", "videos/c.mp4"),))
    assert [(each.key, each.code) for each in report.refused] == [("videos/bomb.mp4", "crashed")]
    assert "SIGSEGV" in json.loads(store.get("quarantine/bomb.json"))["reason"]
    assert ingest(store, extractor, map=Processes(2)).known == 3
    alone = LocalStore(tmp_path / "alone")
    alone.put_file("videos/a.mp4", clips.get("mp4-h264-aac"))
    ingest(alone, studio.extractor)
    key = next(iter(VideoIndex.load(alone, studio.extractor.name).entries.values())).features_key
    assert store.get(key) == alone.get(key)


CHORDS = "0 2 C\n2 3 F\n"


@pytest.fixture
def annotated(tmp_path: Path, clips: Clips) -> LocalStore:
    """A bucket of six short videos with chords and notes beside them, so that nothing has to be
    recognised.
    """
    store = LocalStore(tmp_path / "bucket")
    song = pretty_midi.PrettyMIDI()
    song.instruments.append(pretty_midi.Instrument(0))
    song.instruments[0].notes.append(pretty_midi.Note(90, 60, 0.0, 1.0))
    song.write(tmp_path / "notes.mid")
    for number in range(6):
        # Bytes after the last box change nothing but what the video is known by.
        store.put(f"videos/{number}.mp4", clips.get("mp4-h264-aac").read_bytes() + free_box(number))
        store.put(f"videos/{number}.lab", CHORDS.encode())
        store.put_file(f"videos/{number}.mid", tmp_path / "notes.mid")
    return store


def free_box(number: int) -> bytes:
    """An MP4 box that players skip."""
    return struct.pack(">I4sI", 12, b"free", number)


def ingest_under(store: LocalStore, how: str) -> list[str]:
    """What `tests.jobs.ingest.killed_ingest` printed."""
    command = [sys.executable, "-m", "tests.jobs.ingest.killed_ingest", str(store.root), how]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def outcome(store: LocalStore) -> tuple[list[str], dict[str, IngestEntry]]:
    """All keys, and the index, but for the stamps of a local store, which change with a copy."""
    (index,) = store.list("index/ingest/")
    entries = VideoIndex.load(store, PurePosixPath(index.key).stem).entries
    return [info.key for info in store.list("")], {
        key: replace(entry, stamp="") for key, entry in entries.items()
    }


def test_neither_another_ingest_nor_being_killed_at_any_moment_does_harm(
    annotated: LocalStore, tmp_path: Path
) -> None:
    """Two at once end as one would; one that is killed again and again loses no video and does none
    twice.
    """
    killed = LocalStore(tmp_path / "killed")
    shutil.copytree(annotated.root, killed.root)
    ingest_under(annotated, "together")
    keys, entries = outcome(annotated)
    assert sorted(entries) == [f"videos/{number}.mp4" for number in range(6)]
    for entry in entries.values():
        assert Features.from_bytes(annotated.get(entry.features_key)).chord == ("C", "C", "F")

    lines = ingest_under(killed, "killed")
    assert lines.count("killed") >= 3
    # What was being put in place when the process died may have come to stand or not.
    in_hand = {line for line, after in pairwise(lines) if after == "killed"}
    made = Counter(line for line in lines if line.startswith("made"))
    assert len(made) == 6
    assert {line for line, times in made.items() if times > 1} <= in_hand
    assert outcome(killed) == (keys, entries)


def test_names_of_every_kind_go_through_ingest(
    studio: Studio, annotated: LocalStore, tmp_path: Path
) -> None:
    """One that is not UTF-8 is refused alone; the others are read, and what lies beside is not."""
    store = LocalStore(tmp_path / "odd")
    folder = tmp_path / "odd" / "videos"
    folder.mkdir(parents=True)
    source = annotated.root / "videos"
    for number, name in enumerate(("Hey Ya!", "夏 🌊", "0")):
        for ending in ("mp4", "lab", "mid"):
            shutil.copy(source / f"{number}.{ending}", folder / f"{name}.{ending}")
    latin = os.fsencode(folder) + b"/caf\xe9.mp4"
    shutil.copy(source / "3.mp4", latin)
    for name in (".DS_Store", "Hey Ya!.srt", "._0.mp4", "other.mp4.part"):
        (folder / name).write_bytes(b"x")

    report = ingest(store, studio.extractor)
    assert (report.found, report.new, len(report.refused)) == (4, 3, 1)
    (refused,) = report.refused
    assert (refused.code, refused.reason) == (
        "bad-name",
        "video videos/caf\\xe9.mp4: its name is not UTF-8; rename the file",
    )
    entries = VideoIndex.load(store, studio.extractor.name).entries
    assert {entry.id for entry in entries.values()} >= {"0"}
    assert len({entry.id for entry in entries.values()}) == 4
    assert Features.from_bytes(store.get(entries["videos/Hey Ya!.mp4"].features_key)).chord == (
        "C",
        "C",
        "F",
    )
    assert ingest(store, studio.extractor).new == 0
