import numpy as np
import pytest

from vmt.metrics.chord_overlap import Overlap, longest_overlap, merged, overlap_summary


def naive(one: list[int], other: list[int]) -> int:
    """The longest common stretch by trying all."""
    starts = [(i, j) for i in range(len(one)) for j in range(len(other))]
    lengths = [0]
    for i, j in starts:
        length = 0
        while i + length < len(one) and j + length < len(other):
            if one[i + length] != other[j + length]:
                break
            length += 1
        lengths.append(length)
    return max(lengths)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_longest_common_stretch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 4, 40), rng.integers(0, 4, 60)
    overlap = longest_overlap(one, [("a", other)])
    assert overlap.chords == naive(merged(one).tolist(), merged(other).tolist())


def test_a_copy_is_noticed_though_it_is_played_slower() -> None:
    song = np.arange(20)
    copy = np.concatenate([[99], np.repeat(song[5:15], 3), [99]])
    songs = [("other", np.arange(30, 60)), ("its source", song)]
    assert longest_overlap(copy, songs) == Overlap(10, 10, "its source")


def test_nothing_is_shared_with_nothing() -> None:
    assert longest_overlap(np.arange(3), [("a", np.arange(5, 9))]) == Overlap(0, 0, "")
    assert longest_overlap(np.arange(3), []) == Overlap(0, 0, "")
    assert overlap_summary([]) == {"median": None, "p90": None, "max": None}


def test_a_summary() -> None:
    overlaps = [Overlap(length, 1, "a") for length in range(11)]
    assert overlap_summary(overlaps) == {"median": 5.0, "p90": 9.0, "max": 10.0}
