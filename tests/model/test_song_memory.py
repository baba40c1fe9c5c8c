from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.model.naive_song_memory import reference
from vmt import chords
from vmt.model import song_memory
from vmt.model.song_memory import SongContext, SongMemory, song_context


def chart(text: str) -> np.ndarray:
    """A song's tokens, a chord a letter: each a major chord of that name."""
    return chords.tokens(list(text))


def context(text: str) -> SongContext:
    return song_context(torch.from_numpy(chart(text)[None]))


def by_seconds(tokens: torch.Tensor) -> SongContext:
    """The context of songs that are heard second by second."""
    memory = SongMemory(*tokens.shape, tokens.device)
    return song_memory.join_seconds([memory.push(heard) for heard in tokens.unbind(1)])


def moments(fields: dict[str, np.ndarray]) -> np.ndarray:
    """The like moments of each second as numbers, in an order of their own; -1 where none is
    known.
    """
    number = np.zeros(fields["known"].shape, dtype=np.int64)
    for name in ("follower", "next_chord", "agreement", "timing", "progression", "change_known"):
        number = number * 256 + fields[name].astype(np.int64)
    return np.sort(np.where(fields["known"], number, -1), axis=-1)


def charts(seed: int) -> np.ndarray:
    """Songs that repeat themselves, of one length."""
    rng = np.random.default_rng(seed)
    songs = []
    for _ in range(3):
        phrase = np.repeat(rng.integers(0, 157, 12), rng.integers(1, 6, 12))
        song = np.resize(phrase, 170)
        varied = rng.random(170) < 0.1
        songs.append(np.where(varied, rng.integers(0, 157, 170), song))
    return np.stack(songs)


EDGES = [
    np.zeros((2, 1), dtype=np.int64),
    np.array([[3, 3], [3, 4]]),
    np.zeros((1, 40), dtype=np.int64),
    np.arange(33)[None],
    np.array([[5, 6] * 40, [7, 7, 8, 8] * 20]),
]
SONGS = [*(charts(seed) for seed in range(3)), *EDGES]


@pytest.mark.parametrize("read", [song_context, by_seconds])
@pytest.mark.parametrize("tokens", SONGS, ids=lambda tokens: "x".join(map(str, tokens.shape)))
def test_it_says_what_the_slow_reference_says(
    read: Callable[[torch.Tensor], SongContext], tokens: np.ndarray
) -> None:
    expected = reference(tokens)
    fields = {name: value.numpy() for name, value in vars(read(torch.from_numpy(tokens))).items()}
    assert (moments(fields) == moments(expected)).all()
    for name in ("held", "before", "before_that"):
        assert (fields[name] == expected[name]).all(), name
    for name in ("measures", "pulse"):
        np.testing.assert_allclose(fields[name], expected[name], atol=1e-5, err_msg=name)


def best_moment(found: SongContext, second: int) -> int:
    """Where among the like moments the best alignment stands."""
    level = found.agreement[0, second].int() % song_memory.LEVELS
    return int(level.masked_fill(~found.known[0, second], -1).argmax())


def test_the_moments_of_a_repeated_phrase_are_followed_by_what_follows_now() -> None:
    found = context("CCFFGGAACCFFGGA")
    for second in range(11, 14):
        follower = found.follower[0, second, best_moment(found, second)]
        assert int(follower) == chart("CCFFGGAACCFFGGA")[second + 1]


def test_a_moment_is_found_though_one_chord_differs() -> None:
    found = context("CCFFGGAADDCCFFBBAA")  # B for G the second time
    second = len("CCFFGGAADDCCFFBBA")
    assert int(found.follower[0, second - 1, best_moment(found, second - 1)]) == chart("A")[0]


def test_the_next_chord_of_a_moment_is_known_only_after_it_came() -> None:
    found = context("CCCFCC")
    assert not found.change_known[0, 2].any()  # C is held still
    came = found.change_known[0, 5]
    assert came.sum() == 4  # the three seconds of C, and F
    assert set(found.next_chord[0, 5][came].tolist()) == set(chart("FC").tolist())


def test_rhythm_is_told_in_seconds() -> None:
    found = context("CCCFFGGG")
    assert found.held[0].tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
    assert found.before[0, 5:].tolist() == [2, 2, 2]
    assert found.before_that[0, 5:].tolist() == [3, 3, 3]


def test_the_pulse_of_changes_every_two_seconds_points_at_the_next_one() -> None:
    found = context("CCFF" * 15)
    half_a_hertz = int(np.abs(np.arange(8, 84) / 120 - 0.5).argmin())
    assert found.pulse[0, -1, half_a_hertz] > 0.8  # the next second changes
    assert found.pulse[0, -2, half_a_hertz] < -0.8


@pytest.mark.parametrize("seed", range(3))
def test_no_clue_looks_ahead(seed: int) -> None:
    rng = np.random.default_rng(seed)
    song = rng.integers(0, 6, (1, 60))
    other = song.copy()
    other[0, 40:] = rng.integers(0, 6, 20)
    one, two = (song_context(torch.from_numpy(chart)) for chart in (song, other))
    for name, values in vars(one).items():
        assert (values[0, :40] == getattr(two, name)[0, :40]).all(), name


def test_songs_side_by_side_do_not_touch() -> None:
    songs = np.random.default_rng(0).integers(0, 6, (3, 50))
    together = song_context(torch.from_numpy(songs))
    for row in range(3):
        alone = song_context(torch.from_numpy(songs[row : row + 1]))
        for name, values in vars(together).items():
            assert (values[row] == getattr(alone, name)[0]).all(), name
