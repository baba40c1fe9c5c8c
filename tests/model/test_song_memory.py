import numpy as np
import pytest

from vmt import chords
from vmt.model import song_memory
from vmt.model.song_memory import Clues


def chart(text: str) -> np.ndarray:
    """A song's tokens, a chord a letter: each a major chord of that name."""
    return chords.tokens(list(text))


def clues(text: str) -> Clues:
    return song_memory.recall(chart(text)[None])


def best_moment(found: Clues, second: int) -> int:
    """Where among the like moments the best alignment stands."""
    level = found.agreement[0, second] % song_memory.LEVELS
    return int(level.masked_fill(~found.known[0, second], -1).argmax())


def test_the_moments_of_a_repeated_phrase_are_followed_by_what_follows_now() -> None:
    found = clues("CCFFGGAACCFFGGA")
    for second in range(11, 14):
        follower = found.follower[0, second, best_moment(found, second)]
        assert int(follower) == chart("CCFFGGAACCFFGGA")[second + 1]


def test_a_moment_is_found_though_one_chord_differs() -> None:
    found = clues("CCFFGGAADDCCFFBBAA")  # B for G the second time
    second = len("CCFFGGAADDCCFFBBA")
    assert int(found.follower[0, second - 1, best_moment(found, second - 1)]) == chart("A")[0]


def test_the_next_chord_of_a_moment_is_known_only_after_it_came() -> None:
    found = clues("CCCFCC")
    assert not found.change_known[0, 2].any()  # C is held still
    came = found.change_known[0, 5]
    assert came.sum() == 4  # the three seconds of C, and F
    assert set(found.next_chord[0, 5][came].tolist()) == set(chart("FC").tolist())


def test_rhythm_is_told_in_seconds() -> None:
    found = clues("CCCFFGGG")
    assert found.held[0].tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
    assert found.before[0, 5:].tolist() == [2, 2, 2]
    assert found.before_that[0, 5:].tolist() == [3, 3, 3]


def test_the_pulse_of_changes_every_two_seconds_points_at_the_next_one() -> None:
    found = clues("CCFF" * 15)
    half_a_hertz = int(np.abs(np.arange(8, 84) / 120 - 0.5).argmin())
    assert found.pulse[0, -1, half_a_hertz] > 0.8  # the next second changes
    assert found.pulse[0, -2, half_a_hertz] < -0.8


@pytest.mark.parametrize("seed", range(3))
def test_no_clue_looks_ahead(seed: int) -> None:
    rng = np.random.default_rng(seed)
    song = rng.integers(0, 6, (1, 60))
    other = song.copy()
    other[0, 40:] = rng.integers(0, 6, 20)
    one, two = song_memory.recall(song), song_memory.recall(other)
    for name, values in vars(one).items():
        assert (values[0, :40] == getattr(two, name)[0, :40]).all(), name


def test_songs_side_by_side_do_not_touch() -> None:
    songs = np.random.default_rng(0).integers(0, 6, (3, 50))
    together = song_memory.recall(songs)
    for row in range(3):
        alone = song_memory.recall(songs[row : row + 1])
        for name, values in vars(together).items():
            assert (values[row] == getattr(alone, name)[0]).all(), name
