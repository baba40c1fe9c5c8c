"""Endings on dominant and tonic."""

import pytest

from vmt.arrange.cadence import with_cadence
from vmt.chords import parse_key


def test_the_last_five_seconds_are_dominant_and_tonic() -> None:
    assert with_cadence(["F"] * 14, parse_key("C major")) == ("F",) * 9 + ("G",) * 2 + ("C",) * 3
    assert with_cadence(["F"] * 14, parse_key("A minor"))[-5:] == (
        "E",
        "E",
        "A:min",
        "A:min",
        "A:min",
    )
    assert with_cadence(["F"] * 14, parse_key("A# major"))[-5:] == ("F", "F", "A#", "A#", "A#")


def test_chords_that_fit_stay() -> None:
    labels = ("F",) * 9 + ("G:7", "G:sus4", "C:maj7", "C:min", "C:maj6")
    assert with_cadence(labels, parse_key("C major"))[-5:] == (
        "G:7",
        "G:sus4",
        "C:maj7",
        "C",
        "C:maj6",
    )


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        ((), 0),
        (("F",) * 8, 0),
        (("N",) * 20, 0),
        ((*("F",) * 10, "N", *("F",) * 6), 0),
        (("F",) * 14, 10),
    ],
    ids=["nothing", "short", "rest", "after a rest", "written by a person"],
)
def test_what_has_no_room_for_it_stays(labels: tuple[str, ...], given: int) -> None:
    assert with_cadence(labels, parse_key("C major"), given=given) == labels


def test_a_rest_at_the_end_stays_and_the_cadence_comes_before() -> None:
    assert with_cadence(["F"] * 14 + ["N"] * 2, parse_key("C major"))[-7:] == (
        "G",
        "G",
        "C",
        "C",
        "C",
        "N",
        "N",
    )
