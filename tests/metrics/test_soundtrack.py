"""Scores against MusPy's values for the same files, and against music whose scores are known."""

import math

import numpy as np
import pretty_midi
import pytest

from tests.arrange.songs import POP
from vmt import chords
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, synthesize
from vmt.metrics.soundtrack import (
    accents_heard,
    chord_scores,
    correlation,
    cut_hits,
    note_scores,
    sound_scores,
)

NAMES = (
    "pitch_class_entropy",
    "groove_consistency",
    "scale_consistency",
    "polyphony",
    "empty_beat_rate",
)
MUSPY = (2.51741, 0.91782, 0.9, 1.40741, 0.15385)  # of `fixed`, by muspy 0.5.0


def written(*notes: tuple[int, float, float], tempo_bpm: float = 120.0) -> pretty_midi.PrettyMIDI:
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=tempo_bpm)
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes = [pretty_midi.Note(80, *note) for note in notes]
    return midi


def test_notes_by_hand() -> None:
    # two bars of 2 s at 120 bpm: C and E together, then C alone in the second bar's third beat
    scores = note_scores(written((60, 0.0, 1.0), (64, 0.0, 1.0), (60, 3.0, 3.5)))
    assert scores["pitch_class_entropy"] == pytest.approx(
        -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))
    )
    assert scores["groove_consistency"] == pytest.approx(1 - 2 / 96)
    assert scores["scale_consistency"] == 1
    assert scores["polyphony"] == pytest.approx((2 * 1.0 + 0.5) / 1.5)
    assert scores["empty_beat_rate"] == pytest.approx(
        3 / 8
    )  # a note's last step counts, as in MusPy
    cluster = note_scores(written(*((60 + i, i / 2, i / 2 + 0.4) for i in range(12))))
    assert cluster["pitch_class_entropy"] == pytest.approx(np.log2(12))
    assert cluster["scale_consistency"] == pytest.approx(7 / 12)
    assert all(math.isnan(value) for value in note_scores(written()).values())


def fixed() -> pretty_midi.PrettyMIDI:
    """Forty notes and twenty strokes on the grid, with a long rest."""
    rng = np.random.default_rng(7)
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=120.0)
    for drums, count in ((False, 40), (True, 20)):
        part = pretty_midi.Instrument(0, is_drum=drums)
        for _ in range(count):
            start = int(rng.integers(0, 64)) + (64 if rng.random() < 0.5 else 0)
            start += 32 if start > 64 else 0  # sixteenths
            length = int(rng.integers(1, 6))
            pitch = int(rng.choice([48, 50, 52, 55, 57, 61, 64, 67]))
            part.notes.append(pretty_midi.Note(80, pitch, start / 8, (start + length) / 8))
        midi.instruments.append(part)
    return midi


def test_notes_are_scored_as_muspy_0_5_does() -> None:
    scores = note_scores(fixed())
    assert [scores[name] for name in NAMES] == pytest.approx(MUSPY, abs=1e-5)


def test_chords_by_hand() -> None:
    labels = ("C", "C", "G", "G", "A:min", "F") * 2 + ("N", "N")
    scores = chord_scores(labels)
    assert scores["chord_duration_s"] == pytest.approx(14 / 9)
    assert scores["no_chord"] == pytest.approx(2 / 14)
    # C G a F C G a F N: six groups of four, of which the fifth (C G a F) is the first again
    assert scores["chord_repetition"] == pytest.approx(1 / 6)
    assert math.isnan(chord_scores(("C",))["chord_repetition"])


def test_sound_is_scored_against_what_was_asked() -> None:
    midi = POP.arranged("piano", tempo_bpm=100.0)
    sound = master(synthesize(midi, duration_s=POP.duration_s), SAMPLE_RATE)
    asked = {
        "labels": POP.labels,
        "key": POP.key,
        "tempo_bpm": 100.0,
        "note_density": POP.note_density,
        "loudness": POP.loudness,
    }
    lengths: list[tuple[int, int]] = []

    def hear(mono: np.ndarray, length: int) -> tuple[str, ...]:
        lengths.append((len(mono), length))
        return tuple(POP.labels[:-4]) + ("F#",) * 4

    scores = sound_scores(sound, SAMPLE_RATE, midi, hear=hear, **asked)  # type: ignore[arg-type]
    assert lengths == [(math.ceil(POP.duration_s * 22050), len(POP.labels))]
    assert scores["chords_heard"] == pytest.approx(1 - 4 / len(POP.labels))
    assert scores["tempo_error"] < 1e-5
    assert scores["key_right"] == scores["key_heard"] == scores["tempo_heard"] == 1
    assert scores["lufs"] == pytest.approx(-14, abs=0.5)
    assert scores["true_peak_dbtp"] <= -1
    assert scores["density_correlation"] > 0.3
    assert scores["loudness_correlation"] > 0.3  # sections move the level as well
    other = asked | {"key": chords.Key(1, False), "tempo_bpm": 110.0}
    wrong = sound_scores(sound, SAMPLE_RATE, midi, hear=hear, **other)  # type: ignore[arg-type]
    assert wrong["key_right"] == wrong["key_heard"] == wrong["tempo_heard"] == 0
    assert wrong["tempo_error"] == pytest.approx(1 / 11, abs=1e-4)


def test_flat_curves_correlate_with_nothing() -> None:
    wave = np.sin(np.arange(9.0))
    assert correlation(wave, 3 * wave + 1) == pytest.approx(1)
    assert math.isnan(correlation(np.ones(9), wave))
    assert math.isnan(correlation(wave[:1], wave[:1]))


def test_cuts_with_an_onset_beat_moved_music() -> None:
    rng = np.random.default_rng(0)
    hits, missed = [], []
    for seed in range(6):
        cuts = np.sort(rng.uniform(1, 59, 8)).tolist()
        onsets = [*cuts, *rng.uniform(0, 60, 20)]
        hits.append(
            cut_hits(
                written(*((60, onset, onset + 0.05) for onset in onsets)), cuts, 60.0, seed=seed
            )
        )
        strangers = written(*((60, onset, onset + 0.05) for onset in rng.uniform(0, 60, 28)))
        missed.append(cut_hits(strangers, cuts, 60.0, seed=seed))
    good, chance = accents_heard(hits), accents_heard(missed)
    assert (good["cuts"], good["videos"], good["share"]) == (48, 6, 1)
    assert 0.04 < good["chance"] < 0.15  # 28 onsets, each near 0.2 of 60 s
    assert good["low"] > 0.8
    assert chance["low"] < 0 < chance["high"] + 0.05
    nothing = accents_heard([cut_hits(written(), [], 5.0)])
    assert nothing["cuts"] == 0
    assert math.isnan(nothing["gain"])
    assert cut_hits(written(), [1.0], 5.0).tolist() == [[0, 0]]
