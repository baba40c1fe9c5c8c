"""Chords to notes: the voicings with the smallest movements, found over the whole song at once.

A voicing is a tuple of pitches, lowest first, in close position: every tone of the chord once, and
more tones from the bottom again where a track wants more voices.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from vmt import chords

Voicing = tuple[int, ...]


def candidates(label: str, lowest: int, highest: int, voices: int = 0) -> tuple[Voicing, ...]:
    """Every close position of a chord inside a range of pitches.

    Args:
        label: not N.
        lowest, highest: pitches; a range of an octave always holds some tone to start from, and a
        voicing may rise
            above `highest` only where nothing else fits.
        voices: notes wanted; 0 for as many as the chord has tones, and never fewer.
    """
    tones = chords.pitch_classes(chords.token(label))
    count = max(voices, len(tones))
    stacks = [
        _stack(pitch, tones, count) for pitch in range(lowest, lowest + 24) if pitch % 12 in tones
    ]
    fitting = tuple(stack for stack in stacks if stack[-1] <= highest)
    return fitting or tuple(stacks[:1])


def _stack(bottom: int, tones: tuple[int, ...], count: int) -> Voicing:
    above = sorted((tone - bottom) % 12 for tone in tones)
    return tuple(bottom + above[i % len(above)] + 12 * (i // len(above)) for i in range(count))


def movement(one: Voicing, other: Voicing) -> float:
    """Semitones that the voices move: each to its nearest, in both directions, with the outer
    voices counted again.
    """
    near = sum(min(abs(a - b) for b in other) for a in one) + sum(
        min(abs(a - b) for b in one) for a in other
    )
    return near / 2 + 0.5 * abs(one[-1] - other[-1])


def voice_leading(
    labels: Sequence[str], lowest: int, highest: int, voices: int = 0
) -> list[Voicing]:
    """A voicing for each chord, so that the sum of all movements is the least there is (Viterbi).

    Args:
        labels: chords in order, none of them N.
        lowest, highest, voices: see `candidates`.
    """
    if not labels:
        return []
    ways = []
    middle = (lowest + highest) / 2
    cost = _distance(labels[0], middle, lowest, highest, voices)
    for before, label in pairwise(labels):
        total = cost[:, None] + _movements(before, label, lowest, highest, voices)
        ways.append(total.argmin(axis=0))
        cost = total.min(axis=0) + 0.1 * _distance(label, middle, lowest, highest, voices)
    choice = [int(cost.argmin())]
    for way in reversed(ways):
        choice.append(int(way[choice[-1]]))
    return [
        _candidates(label, lowest, highest, voices)[i]
        for label, i in zip(labels, reversed(choice), strict=True)
    ]


_candidates = lru_cache(maxsize=4096)(candidates)


@lru_cache(maxsize=4096)
def _distance(
    label: str, middle: float, lowest: int, highest: int, voices: int
) -> Float64[np.ndarray, " candidates"]:
    """How far each candidate's centre lies from the middle of the range: voices must not drift
    away.
    """
    return np.array(
        [
            abs(sum(each) / len(each) - middle)
            for each in _candidates(label, lowest, highest, voices)
        ]
    )


@lru_cache(maxsize=16384)
def _movements(
    before: str, after: str, lowest: int, highest: int, voices: int
) -> Float64[np.ndarray, "before after"]:
    ones, others = (_candidates(label, lowest, highest, voices) for label in (before, after))
    return np.array([[movement(one, other) for other in others] for one in ones], dtype=np.float64)


def voice(voicing: Voicing, number: int) -> int:
    """The voice of that number, 1 the lowest; numbers beyond the voicing go on an octave higher."""
    octave, index = divmod(number - 1, len(voicing))
    return voicing[index] + 12 * octave
