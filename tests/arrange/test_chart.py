"""The model's chords on half bars; N; the cadence."""

from itertools import pairwise

import numpy as np
import pytest

from vmt import chords
from vmt.arrange.chart import chords_each_second, fill_rests, make_chart
from vmt.arrange.grid import METRES, steady_grid

C, AM = chords.Key(0, minor=False), chords.Key(9, minor=True)


def test_under_a_short_n_the_chord_goes_on_and_under_a_long_one_the_loop() -> None:
    labels = ["N", *["C", "G", "A:min", "F"] * 4, "N", "N", *["C", "G"], *["N"] * 12]
    filled, rests = fill_rests(labels, C)
    assert "N" not in filled
    assert [label == "N" for label in labels] == rests
    assert filled[0] == "C"
    assert filled[17:19] == ["F", "F"]
    assert len(set(filled[21:])) == 4
    assert fill_rests(["N"] * 9, AM)[0][0] == "A:min"


def test_no_chord_stands_for_ever_in_a_song_that_has_others() -> None:
    labels = ["C", "C", "G", "G", "A:min", "A:min", "F", "F"] + ["C"] * 40 + ["F"] * 4
    filled, rests = fill_rests(labels, C)
    assert not any(rests)
    assert filled[:16] == labels[:16]
    assert filled[46:] == labels[46:]
    assert len(set(filled[16:46])) == 4
    assert fill_rests(["C"] * 40, C)[0] == ["C"] * 40


def test_a_chart_has_no_n_and_says_where_harmony_is_open() -> None:
    labels = ["C"] * 8 + ["N"] * 16 + ["F"] * 8
    grid = steady_grid(120.0, 16)
    spans = make_chart(labels, C, grid, final=15 * 16)
    assert all(span.label != "N" for span in spans)
    opened = sum(span.end - span.start for span in spans if span.open)
    assert opened == pytest.approx(8 * 16, abs=16)


@pytest.mark.parametrize("metre", METRES.values(), ids=str)
@pytest.mark.parametrize("tempo_bpm", [83.0, 97.0, 120.0])
def test_chords_change_on_half_bars_and_stay_near_the_models(
    metre: object, tempo_bpm: float
) -> None:
    rng = np.random.default_rng(0)
    names = ["C", "G", "A:min", "F", "D:min"]
    labels = [names[index] for index in rng.integers(5, size=20) for _ in range(rng.integers(2, 5))]
    grid = steady_grid(tempo_bpm, int(len(labels) * tempo_bpm / 60 * 4 / metre.steps), metre)  # type: ignore[attr-defined, arg-type]
    final = grid.bars[-2]
    spans = make_chart(labels, C, grid, final=final, cadence=False)
    starts = {start for start, _ in grid.units(final)} | {final}
    assert all(span.start in starts for span in spans)
    assert spans[0].start == 0
    assert all(one.end == after.start for one, after in pairwise(spans))
    played = chords_each_second(spans, grid, len(labels))
    same = np.mean([one == other for one, other in zip(labels, played, strict=True)])
    assert same >= (0.6 if str(metre) == "4/4" else 0.5)


def test_chords_that_fall_on_bars_stay_as_they_are() -> None:
    labels = ["C", "C", "G", "G", "A:min", "A:min", "F", "F"] * 4
    grid = steady_grid(120.0, 16)
    spans = make_chart(labels, C, grid, final=15 * 16, cadence=False)
    assert chords_each_second(spans, grid, 30) == tuple(labels[:30])


@pytest.mark.parametrize(("key", "tonic", "dominant"), [(C, "C", "G"), (AM, "A:min", "E")])
@pytest.mark.parametrize("bars", [1, 2, 3, 4, 8])
def test_pieces_of_any_length_end_on_the_tonic(
    key: chords.Key, tonic: str, dominant: str, bars: int
) -> None:
    labels = ["D#"] * (2 * bars + 2)
    grid = steady_grid(120.0, bars + 1)
    spans = make_chart(labels, key, grid, final=16 * bars)
    assert spans[-1].label == tonic
    assert spans[-1].start == 16 * bars
    if bars >= 2:
        assert spans[-2].label == dominant
    assert spans[0].label == "D#"


def test_a_cadence_keeps_what_a_person_wrote_and_richer_chords() -> None:
    grid = steady_grid(120.0, 9)
    labels = ["F"] * 18
    assert make_chart(labels, C, grid, final=128, given=18)[-1].label == "F"
    rich = ["F"] * 14 + ["G:7"] * 2 + ["C:maj7"] * 2
    spans = make_chart(rich, C, grid, final=128)
    assert [span.label for span in spans[-2:]] == ["G:7", "C:maj7"]
    assert make_chart(labels, C, grid, final=128, cadence=False)[-1].label == "F"
