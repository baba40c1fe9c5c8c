"""Themes: motifs and what becomes of them."""

import numpy as np
import pytest

from tests.arrange.songs import film
from vmt.arrange.form import BUILD, CLIMAX, Phrase, Section
from vmt.arrange.grid import METRES
from vmt.arrange.styles import FAMILIES
from vmt.arrange.theme import CADENCES, RHYTHMS, TAILS, Motif, bar_motifs, make_theme
from vmt.metrics.musicality import lead_notes


def section(kind: str = "statement") -> Section:
    return Section(0, 128, "A", kind, 0, 0.5, spotted=False)


def phrase(number: int = 0, bars: int = 4) -> Phrase:
    return Phrase(0, 16 * bars, bars, 0, number, 0.5)


def test_rhythms_fill_their_bars() -> None:
    for steps, families in RHYTHMS.items():
        assert set(families) == set(FAMILIES)
        for bar in (*sum(families.values(), ()), *TAILS[steps], *CADENCES[steps]):
            assert len(bar) == steps
            assert set(bar) <= set("x-.")
            assert "x" in bar
        assert all(bar.endswith("..") for bar in CADENCES[steps])
    assert {metre.steps for metre in METRES.values()} == set(RHYTHMS)


def test_motifs_are_moved_and_turned() -> None:
    motif = Motif("x---x---x-------", (0, 2, 1))
    assert motif.moved(2).contour == (2, 4, 3)
    assert motif.inverted().contour == (0, -2, -1)
    assert motif.inverted().inverted() == motif


@pytest.mark.parametrize("seed", range(8))
def test_a_phrase_states_answers_and_closes(seed: int) -> None:
    theme = make_theme([seed], 16, "lyrical")
    bars = bar_motifs(theme, phrase(), section())
    assert [cadence for _, cadence in bars] == [False, False, False, True]
    head, answer = bars[0][0], bars[2][0]
    assert head == theme.head
    assert answer.rhythm == head.rhythm
    steps = np.diff(head.contour), np.diff(answer.contour)
    assert (steps[0] == steps[1]).all() or (steps[0] == -steps[1]).all()
    assert make_theme([seed], 16, "lyrical") == theme


def test_a_build_repeats_the_head_and_rises() -> None:
    theme = make_theme([1], 16, "riff")
    bars = [motif for motif, _ in bar_motifs(theme, phrase(), section(BUILD))]
    assert [motif.contour[0] - theme.head.contour[0] for motif in bars[:3]] == [0, 1, 2]
    assert len({motif.rhythm for motif in bars[:3]}) == 1


def test_themes_differ_by_letter_and_seed() -> None:
    themes = {make_theme([seed, letter], 16, "lyrical") for seed in range(5) for letter in range(3)}
    assert len(themes) == 15


def test_a_climax_lies_higher_and_phrases_breathe() -> None:
    higher, rests = [], []
    for number in range(6):
        score = film(number, 80.0).scored("band")
        notes = lead_notes(score.midi)
        grid, form = score.plan.grid, score.plan.form
        means = {}
        for one in form.sections:
            start, end = grid.straight(one.start) - 0.05, grid.straight(one.end) - 0.05
            inside = [note.pitch for note in notes if start <= note.start < end]
            if len(inside) >= 4:
                means.setdefault(one.kind == CLIMAX, []).append(np.mean(inside))
        if len(means) == 2:
            higher.append(np.mean(means[True]) - np.mean(means[False]))
        for one in form.phrases[:-1]:
            end = grid.straight(one.end)
            last = [note for note in notes if end - 2 < note.start < end - 0.1]
            if last:
                rests.append(end - last[-1].end > 0.1)
    assert np.mean(higher) > 0.5
    assert np.mean(rests) > 0.8
