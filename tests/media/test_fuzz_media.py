"""Damaged videos through ingest: `make fuzz`. None crashes or hangs a worker, and nothing is left
half written.
"""

import io
import json
import random
from pathlib import Path

import pretty_midi
import pytest

from tests.clips import Clips
from tests.small import SmallExtractor
from vmt.catalog.keys import thumbnail
from vmt.catalog.videos import VideoIndex
from vmt.errors import MediaError
from vmt.features.extractor import ExtractorConfig
from vmt.features.frames import grid_length
from vmt.features.record import Features
from vmt.jobs.ingest.ingest import ingest
from vmt.runtime.worker_pool import Processes
from vmt.store import LocalStore

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
SEED = 5
VIDEOS = 200
LIMIT_S = 60.0
SOURCES = (
    "mp4-h264-aac",
    "mp4-mpeg4-mp3",
    "mov-h264-pcm",
    "mkv-h265-opus",
    "webm-vp9-opus",
    "webm-av1-opus",
    "avi-mpeg4-mp3",
    "ts-h264-aac",
    "flv-h264-aac",
    "vfr-mp4",
)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut short, or bits turned over anywhere or in the headers alone, or a piece torn out."""
    spoilt = bytearray(data)
    match chance.randrange(4):
        case 0:
            del spoilt[chance.randrange(len(spoilt)) :]
        case 1 | 2 as where:
            within = len(spoilt) if where == 1 else min(2000, len(spoilt))
            for _ in range(chance.choice((1, 3, 10, 100))):
                spoilt[chance.randrange(within)] ^= 1 << chance.randrange(8)
        case _:
            start = chance.randrange(len(spoilt))
            del spoilt[start : start + chance.randrange(1, 5000)]
    return bytes(spoilt)


def silent_midi() -> bytes:
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def bucket(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """The damaged videos; chords and notes are given, so that time goes to reading and not to
    recognition.
    """
    store = LocalStore(tmp_path_factory.mktemp("fuzz") / "store")
    chance, notes = random.Random(SEED), silent_midi()
    for number in range(VIDEOS):
        source = clips.get(SOURCES[number % len(SOURCES)])
        name = f"videos/{number:03d}"
        store.put(f"{name}{source.suffix}", damaged(source.read_bytes(), chance))
        store.put(f"{name}.lab", b"0 C\n1 F\n2 G\n")
        store.put(f"{name}.mid", notes)
    return store


def test_damaged_videos_are_read_or_refused_and_nothing_is_half_written(
    bucket: LocalStore, tiny_clip: str, tmp_path: Path
) -> None:
    extractor = SmallExtractor(ExtractorConfig(tiny_clip, "untrained:0"), cache_dir=tmp_path)
    report = ingest(bucket, extractor, map=Processes(2, limit_s=LIMIT_S))
    counts: dict[str, int] = {}
    for each in report.refused:
        counts[each.code] = counts.get(each.code, 0) + 1
    print(f"{report.new} of {report.found} read, refused: {counts}")
    assert report.failed == ()
    assert set(counts) <= set(MediaError.CODES) - {"crashed", "timeout"}, [
        each for each in report.refused if each.code in ("crashed", "timeout")
    ]
    assert report.new + len(report.refused) == report.found == VIDEOS
    assert report.new > VIDEOS // 10
    assert counts.keys() >= {"truncated", "not-media"}
    expected = {f"features/{extractor.name}/extractor.json"}
    for entry in VideoIndex.load(bucket, extractor.name).entries.values():
        if "code" in entry:
            expected.add(f"quarantine/{entry['id']}.json")
            assert (
                json.loads(bucket.get(f"quarantine/{entry['id']}.json"))["reason"]
                == entry["reason"]
            )
        else:
            expected |= {entry.features_key, thumbnail(entry.sha256)}
            features = Features.from_bytes(bucket.get(entry["features_key"]))
            assert features.seconds == grid_length(features.duration_s)
    prefixes = ("features/", "quarantine/", "index/thumbnails/")
    assert {each.key for prefix in prefixes for each in bucket.list(prefix)} == expected
    assert ingest(bucket, extractor, map=Processes(2, limit_s=LIMIT_S)).known == VIDEOS
