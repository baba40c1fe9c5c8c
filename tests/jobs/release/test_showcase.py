"""A showcase passes when its soundtracks last, sound and read as asked."""

import io
import json
import re

import numpy as np
import pytest
import soundfile

from tests.studio import Studio
from vmt import chords
from vmt.arrange.config import GenerateConfig
from vmt.jobs.release.showcase import check_showcase
from vmt.jobs.soundtrack.generate import generate
from vmt.metrics.soundtrack import Hear


def hears(labels: tuple[str, ...]) -> Hear:
    return lambda sound, length: tuple(labels[second % len(labels)] for second in range(length))


def played(studio: Studio, record: str) -> tuple[str, ...]:
    """The chords of the `.lab`: the arranger moves the model's own onto half bars."""
    lab = studio.store.get(record.replace(".json", ".lab")).decode()
    return tuple(chords.parse_lab(lab, "lab").labels)


@pytest.fixture(scope="module")
def record(studio: Studio) -> str:
    video = next(each.key for each in studio.store.list("videos/") if each.key.endswith(".mp4"))
    report = generate(studio.store, studio.settings, [video], config=GenerateConfig(style="piano"))
    return report.made[0].files["json"]


def test_what_was_generated_passes(studio: Studio, record: str) -> None:
    content = json.loads(studio.store.get(record))
    found = check_showcase(studio.store, [record], hears(played(studio, record)))
    assert found.passed, found.problems
    (row,) = found.soundtracks
    assert row.scores["chords_heard"] == 1
    assert row.scores["film_s"] == pytest.approx(content["video"]["duration_s"], abs=0.05)


def test_chords_that_are_not_heard_fail_it(studio: Studio, record: str) -> None:
    found = check_showcase(studio.store, [record], hears(("N",)))
    assert not found.passed
    assert re.search(r"chords are heard in \d% of the seconds, under 50%", found.problems[0])


def test_a_failed_video_fails_it(studio: Studio, record: str) -> None:
    found = check_showcase(
        studio.store, [record], hears(played(studio, record)), failed=["videos/x.mp4: truncated"]
    )
    assert found.problems == ("no soundtrack: videos/x.mp4: truncated",)


def test_nothing_to_show_is_no_failure(studio: Studio) -> None:
    assert check_showcase(studio.store, [], hears(("N",))).passed


@pytest.mark.parametrize(
    ("seconds", "level", "problem"),
    [
        (2.0, 0.1, "its sound lasts 2.00 s, the video"),
        (None, 0.9, "LUFS, asked were -14"),
        (None, 0.0, "is silent"),
    ],
)
def test_lengths_and_loudness_count(
    studio: Studio, record: str, seconds: float | None, level: float, problem: str
) -> None:
    content = json.loads(studio.store.get(record))
    original = studio.store.get(content["files"]["flac"])
    samples = round(48000 * (seconds or content["video"]["duration_s"]))
    wave = level * np.sin(np.arange(samples) * 0.05)
    sound = io.BytesIO()
    soundfile.write(sound, np.stack([wave, wave], axis=1).astype(np.float32), 48000, format="FLAC")
    studio.store.put(content["files"]["flac"], sound.getvalue())
    found = check_showcase(studio.store, [record], hears(played(studio, record)))
    studio.store.put(content["files"]["flac"], original)
    assert not found.passed
    assert problem in " ".join(found.problems)


def test_a_damaged_file_is_named(studio: Studio, record: str) -> None:
    content = json.loads(studio.store.get(record))
    original = studio.store.get(content["files"]["mp4"])
    studio.store.put(content["files"]["mp4"], original[:1000])
    found = check_showcase(studio.store, [record], hears(played(studio, record)))
    studio.store.put(content["files"]["mp4"], original)
    assert "cannot be checked" in found.problems[0]
