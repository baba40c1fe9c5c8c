import itertools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmt import chords
from vmt.features.curves import find_key
from vmt.synthetic.songs import LEAD_S, MOODS, Song, compose

CORPUS = [compose(index, 0) for index in range(20)]
indices, seeds = st.integers(0, 200), st.integers(0, 1000)


@given(indices, seeds)
@settings(max_examples=60, deadline=None)
def test_a_song_is_regular(index: int, seed: int) -> None:
    song = compose(index, seed)
    assert 30 <= song.duration_s <= 45
    assert song.chords[0].start_s == 0
    assert all(first.end_s == second.start_s for first, second in itertools.pairwise(song.chords))
    assert (
        len(song.each_second())
        == math.ceil(song.duration_s - 1e-3)
        == round(song.duration_s + LEAD_S)
    )
    lengths = {round(chord.end_s - chord.start_s, 6) for chord in song.chords[1:]}
    assert lengths == {song.mood.chord_s}
    bars = song.mood.chord_s / (song.beat_s * song.beats_per_bar)
    assert bars == pytest.approx(round(bars))


@given(indices, seeds)
@settings(max_examples=60, deadline=None)
def test_chords_are_the_same_at_a_second_and_in_its_middle(index: int, seed: int) -> None:
    song = compose(index, seed)
    for second, label in enumerate(song.each_second()):
        for t in (second, second + 0.5):
            assert [chord.label for chord in song.chords if chord.start_s <= t < chord.end_s] == [
                label
            ]


@given(indices, seeds)
@settings(max_examples=60, deadline=None)
def test_the_key_is_told_by_the_chords(index: int, seed: int) -> None:
    song = compose(index, seed)
    labels = song.each_second()
    tonic = chords.ROOTS[song.key.tonic] + (":min" if song.key.minor else "")
    assert labels[-1] == tonic
    assert find_key(labels) == song.key


def test_a_song_depends_on_its_seed_and_number_alone() -> None:
    assert compose(5, 3) == compose(5, 3)
    assert compose(5, 3) != compose(5, 4)
    assert compose(5, 3).id == "demo3-05-sad"


def test_the_corpus_varies() -> None:
    assert Counter(song.mood.name for song in CORPUS) == dict.fromkeys(
        (mood.name for mood in MOODS), 5
    )
    assert len({song.key for song in CORPUS}) >= 15
    assert len({song.tempo_bpm for song in CORPUS}) >= 6
    assert {song.beats_per_bar for song in CORPUS} == {3, 4, 5}
    labels = {label for song in CORPUS for label in song.each_second()}
    assert "N" in labels
    qualities = {chords.QUALITIES[(chords.token(label) - 1) % 13] for label in labels - {"N"}}
    assert qualities >= {"maj", "min", "7", "maj7", "min7", "dim", "sus4"}


def test_each_mood_hears_each_of_its_loops_often_enough_to_learn_it() -> None:
    for mood in MOODS:
        own = [_normal(song) for song in CORPUS if song.mood is mood]
        for loop in mood.loops:
            wanted = [chords.token(label) for label in loop for _ in range(mood.chord_s)]
            assert sum(_contains(seconds, wanted) for seconds in own) >= 2, loop


@pytest.mark.parametrize("reduced", [False, True], ids=["157", "25"])
def test_counting_tells_more_than_the_last_chord(reduced: bool) -> None:
    """A model that counts how long a chord has lasted and remembers the one before has far less to
    guess.
    """
    sequences = [_normal(song) for song in CORPUS]
    if reduced:
        sequences = [[int(chords.REDUCE_25[token]) for token in sequence] for sequence in sequences]
    unigram = _held_out_nll(sequences, lambda past: ())
    bigram = _held_out_nll(sequences, lambda past: tuple(past[-1:]))
    counting = _held_out_nll(sequences, _runs)
    assert 1.8 < unigram < 3
    assert 0.8 < bigram < 0.6 * unigram
    assert counting < 0.6 * bigram


def _normal(song: Song) -> list[int]:
    tokens = chords.transpose(chords.tokens(song.each_second()), song.key.semitones_to_normal)
    return [*tokens.tolist(), chords.END]


def _contains(sequence: Sequence[int], wanted: Sequence[int]) -> bool:
    return any(
        list(sequence[start : start + len(wanted)]) == list(wanted)
        for start in range(len(sequence))
    )


def _runs(past: Sequence[int]) -> Hashable:
    """The last chord, how long it has lasted, and the chord before with its length."""
    if not past:
        return ()
    runs = [(token, len(list(group))) for token, group in itertools.groupby(past)]
    return tuple(runs[-2:])


def _held_out_nll(
    sequences: Sequence[Sequence[int]], context: Callable[[Sequence[int]], Hashable]
) -> float:
    """Nats a second of each song under counts of all the others, mixed with a unigram where a
    context is rare.
    """
    losses = []
    for held_out, song in enumerate(sequences):
        counts: dict[Hashable, Counter[int]] = {}
        unigram: Counter[int] = Counter()
        for sequence in (each for index, each in enumerate(sequences) if index != held_out):
            for position, token in enumerate(sequence):
                counts.setdefault(context(sequence[:position]), Counter())[token] += 1
                unigram[token] += 1
        total = sum(unigram.values())
        for position, token in enumerate(song):
            seen = counts.get(context(song[:position]), Counter())
            prior = (unigram[token] + 0.05) / (total + 0.05 * chords.VOCABULARY_SIZE)
            losses.append(-math.log((seen[token] + 0.5 * prior) / (seen.total() + 0.5)))
    return float(np.mean(losses))
