"""Musical time: metres, bars, the tempo map; and the tempo that a picture asks for."""

import numpy as np
import pytest

from vmt.arrange.grid import METRES, Grid, exact_anchors, exact_tempo, parse_metre, steady_grid
from vmt.arrange.tempo import choose_tempo
from vmt.errors import GenerationError

RANGE = (72.0, 140.0)


def curve(value: float) -> np.ndarray:
    return np.full(30, value, np.float32)


def test_steps_are_sixteenths_in_every_metre() -> None:
    for metre in METRES.values():
        grid = steady_grid(90.0, 4, metre)
        assert grid.seconds(4) == pytest.approx(60 / 90)
        assert grid.steps == 4 * metre.steps
        assert grid.step_at(grid.seconds(10)) == pytest.approx(10)


def test_places_know_how_strong_they_are() -> None:
    weights = {
        name: [metre.weight(place) for place in range(metre.steps)]
        for name, metre in METRES.items()
    }
    assert weights["4/4"] == [3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]
    assert weights["3/4"] == [3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert weights["6/8"] == [3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]


def test_a_pickup_counts_from_the_end_of_a_bar_and_a_short_bar_from_its_start() -> None:
    grid = Grid(METRES["4/4"], (0, 4, 20, 28, 44), exact_anchors([(0, 0.0), (44, 5.5)]))
    assert grid.has_pickup
    assert [grid.place(step) for step in (0, 3, 4, 19, 20, 27, 28)] == [12, 15, 0, 15, 0, 7, 0]
    assert grid.units(28) == [(0, 4), (4, 12), (12, 20), (20, 28)]
    assert not steady_grid(100.0, 3).has_pickup


def test_a_waltz_changes_chords_by_the_bar() -> None:
    assert steady_grid(100.0, 2, METRES["3/4"]).units(24) == [(0, 12), (12, 24)]
    assert steady_grid(100.0, 1, METRES["6/8"]).units(12) == [(0, 6), (6, 12)]


def test_anchors_are_exact_and_their_errors_do_not_add_up() -> None:
    rng = np.random.default_rng(0)
    steps = np.cumsum(rng.integers(1, 40, 300)).tolist()
    times = [0.12 * step + 0.002 * float(np.sin(step)) for step in steps]
    anchors = exact_anchors([(0, 0.0), *zip(steps, times, strict=True)])
    assert max(abs(a.time_s - t) for a, t in zip(anchors[1:], times, strict=True)) < 1e-4
    grid = Grid(METRES["4/4"], (0, 16), anchors)
    assert all(isinstance(microseconds, int) for _, microseconds in grid.tempi)
    assert grid.straight(steps[-1]) == pytest.approx(anchors[-1].time_s)


@pytest.mark.parametrize(("unit", "moved"), [(1, (1, 3, 5)), (2, (2, 6, 10))])
def test_swing_moves_its_offbeats_and_no_beat(unit: int, moved: tuple[int, ...]) -> None:
    straight = steady_grid(90.0, 1)
    swung = steady_grid(90.0, 1, swing=0.6, swing_unit=unit)
    step_s = straight.seconds(1)
    for step in range(0, 16, 4):
        assert swung.seconds(step) == pytest.approx(straight.seconds(step))
    for step in moved:
        assert swung.seconds(step) == pytest.approx(straight.seconds(step) + 0.2 * unit * step_s)


def test_an_unknown_metre_is_refused() -> None:
    with pytest.raises(GenerationError, match="metre '5/4' is unknown; choose one of 4/4, 3/4"):
        parse_metre("5/4")


@pytest.mark.parametrize("tempo_bpm", [40.0, 92.0, 97.3, 240.0])
def test_exact_tempo_is_a_whole_number_of_microseconds(tempo_bpm: float) -> None:
    exact = exact_tempo(tempo_bpm)
    assert 6e7 / exact == pytest.approx(round(6e7 / exact), abs=1e-6)
    assert exact == pytest.approx(tempo_bpm, rel=3e-6)


def test_motion_density_and_mood_raise_the_tempo() -> None:
    tempi = [
        choose_tempo(curve(motion), curve(density), RANGE)
        for motion, density in ((1, 2), (5, 8), (10, 12), (40, 25))
    ]
    assert tempi == sorted(set(tempi))
    assert (tempi[0], tempi[-1]) == RANGE
    moods = [choose_tempo(None, None, RANGE, arousal=mood) for mood in (-1.0, -0.5, 0.0, 0.7)]
    assert moods == sorted(set(moods))


def test_either_curve_may_be_missing() -> None:
    assert choose_tempo(curve(40), None, RANGE) == choose_tempo(None, curve(30), RANGE) == 140
    assert choose_tempo(None, None, RANGE) == 99
