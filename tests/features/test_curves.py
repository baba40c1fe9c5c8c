import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmt import chords
from vmt.chords import Key
from vmt.features import curves

MAJOR = ["C", "G", "A:min", "F", "C", "D:min7", "G:7", "C"]
MINOR = ["A:min", "F", "D:min", "E:7", "A:min", "B:hdim7", "E", "A:min"]


def moved(labels: list[str], semitones: int) -> list[str]:
    tokens = np.array([chords.token(label) for label in labels])
    return [chords.label(int(token)) for token in chords.transpose(tokens, semitones)]


def test_loudness_of_a_sine_a_square_and_silence() -> None:
    rate = 1000
    second = np.arange(rate) / rate
    sound = np.concatenate(
        [0.5 * np.sin(2 * np.pi * 10 * second), np.sign(second - 0.5), np.zeros(rate)]
    ).astype(np.float32)
    np.testing.assert_allclose(curves.loudness(sound, rate, 3), [0.5 / np.sqrt(2), 1, 0], atol=1e-3)


def test_loudness_at_the_end() -> None:
    sound = np.full(1500, 0.25, dtype=np.float32)
    assert curves.loudness(sound, 1000, 4).tolist() == [
        0.25,
        0.25,
        0,
        0,
    ]  # a part of a second counts as one
    assert curves.loudness(sound, 1000, 1).tolist() == [0.25]
    assert curves.loudness(sound[:0], 1000, 2).tolist() == [0, 0]


def test_loudness_ignores_samples_that_are_no_numbers() -> None:
    sound = np.array([np.nan, 0.5, np.inf, -0.5, np.nan, np.nan], dtype=np.float32)
    assert curves.loudness(sound, 4, 2).tolist() == [0.5, 0]


@given(
    st.lists(st.tuples(st.floats(-3, 12), st.floats(0, 6)), max_size=30),
    st.integers(1, 10),
)
def test_density_counts_the_notes_that_touch_a_second(
    notes: list[tuple[float, float]], length: int
) -> None:
    spans = [(start, start + held) for start, held in notes]
    expected = [
        sum(start < k + 1 and (end > k or int(np.floor(start)) == k) for start, end in spans)
        for k in range(length)
    ]
    found = curves.note_density(spans, length)
    assert found.dtype == np.float32
    assert found.tolist() == expected


def test_midi_notes_leave_drums_out() -> None:
    midi = pretty_midi.PrettyMIDI()
    for drums, pitch in ((False, 60), (True, 38), (False, 67)):
        part = pretty_midi.Instrument(0, is_drum=drums)
        part.notes.append(pretty_midi.Note(80, pitch, 0.5, 1.5 + pitch / 100))
        midi.instruments.append(part)
    assert curves.midi_notes(midi) == [(0.5, 2.1), (0.5, 2.17)]


@pytest.mark.parametrize("semitones", range(12))
def test_key_of_progressions_in_every_transposition(semitones: int) -> None:
    assert curves.find_key(moved(MAJOR, semitones)) == Key(semitones, minor=False)
    assert curves.find_key(moved(MINOR, semitones)) == Key((9 + semitones) % 12, minor=True)


def test_key_weighs_by_time_and_needs_a_chord() -> None:
    assert curves.find_key(["C"] * 9 + ["E", "N"]) == Key(0, minor=False)
    assert curves.find_key(["A:min"]) == Key(9, minor=True)
    assert curves.find_key(["N", "N"]) == curves.find_key([]) == Key(0, minor=False)
