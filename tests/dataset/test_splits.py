"""Sides: decided once, shared by equal bytes, never empty where that can be."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmt.dataset.splits import SPLITS, Split, assign, deciding_hashes, position

MINIMUMS = st.integers(0, 3)
# Few distinct beginnings, so that sides are often empty and positions often equal.
DIGESTS = st.sampled_from(["00", "10", "7f", "cb", "cd", "d0", "e5", "e7", "f0", "ff"])
HASHES = st.builds(lambda start, number: start + f"{number:062x}", DIGESTS, st.integers(0, 5))


def hashes(count: int, start: int = 0) -> list[str]:
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(start, start + count)]


def by_bytes(sha256s: list[str]) -> dict[str, str]:
    return deciding_hashes(sha256s, sha256s, "bytes")


def counted(sides: dict[str, Split]) -> dict[Split, int]:
    return {side: list(sides.values()).count(side) for side in SPLITS}


def test_shares_are_eighty_ten_ten() -> None:
    sides = list(assign({}, by_bytes(hashes(5000))).values())
    assert abs(sides.count("train") / 5000 - 0.8) < 0.02
    assert abs(sides.count("validation") / 5000 - 0.1) < 0.02


@given(
    st.dictionaries(HASHES, st.sampled_from(SPLITS), max_size=12),
    st.sets(HASHES, max_size=12),
    MINIMUMS,
    MINIMUMS,
)
def test_known_videos_keep_their_side(
    known: dict[str, Split], new: set[str], validation: int, test: int
) -> None:
    sides = assign(known, by_bytes([*known, *new]), min_validation=validation, min_test=test)
    assert {sha256: sides[sha256] for sha256 in known} == known
    assert set(sides) == set(known) | new


@given(
    st.dictionaries(HASHES, st.sampled_from(SPLITS), max_size=6),
    st.sets(HASHES, max_size=15),
    MINIMUMS,
    MINIMUMS,
)
def test_minimums_hold_where_enough_videos_are_new(
    known: dict[str, Split], hashed: set[str], validation: int, test: int
) -> None:
    new = hashed - set(known)
    sides = counted(
        assign(known, by_bytes([*known, *new]), min_validation=validation, min_test=test)
    )
    minimums: dict[Split, int] = {"train": 1, "validation": validation, "test": test}
    left = len(new)
    for side in SPLITS:
        # What is needed beyond the known videos, training first, as far as the new videos go.
        needed = max(0, minimums[side] - counted(known)[side])
        assert sides[side] >= counted(known)[side] + min(needed, left)
        left -= min(needed, left)


@given(st.sets(HASHES, max_size=12), MINIMUMS, MINIMUMS, st.randoms())
def test_the_order_of_the_videos_is_irrelevant(
    hashed: set[str], validation: int, test: int, chance: random.Random
) -> None:
    one = sorted(hashed)
    other = chance.sample(one, len(one))
    known = {sha256: SPLITS[n % 3] for n, sha256 in enumerate(one[::4])}
    first, second = (
        assign(known, by_bytes(order), min_validation=validation, min_test=test)
        for order in (one, other)
    )
    assert list(first.items()) == list(second.items())


@given(st.sets(HASHES, min_size=3, max_size=15))
def test_a_video_moves_only_where_its_side_can_spare_it(hashed: set[str]) -> None:
    natural = assign({}, by_bytes(list(hashed)), min_validation=0, min_test=0)
    sides = assign({}, by_bytes(list(hashed)))
    before, after = counted(natural), counted(sides)
    moved = [sha256 for sha256 in hashed if natural[sha256] != sides[sha256]]
    assert len(moved) == sum(before[side] == 0 for side in ("validation", "test"))
    assert all(after[natural[sha256]] >= 1 for sha256 in moved)


@pytest.mark.parametrize(
    "start", ["00", "d0", "ff"], ids=["all train", "all validation", "all test"]
)
def test_the_smallest_sets(start: str) -> None:
    same = [start + f"{number:062x}" for number in range(3)]
    assert counted(assign({}, by_bytes(same))) == {"train": 1, "validation": 1, "test": 1}
    assert counted(assign({}, by_bytes(same[:2]))) == {"train": 1, "validation": 1, "test": 0}
    assert counted(assign({}, by_bytes(same[:1]))) == {"train": 1, "validation": 0, "test": 0}
    assert assign({}, {}) == {}


@given(st.sets(HASHES, min_size=3, max_size=3))
def test_three_new_videos_have_one_side_each(hashed: set[str]) -> None:
    assert sorted(assign({}, by_bytes(list(hashed))).values()) == sorted(SPLITS)


def test_the_lowest_hash_fills_an_empty_side() -> None:
    low = ["00" + "0" * 62, "10" + "0" * 62, "20" + "0" * 62]
    assert assign({}, by_bytes(low)) == {low[0]: "validation", low[1]: "test", low[2]: "train"}


def test_one_of_two_held_out_videos_validates_where_one_trains() -> None:
    low, held, out = "00" + "0" * 62, "f0" + "0" * 62, "ff" + "0" * 62
    assert assign({}, by_bytes([low, held, out])) == {low: "train", held: "validation", out: "test"}


def test_training_gives_where_two_sides_can_spare_as_many() -> None:
    same = [start + f"{number:062x}" for start in ("00", "d0") for number in range(2)]
    sides = assign({}, by_bytes(same))
    assert [sides[sha256] for sha256 in same] == ["test", "train", "validation", "validation"]


def test_equal_bytes_share_a_side() -> None:
    known: dict[str, Split] = {hashes(1)[0]: "test"}
    assert assign(known, by_bytes([*hashes(1), *hashes(1), *hashes(3, 1)]))[hashes(1)[0]] == "test"


def test_ids_decide_whatever_the_bytes_are() -> None:
    ids = [f"video-{number:02d}" for number in range(40)]
    one, other = hashes(40), hashes(40, 40)
    here, there = (assign({}, deciding_hashes(ids, sha256s, "id")) for sha256s in (one, other))
    assert [here[sha256] for sha256 in one] == [there[sha256] for sha256 in other]
    assert set(here.values()) == set(SPLITS)
    assert [here[sha256] for sha256 in one] != [assign({}, by_bytes(one))[sha256] for sha256 in one]


def test_the_first_id_decides_for_equal_bytes() -> None:
    (sha256,) = hashes(1)
    forwards, backwards = (
        deciding_hashes(ids, [sha256] * 2, "id") for ids in (["a", "b"], ["b", "a"])
    )
    assert forwards == backwards == {sha256: hashlib.sha256(b"a").hexdigest()}
    assert 0 <= position(forwards[sha256]) < 1
