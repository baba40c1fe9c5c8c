"""The music passes the bar: metre, hits, themes, groove, dynamics."""

import pytest

from tests.arrange.bar import BAR, Piece, measures, pieces, shortfalls
from vmt.arrange.styles import style_names


@pytest.fixture(scope="module")
def made() -> list[Piece]:
    return pieces()


def test_the_music_passes_the_bar(made: list[Piece]) -> None:
    assert shortfalls(measures(made)) == []


@pytest.mark.parametrize("style", [name for name in style_names() if name != "amt"])
def test_every_style_passes_what_every_style_must(style: str) -> None:
    values = measures(pieces(((style, 4, True),)))
    must = ("changes_on_half_bars", "ends_on_downbeat", "ends_on_tonic", "longest_gap_s", "roots",
            "hits_met", "cuts_met")  # fmt: skip
    for name in must:
        low, high = BAR[name]
        assert low <= values[name] <= high, name
    assert values["tune_share"] >= 0.3
