"""Songs and batches: what stands where, and that padding is told from music."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.songs import make_song
from vmt import chords
from vmt.dataset.songs import Song, bucketed, collate, input_statistics, song, stretched
from vmt.errors import DatasetError
from vmt.features.record import Features


def features(labels: tuple[str, ...] | None, key: str | None) -> Features:
    seconds = len(labels) if labels else 3
    zeros = np.zeros(seconds, np.float32)
    return Features(
        semantic=np.ones((seconds, 4), np.float32),
        emotion=np.eye(6, dtype=np.float32)[np.arange(seconds) % 6],
        scene_offset=np.arange(seconds, dtype=np.int32),
        motion=zeros,
        loudness=zeros,
        note_density=None,
        chord=labels,
        key=chords.parse_key(key) if key else None,
        duration_s=float(seconds),
        source_sha256="0" * 64,
        extractors={},
    )


def test_chords_are_normalised_and_reduced() -> None:
    heard = features(("E:maj7", "C#:min7", "N", "B:sus4"), "E major")
    assert (
        song("a", heard, 157).tokens.tolist()
        == chords.tokens(["C:maj7", "A:min7", "N", "G:sus4"]).tolist()
    )
    assert song("a", heard, 25).tokens.tolist() == chords.tokens(["C", "A:min", "N", "G"]).tolist()
    minor = song("a", features(("D:min", "A:7"), "D minor"), 157)
    assert minor.minor
    assert minor.tokens.tolist() == chords.tokens(["A:min", "E:7"]).tolist()


def test_inputs_stand_in_the_published_order() -> None:
    row = song("a", features(("C", "C"), "C major"), 25).video[1]
    assert row.tolist() == [1, 1, 1, 1, 2, 0, 0, 1, 0, 0, 0, 0]


def test_unknown_rhythm_is_nan() -> None:
    rhythm = song("a", features(("C", "C"), "C major"), 25).rhythm
    assert np.isnan(rhythm[:, 0]).all()
    assert (rhythm[:, 1] == 0).all()


def test_what_cannot_train_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"video a: no chords in its features.*a\.lab"):
        song("a", features(None, None), 25)
    with pytest.raises(DatasetError, match="25 or 157 chord labels, not 24"):
        song("a", features(("C",), "C major"), 24)


def test_published_layout_of_a_batch() -> None:
    short, full, long = make_song("s", 4), make_song("f", 10), make_song("l", 14)
    batch = collate([short, full, long], 10, fixed=True)
    assert batch.inputs.shape == (3, 9)
    assert batch.inputs[0].tolist() == [*short.tokens.tolist(), *[chords.PAD] * 5]
    assert batch.targets[0].tolist() == [*short.tokens[1:].tolist(), chords.END, *[chords.PAD] * 5]
    assert batch.emotions[0].tolist() == [*short.emotion[1:].tolist(), *[chords.PAST_END] * 6]
    assert batch.targets[1].tolist() == full.tokens[1:].tolist()
    assert batch.targets[2].tolist() == long.tokens[1:10].tolist()
    assert batch.lengths.tolist() == [4, 10, 14]
    assert (batch.video[0, 4:] == 0).all()
    assert batch.rhythm[0, 4:].isnan().all()


def test_a_full_song_keeps_its_end_where_it_is_not_cut() -> None:
    full, long = make_song("f", 10), make_song("l", 14)
    batch = collate([full, long], 10, fixed=False)
    assert batch.targets[0].tolist() == [*full.tokens[1:].tolist(), chords.END]
    assert batch.targets[1].tolist() == [*long.tokens[1:10].tolist(), chords.PAD]


def test_one_second() -> None:
    batch = collate([make_song("o", 1)], 10, fixed=False)
    assert batch.targets.tolist() == [[chords.END]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 8), st.integers(0, 5))
def test_buckets_hold_every_song_once(lengths: list[int], size: int, seed: int) -> None:
    songs = [make_song(str(i), length) for i, length in enumerate(lengths)]
    for rng in (None, random.Random(seed)):
        batches = list(bucketed(songs, size, rng))
        assert Counter(each.id for batch in batches for each in batch) == Counter(
            each.id for each in songs
        )
        assert all(1 <= len(batch) <= size for batch in batches)


def test_statistics_are_over_all_seconds() -> None:
    songs = [make_song("a", 3), make_song("b", 9)]
    mean, deviation = input_statistics(songs)
    everything = np.concatenate([each.video for each in songs])
    np.testing.assert_allclose(mean, everything.mean(0), atol=1e-6)
    np.testing.assert_allclose(deviation, everything.std(0), atol=1e-6)


def test_a_stretched_song_lasts_longer_and_keeps_its_order() -> None:
    song = Song(
        "s",
        np.arange(10, dtype=np.float32)[:, None],
        np.arange(10) % 6,
        np.arange(10),
        False,
        np.zeros((10, 2), dtype=np.float32),
    )
    slow, fast = stretched(song, 1.5), stretched(song, 0.5)
    assert slow.tokens.tolist() == [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9]
    assert fast.tokens.tolist() == [0, 2, 4, 6, 8]
    assert (slow.video[:, 0] == slow.tokens).all()
    assert slow.rhythm.shape == (15, 2)
