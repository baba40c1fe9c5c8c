"""The baselines against counting by hand."""

import numpy as np
import pytest

from vmt import chords
from vmt.model.baselines import Bigram, RepeatLast, SongNgram, Unigram, chord_nll, told_the_end

LOOP = chords.tokens(["C", "C", "G", "G"] * 8)


def test_probabilities_sum_to_one() -> None:
    for model in (Unigram([LOOP]), Bigram([LOOP])):
        np.testing.assert_allclose(np.exp(model.predict(LOOP)).sum(1), 1)


def test_a_bigram_knows_how_long_chords_last_and_a_unigram_does_not() -> None:
    unigram, bigram = (chord_nll(model, [LOOP], 300) for model in (Unigram([LOOP]), Bigram([LOOP])))
    assert unigram == pytest.approx(np.log(2), abs=0.35)
    assert bigram == pytest.approx(np.log(2), abs=0.35)
    steady = chords.tokens(["C"] * 30 + ["G"] * 30)
    assert chord_nll(Bigram([steady]), [steady], 300) < 0.5 * chord_nll(
        Unigram([steady]), [steady], 300
    )


def test_end_counts_only_where_the_song_ends_in_time() -> None:
    model, count = Unigram([LOOP]), len(LOOP)
    in_time, cut = chord_nll(model, [LOOP], 300), chord_nll(model, [LOOP], count)
    # Whoever knows the seconds left pays nothing for END, and the chords cost what they cost.
    before, after = LOOP[:-1], LOOP[1:]
    told = told_the_end(model.predict(before), ends=False)
    chord = -told[np.arange(count - 1), after].mean()
    assert cut == pytest.approx(chord)
    assert in_time == pytest.approx(chord * (count - 1) / count)


def test_a_song_ngram_sees_only_the_song_so_far_and_learns_its_loop() -> None:
    known = [chords.tokens(["C", "G", "F", "A:min"] * 4)]
    model = SongNgram(known)
    loop = chords.tokens(["D", "E", "D", "A"] * 12)
    found = model.predict(loop)
    np.testing.assert_allclose(np.exp(found).sum(1), 1)
    np.testing.assert_allclose(model.predict(loop[:9]), found[:9])
    true = loop[1:]
    assert (found[30:-1].argmax(1) == true[30:]).all()
    assert chord_nll(model, [loop], 300) < chord_nll(Bigram(known), [loop], 300)


def test_repeating_the_last_chord_is_as_sure_as_training_repeats() -> None:
    model = RepeatLast([LOOP])
    found = np.exp(model.predict(LOOP))
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found.argmax(1) == LOOP).all()
    assert model.share == pytest.approx(0.5, abs=0.05)
