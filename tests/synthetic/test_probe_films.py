"""Films of known cuts: the pictures say what the plan says."""

import itertools

import numpy as np

from vmt.features.frames import CutFinder
from vmt.synthetic import probe_films
from vmt.synthetic.probe_films import FPS, KnownFilm, plan_film
from vmt.synthetic.recognition_scores import CutScore, score_cuts


class Shown:
    def __init__(self, number: int, rgb: np.ndarray) -> None:
        self.time_s, self.rgb = number / FPS, rgb


def changes(film: KnownFilm) -> np.ndarray:
    """Mean absolute difference of each frame to the one before."""
    pictures = [picture.astype(np.int16) for picture in film.pictures()]
    return np.array([0.0, *(np.abs(b - a).mean() for a, b in itertools.pairwise(pictures))])


def test_a_plan_is_as_long_as_asked_and_has_every_meeting() -> None:
    films = [plan_film(number, 36.28) for number in range(24)]
    assert {film.frames for film in films} == {907}
    assert {meeting for film in films for meeting in film.meetings} == {"cut", "dissolve", "fade"}
    for film in films:
        lengths = np.diff(film.starts)
        assert lengths.min() >= probe_films.SHORTEST_S * FPS
        assert len(film.starts) == len(film.meetings) + 1
    assert plan_film(0, 1.0).meetings == ()


def test_the_picture_jumps_at_hard_cuts_and_nowhere_else() -> None:
    film = KnownFilm((0, 20, 60, 100), ("cut", "dissolve", "fade"), 130, seed=1)
    moved = changes(film)
    assert film.cuts_s == (0.8,)
    assert moved[20] > 3 * np.delete(moved, 20).max()


def test_its_cuts_are_found() -> None:
    film = KnownFilm((0, 15, 45, 80, 92), ("cut", "fade", "dissolve", "cut"), 110, seed=2)
    finder = CutFinder()
    for number, picture in enumerate(film.pictures()):
        finder.see(Shown(number, picture))
    assert score_cuts(finder.cuts_s, film.cuts_s) == CutScore(2, 0, 0)


def test_the_same_number_gives_the_same_film() -> None:
    a, b = (next(plan_film(3, 5.0).pictures()) for _ in range(2))
    np.testing.assert_array_equal(a, b)
