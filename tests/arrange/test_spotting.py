"""Spotting: bars laid on the film."""

import numpy as np
import pytest

from tests.arrange.songs import film
from vmt.arrange.form import layout
from vmt.arrange.grid import METRES
from vmt.arrange.spotting import FLEX, Point, film_points, mood_jumps, spot
from vmt.errors import GenerationError
from vmt.metrics.musicality import share_on

RANGE = (72.0, 140.0)


def moods(*names_and_seconds: tuple[int, int]) -> np.ndarray:
    return np.repeat(
        np.eye(6)[[name for name, _ in names_and_seconds]],
        [seconds for _, seconds in names_and_seconds],
        axis=0,
    )


def test_jumps_are_where_they_are_and_drifts_are_none() -> None:
    assert mood_jumps(moods((0, 10), (3, 12), (4, 9))) == [10, 22]
    assert mood_jumps(moods((0, 3), (3, 3))) == []
    drift = np.linspace(0, 1, 60)
    assert mood_jumps(np.stack([drift, 1 - drift, *np.zeros((4, 60))], axis=1)) == []


def test_long_scenes_and_moods_make_a_cut_strong() -> None:
    emotion = moods((0, 10), (3, 20)).astype(np.float32)
    points = film_points([2.0, 3.1, 9.9, 20.0, 21.0], 30.0, emotion=emotion)
    assert [(p.time_s, p.strong, p.section) for p in points] == [
        (2.0, False, False),
        (3.1, False, False),
        (9.9, True, True),
        (20.0, True, True),
        (21.0, False, False),
    ]
    assert film_points([9.9], 30.0, accents=0.0) == []


def test_a_given_point_replaces_the_cut_beside_it() -> None:
    points = film_points([5.0], 20.0, hits=[(5.04, "hit"), (9.0, "stop")])
    assert [(point.time_s, point.kind) for point in points] == [(5.04, "hit"), (9.0, "stop")]
    with pytest.raises(GenerationError, match="kind 'boom' is unknown; choose one of hit, section"):
        film_points([], 20.0, hits=[(5.0, "boom")])
    with pytest.raises(GenerationError, match="the film lasts 20 s; give a time inside it"):
        film_points([], 20.0, hits=[(25.0, "hit")])


@pytest.mark.parametrize("metre", METRES.values(), ids=str)
@pytest.mark.parametrize("fps", [23.976, 25.0, 29.97, 60.0])
def test_bars_stand_on_the_film_and_tempi_keep_their_limits(metre: object, fps: float) -> None:
    met, chance, whole = [], [], []
    for number in range(4):
        wanted = film(number, 60.0, fps)
        points = film_points(wanted.cuts_s, 60.0, emotion=wanted.emotion)
        spotted = spot(points, metre, 60.0, tempo_bpm=104.0, tempo_range=RANGE)  # type: ignore[arg-type]
        tempi = np.array([6e7 / microseconds for _, microseconds in spotted.grid.tempi])
        assert tempi.max() / tempi.min() <= (1 + FLEX) / (1 - FLEX) + 0.002
        assert spotted.final in spotted.grid.bars
        eighths = [spotted.grid.straight(step) for step in range(0, spotted.final, 2)]
        strong = [point.time_s for point in points if point.strong]
        for shares, value in zip(
            (met, chance), share_on(eighths, strong, 60.0, within_s=1 / fps / 2), strict=True
        ):
            shares.append(value)
        whole += [bars in (2, 4, 8) for _, _, bars, _ in layout(spotted)[1]]
    assert np.mean(met) >= 0.7
    assert np.mean(met) - np.mean(chance) >= 0.3
    assert np.mean(whole) >= 0.9


def test_a_section_that_was_asked_for_is_a_bar_line() -> None:
    hits = [(9.48, "section"), (21.12, "section"), (40.0, "section")]
    points = film_points([], 60.0, hits=hits)
    spotted = spot(points, METRES["4/4"], 60.0, tempo_bpm=100.0, tempo_range=RANGE)
    starts = [spotted.grid.straight(start) for start in spotted.sections]
    for time_s, _ in hits:
        assert min(abs(time_s - start) for start in starts) < 1e-3


def test_a_tempo_that_was_asked_for_is_kept() -> None:
    wanted = film(3, 60.0)
    points = film_points(wanted.cuts_s, 60.0, emotion=wanted.emotion)
    for tempo_bpm in (60.0, 97.3, 160.0):
        spotted = spot(points, METRES["4/4"], 60.0, tempo_bpm=tempo_bpm, tempo_range=RANGE,
                       fixed=True)  # fmt: skip
        assert all(
            6e7 / microseconds == pytest.approx(tempo_bpm, rel=0.0155)
            for _, microseconds in spotted.grid.tempi
        )


def test_chords_that_fall_on_bars_choose_among_tempi() -> None:
    changes = [2.0 * number for number in range(1, 30)]
    spotted = spot([], METRES["4/4"], 58.5, tempo_bpm=114.0, tempo_range=RANGE, changes_s=changes)
    assert spotted.grid.tempo_bpm == pytest.approx(120.0, rel=0.02)


@pytest.mark.parametrize("duration_s", [0.4, 1.0, 3.0, 7.3, 12.0, 61.0])
def test_films_of_any_length_have_a_last_stroke_with_room_to_ring(duration_s: float) -> None:
    point = Point(duration_s / 2, "cut", 1.0, True, True)
    spotted = spot([point], METRES["4/4"], duration_s, tempo_bpm=100.0, tempo_range=RANGE)
    ring_s = duration_s - spotted.grid.straight(spotted.final)
    assert 0.3 * min(duration_s, 4.0) <= ring_s <= max(6.0, 0.1 * duration_s)


def test_long_films_take_time_that_grows_with_their_length() -> None:
    cuts = np.arange(9.0, 1797.0, 11.0).tolist()
    points = film_points(cuts, 1800.0)
    spotted = spot(points, METRES["4/4"], 1800.0, tempo_bpm=100.0, tempo_range=RANGE)
    assert len(spotted.sections) > 60
