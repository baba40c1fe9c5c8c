"""The beat grid and tempo."""

import numpy as np
import pytest

from vmt.arrange.grid import Grid, exact_tempo
from vmt.arrange.tempo import choose_tempo, fit_tempo


def curve(value: float) -> np.ndarray:
    return np.full(30, value, np.float32)


def test_steps_are_sixteenths() -> None:
    grid = Grid(90.0)
    assert grid.seconds(4) == pytest.approx(60 / 90)
    assert grid.steps_within(60 / 90) == 4
    assert grid.beat(0.9) == 4


def test_swing_moves_every_second_sixteenth_and_nothing_else() -> None:
    straight, swung = Grid(90.0), Grid(90.0, swing=0.6)
    for step in range(0, 32, 2):
        assert swung.seconds(step) == straight.seconds(step)
        assert swung.seconds(step + 1) == pytest.approx(
            straight.seconds(step) + 1.2 * straight.step_s
        )


@pytest.mark.parametrize("tempo_bpm", [40.0, 92.0, 97.3, 240.0])
def test_exact_tempo_is_a_whole_number_of_microseconds(tempo_bpm: float) -> None:
    exact = exact_tempo(tempo_bpm)
    assert 6e7 / exact == pytest.approx(round(6e7 / exact), abs=1e-6)
    assert exact == pytest.approx(tempo_bpm, rel=3e-6)


def test_motion_and_density_raise_the_tempo() -> None:
    tempi = [
        choose_tempo(curve(motion), curve(density))
        for motion, density in ((1, 2), (5, 8), (10, 12), (40, 25))
    ]
    assert tempi == sorted(set(tempi))
    assert tempi[0] == 72
    assert tempi[-1] == 140


def test_either_curve_may_be_missing() -> None:
    assert choose_tempo(curve(40), None) == choose_tempo(None, curve(30)) == 140
    assert choose_tempo(None, None) == 99


def test_tempo_fits_the_changes() -> None:
    assert fit_tempo(115.0, [2.0 * k for k in range(1, 30)]) == 120
    assert fit_tempo(100.0, []) == 100


def test_fitted_tempo_stays_near() -> None:
    rng = np.random.default_rng(0)
    for wish in (72.0, 93.0, 140.0):
        fitted = fit_tempo(wish, np.sort(rng.uniform(0, 60, 20)).tolist())
        assert abs(fitted - wish) <= 0.08 * wish
