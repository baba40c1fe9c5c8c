"""Each control has a measured effect, monotone over its range."""

from itertools import pairwise

import numpy as np
import pytest

from tests.arrange.bar import symbolic_dynamics
from tests.arrange.songs import film
from vmt import chords
from vmt.arrange.arrangement import Score

FILM = film(7, 44.0, rests=False)


def onsets(score: Score) -> int:
    return sum(len(instrument.notes) for instrument in score.midi.instruments)


@pytest.mark.parametrize("style", ["band", "piano", "ambient", "orchestra"])
def test_density_changes_the_notes(style: str) -> None:
    counts = [
        onsets(FILM.scored(style, note_density=FILM.note_density * np.float32(scale)))
        for scale in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
    ]
    assert all(fewer < more for fewer, more in pairwise(counts))
    assert counts[-1] >= 2.0 * counts[0]


def test_loudness_changes_the_swings() -> None:
    level = np.log(FILM.loudness)
    middle = level.mean()
    moved = [
        symbolic_dynamics(
            FILM.scored("band", loudness=np.exp(middle + scale * (level - middle))).midi,
            FILM.duration_s,
        )
        for scale in (0.0, 0.5, 1.0, 2.0, 4.0)
    ]
    assert moved == sorted(moved)
    assert moved[-1] > moved[0] + 2


def test_emotions_change_tempo_and_notes() -> None:
    found = {}
    for number, name in enumerate(chords.EMOTIONS):
        emotion = np.zeros_like(FILM.emotion)
        emotion[:, number] = 1
        score = FILM.scored("band", emotion=emotion, cuts_s=())
        found[name] = (score.tempo_bpm, onsets(score) / FILM.duration_s)
    pairs = (
        ("sad", "neutral"),
        ("relaxing", "neutral"),
        ("neutral", "exciting"),
        ("sad", "exciting"),
        ("relaxing", "tense"),
        ("tense", "exciting"),
    )
    for low, high in pairs:
        assert found[low][0] < found[high][0], (low, high)
        assert found[low][1] < found[high][1], (low, high)


def test_a_tempo_that_was_asked_for_is_the_tempo() -> None:
    for tempo_bpm in (60.0, 90.0, 128.0, 170.0):
        assert FILM.scored("band", tempo_bpm=tempo_bpm).tempo_bpm == pytest.approx(
            tempo_bpm, rel=0.015
        )


def test_a_key_moves_every_pitch_class() -> None:
    up = [chords.label(int(t)) for t in chords.transpose(chords.tokens(FILM.labels), 3)]
    moved = film(7, 44.0, rests=False)
    score = moved.scored("piano")
    other = type(moved)(
        tuple(up), chords.Key((moved.key.tonic + 3) % 12, moved.key.minor), moved.note_density,
        moved.loudness, moved.motion, moved.emotion, moved.cuts_s, moved.duration_s,
    ).scored("piano")  # fmt: skip
    shares = [
        np.bincount([n.pitch % 12 for i in s.midi.instruments for n in i.notes], minlength=12)
        for s in (score, other)
    ]
    assert np.corrcoef(np.roll(shares[0], 3), shares[1])[0, 1] > 0.95


@pytest.mark.parametrize("style", ["band", "orchestra"])
def test_accents_change_how_much_stands_on_cuts(style: str) -> None:
    forces = []
    for accents in (0.0, 0.25, 0.5, 0.75, 1.0):
        score = FILM.scored(style, accents=accents, tempo_bpm=104.0)
        forces.append(
            sum(
                note.velocity
                for instrument in score.midi.instruments
                for note in instrument.notes
                if min(abs(note.start - cut) for cut in FILM.cuts_s) < 0.02
            )
        )
    assert all(weaker < stronger for weaker, stronger in pairwise(forces))
    assert forces[-1] > 1.5 * forces[0]
