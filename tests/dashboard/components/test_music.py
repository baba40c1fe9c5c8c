import doctest

import pytest

from dashboard.components import music
from vmt import chords


@pytest.mark.parametrize(
    ("label", "key", "shown"),
    [
        ("D#:maj7", "Eb major", "Ebmaj7"),
        ("D#", "E major", "D#"),
        ("F#:hdim7", "E minor", "F#m7b5"),
        ("B:min", None, "Bm"),
        ("N", "C major", "N"),
        ("no chord at all", None, "no chord at all"),
    ],
)
def test_chords_are_spelled_by_the_key(label: str, key: str | None, shown: str) -> None:
    assert music.chord_name(label, music.parsed_key(key)) == shown


def test_keys_are_spelled_by_their_signature() -> None:
    assert music.key_name("D# major") == music.key_name(chords.Key(3, False)) == "Eb major"
    assert music.key_name(None) is None
    assert music.key_name("odd") == "odd"


def test_the_examples_run() -> None:
    assert doctest.testmod(music).failed == 0
