"""Form: phrases, what sections are for, which theme they have."""

from itertools import pairwise

import pytest

from tests.arrange.songs import film
from vmt.arrange.form import (
    BREAKDOWN,
    BUILD,
    CLIMAX,
    INTRO,
    OUTRO,
    choose_form,
    phrase_lengths,
    section_kinds,
)


@pytest.mark.parametrize("bars", range(1, 40))
def test_phrases_are_fours_and_twos_but_for_an_odd_bar(bars: int) -> None:
    lengths = phrase_lengths(bars)
    assert sum(lengths) == bars
    odd = [length for length in lengths if length not in (2, 4)]
    assert len(odd) == bars % 2


def test_the_highest_section_is_the_climax_and_a_build_leads_there() -> None:
    kinds = section_kinds([0.3, 0.5, 0.55, 0.9, 0.3], [0.0] * 5)
    assert kinds == [INTRO, "statement", BUILD, CLIMAX, OUTRO]
    falls = section_kinds([0.4, 0.8, 0.3, 0.6, 0.9, 0.3], [0.0] * 6)
    assert falls[2] == BREAKDOWN
    assert falls[4] == CLIMAX


def test_of_two_sections_the_first_is_the_climax_only_where_the_film_says_so_clearly() -> None:
    assert section_kinds([0.45, 0.37], [0.0] * 2) == ["statement", CLIMAX]
    assert section_kinds([0.7, 0.4], [0.0] * 2) == [CLIMAX, "statement"]


def test_a_section_of_n_is_a_breakdown() -> None:
    assert section_kinds([0.5, 0.5, 0.5, 0.9], [0.0, 0.0, 1.0, 0.0])[2] == BREAKDOWN


def test_length_and_energy_choose_the_form() -> None:
    rising, swinging, even = [0.2, 0.4, 0.6, 0.8], [0.3, 0.8, 0.3, 0.8, 0.3], [0.5] * 5
    assert choose_form(rising, section_kinds(rising, [0.0] * 4)) == "build"
    assert choose_form(swinging, section_kinds(swinging, [0.0] * 5)) == "verse"
    assert choose_form(even, section_kinds(even, [0.0] * 5)) == "aaba"


def test_sections_cover_the_piece_and_phrases_cover_the_sections() -> None:
    for number in range(6):
        score = film(number, 70.0).scored("band")
        form = score.plan.form
        assert form.sections[0].start == score.plan.grid.bars[int(score.plan.grid.has_pickup)]
        assert form.sections[-1].end == form.final
        assert form.phrases[0].start == form.sections[0].start
        assert form.phrases[-1].end == form.final
        for parts in (form.sections, form.phrases):
            assert all(one.end == after.start for one, after in pairwise(parts))
        kinds = [section.kind for section in form.sections]
        assert kinds.count(INTRO) <= 1
        assert CLIMAX in kinds


def test_an_intro_is_short() -> None:
    for number in range(6):
        form = film(number, 90.0).scored("orchestra").plan.form
        intro = [phrase for phrase in form.phrases if form.sections[phrase.section].kind == INTRO]
        assert sum(phrase.bars for phrase in intro) <= 6
