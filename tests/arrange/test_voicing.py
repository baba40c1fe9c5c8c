"""Voicings and voice leading."""

import itertools

import mir_eval
import numpy as np
import pytest

from vmt import chords
from vmt.arrange.voicing import candidates, movement, voice, voice_leading

LABELS = [chords.label(number) for number in range(1, chords.END)]


@pytest.mark.parametrize("voices", [0, 4, 5])
def test_every_chord_is_voiced_with_the_tones_of_mir_evals_template(voices: int) -> None:
    for label in LABELS:
        root, template, _ = mir_eval.chord.encode(label if ":" in label else f"{label}:maj")
        for voicing in candidates(label, 55, 76, voices):
            assert {(pitch - root) % 12 for pitch in voicing} == set(
                np.flatnonzero(template).tolist()
            ), label
            assert len(voicing) == max(voices, template.sum())
            assert list(voicing) == sorted(set(voicing))
            assert voicing[0] >= 55
            assert voicing[-1] <= 76


def test_a_range_too_narrow_still_voices_every_chord() -> None:
    for label in LABELS:
        assert candidates(label, 60, 66)


def test_voices_move_little() -> None:
    moved = voice_leading(["C", "A:min", "F", "G", "C"], 55, 76)
    for one, other in itertools.pairwise(moved):
        assert all(min(abs(a - b) for b in other) <= 2 for a in one)


def test_no_other_choice_of_voicings_moves_less() -> None:
    labels = ["C", "F:min", "A#:7", "D#"]

    def cost(voicings: tuple[tuple[int, ...], ...]) -> float:
        moves = sum(movement(one, other) for one, other in itertools.pairwise(voicings))
        away = [abs(sum(each) / len(each) - 65.5) for each in voicings]
        return moves + away[0] + 0.1 * sum(away[1:])

    best = min(itertools.product(*(candidates(label, 55, 76) for label in labels)), key=cost)
    assert cost(tuple(voice_leading(labels, 55, 76))) == pytest.approx(cost(best))


def test_movement_is_a_distance() -> None:
    one, other = (60, 64, 67), (60, 65, 69)
    assert movement(one, one) == 0
    assert movement(one, other) == movement(other, one) > 0


def test_no_chords_have_no_voicings() -> None:
    assert voice_leading([], 55, 76) == []


def test_voices_beyond_the_chord_go_on_an_octave_higher() -> None:
    assert [voice((60, 64, 67), number) for number in range(1, 8)] == [60, 64, 67, 72, 76, 79, 84]
