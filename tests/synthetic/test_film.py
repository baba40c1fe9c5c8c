import dataclasses
import itertools

import numpy as np
import pytest

from vmt.synthetic.canvas import HEIGHT, WIDTH, Palette
from vmt.synthetic.film import FPS, Fade, plan_film
from vmt.synthetic.scenes import SCENES, Shot
from vmt.synthetic.songs import MOODS, compose

PALETTE = Palette.of("96cde1 ffe2c8 5a7878 fffae8 f5b4a0 a0d2be fad796")


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_scene_moves_and_is_the_same_every_time(name: str) -> None:
    shot = Shot(PALETTE, pace=1.0, beat_s=0.5, seed=4)
    first, again = SCENES[name](shot), SCENES[name](shot)
    early, late = first(1.0), first(3.0)
    assert early.shape == (HEIGHT, WIDTH, 3)
    assert early.std() > 5
    assert np.abs(early.astype(int) - late).mean() > 0.5
    assert np.array_equal(again(1.0), early)


@pytest.mark.parametrize("index", range(12))
def test_shots_change_where_chords_change(index: int) -> None:
    song = compose(index, 0)
    film = plan_film(song)
    changes = {chord.start_s for chord in song.chords}
    starts = [start_s for start_s, _, _ in film.shots]
    assert starts[0] == 0
    assert set(starts) <= changes
    dips = [(fade.start_s + fade.end_s) / 2 for fade in film.fades if fade.kind == "dip"]
    assert sorted([*film.cuts_s, *dips]) == pytest.approx(starts[1:])
    assert [film.fades[0].kind, film.fades[-1].kind] == ["in", "out"]
    names = [name for _, name, _ in film.shots]
    assert all(first != second for first, second in itertools.pairwise(names))
    palettes = [shot.palette for _, _, shot in film.shots]
    assert all(first != second for first, second in itertools.pairwise(palettes))


def test_the_faster_the_mood_the_faster_the_picture() -> None:
    songs = [compose(index, 0) for index in range(20)]
    pace = {
        mood.name: np.mean(
            [shot.pace for s in songs if s.mood is mood for _, _, shot in plan_film(s).shots]
        )
        for mood in MOODS
    }
    rate = {
        mood.name: np.mean(
            [len(plan_film(s).shots) / s.duration_s for s in songs if s.mood is mood]
        )
        for mood in MOODS
    }
    for measure in (pace, rate):
        assert sorted(measure, key=lambda name: measure[name]) == [
            "sad",
            "relaxing",
            "tense",
            "exciting",
        ]


def test_fades_go_to_black_and_back() -> None:
    dip = Fade(4.0, 5.0, "dip")
    assert [dip.light(t) for t in (3.9, 4.0, 4.25, 4.5, 5.0, 5.1)] == pytest.approx(
        [1, 1, 0.5, 0, 1, 1]
    )
    assert Fade(0.0, 1.0, "in").light(0.25) == Fade(0.0, 1.0, "out").light(0.75) == 0.25


def test_frames_are_as_many_as_the_song_is_long_and_start_black() -> None:
    song = compose(2, 0)
    song = dataclasses.replace(song, chords=song.chords[:3])
    frames = plan_film(song).frames()
    first = next(frames)
    assert first.max() == 0
    rest = sum(1 for _ in frames)
    assert (1 + rest) / FPS == song.duration_s
