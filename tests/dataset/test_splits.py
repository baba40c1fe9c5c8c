"""Sides: decided once, shared by equal bytes, never empty where that can be."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from vmt.dataset.splits import Split, assign


def hashes(count: int, start: int = 0) -> list[str]:
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(start, start + count)]


def test_shares_are_eighty_ten_ten() -> None:
    sides = list(assign({}, hashes(5000)).values())
    assert abs(sides.count("train") / 5000 - 0.8) < 0.02
    assert abs(sides.count("validation") / 5000 - 0.1) < 0.02


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 3), st.integers(0, 3))
def test_known_videos_keep_their_side(first: int, more: int, validation: int, test: int) -> None:
    before = assign({}, hashes(first), min_validation=validation, min_test=test)
    after = assign(before, hashes(first + more), min_validation=validation, min_test=test)
    assert {each: after[each] for each in before} == before


@given(st.integers(1, 60), st.integers(0, 3), st.integers(0, 3))
def test_minimums_hold_as_long_as_one_trains(count: int, validation: int, test: int) -> None:
    sides = list(assign({}, hashes(count), min_validation=validation, min_test=test).values())
    if count > validation + test + 60 * 0.5:
        assert sides.count("validation") >= validation
        assert sides.count("test") >= test
    if sides.count("validation") < validation or sides.count("test") < test:
        assert sides.count("train") <= 1


def test_the_lowest_hash_fills_an_empty_side() -> None:
    low = ["00" + "0" * 62, "10" + "0" * 62, "20" + "0" * 62]
    assert assign({}, low) == {low[0]: "validation", low[1]: "test", low[2]: "train"}


def test_equal_bytes_share_a_side() -> None:
    known: dict[str, Split] = {hashes(1)[0]: "test"}
    assert assign(known, [*hashes(1), *hashes(1), *hashes(3, 1)])[hashes(1)[0]] == "test"
