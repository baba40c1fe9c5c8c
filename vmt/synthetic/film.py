"""The picture of a demo song: shots, hard cuts, fades, and the frames they make.

Conventions: seconds of the video's clock. Shots change where chords change. Colour, scenes, pace
and the rate of cuts follow the mood, and chorus and verse differ in scene, colour and pace.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from vmt.synthetic.canvas import Image, Palette
from vmt.synthetic.scenes import SCENES, Shot
from vmt.synthetic.songs import Chord, Song

FPS = 25
FADE_IN_S, FADE_OUT_S, DIP_S = 0.6, 1.2, 1.0
_PALETTE_OF_TURN = (
    0,
    1,
    2,
    1,
)  # two shots of a verse take turns, two of a chorus; neighbours differ in colour


@dataclass(frozen=True)
class _Look:
    """A mood for the eye: scenes, palettes, pace, seconds between cuts, and whether parts meet in a
    fade.
    """

    scenes: tuple[str, ...]
    palettes: tuple[Palette, ...]
    pace: float
    verse_shot_s: int
    chorus_shot_s: int
    dips: bool


_LOOKS = {
    "exciting": _Look(
        ("sunburst", "bubbles", "dancers", "city"),
        (
            Palette.of("ffaa3c ff5f5f 46143c fff4be ff7828 ffcd46 f03c78 5ac8dc"),
            Palette.of("ff7896 ffc85a 501832 fffad7 fa506e ffb432 78dca0 fff078"),
            Palette.of("ffcd50 fa8232 5c1e1e fffcdc eb463c ffe16e ff96b4 46bebe"),
        ),
        pace=1.5, verse_shot_s=4, chorus_shot_s=2, dips=False,
    ),
    "sad": _Look(
        ("rain", "snow", "hills", "sea"),
        (
            Palette.of("222e4a 607492 141a2c d6e0ec 607caa 96a0be 465a78"),
            Palette.of("343c4e 808896 1e222c dee2e8 788296 a0aaba 545c6e"),
            Palette.of("16223a 465c78 0c1220 bed0e4 466896 8096ba 3c506e"),
        ),
        pace=0.4, verse_shot_s=8, chorus_shot_s=8, dips=True,
    ),
    "relaxing": _Look(
        ("sea", "hills", "bokeh", "balloons"),
        (
            Palette.of("96cde1 ffe2c8 5a7878 fffae8 f5b4a0 a0d2be fad796"),
            Palette.of("b0d6be f6f0ce 547860 fffdec a8ce96 f0c88c 96c8d2"),
            Palette.of("c8bee2 ffded6 6e6082 fff8f0 e2aabe b4c8e8 fad6aa"),
        ),
        pace=0.7, verse_shot_s=6, chorus_shot_s=6, dips=True,
    ),
    "tense": _Look(
        ("tunnel", "road", "searchlights", "shards", "city"),
        (
            Palette.of("0c0814 3c0a18 06040a ffd6be c81824 781432 3c465a"),
            Palette.of("060e10 14362c 040808 d6f0c8 3cbe6e 1e6450 aa3c32"),
            Palette.of("120a22 42144e 080410 f0d2fa be28aa 5a32a0 dc5a3c"),
        ),
        pace=1.2, verse_shot_s=3, chorus_shot_s=3, dips=False,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fade:
    """Light that changes: `in` from black, `out` to black, `dip` to black and back, darkest in the
    middle.
    """

    start_s: float
    end_s: float
    kind: Literal["in", "out", "dip"]

    def light(self, t: float) -> float:
        """1 outside of the fade, 0 where it is black."""
        if not self.start_s <= t <= self.end_s:
            return 1.0
        done = (t - self.start_s) / (self.end_s - self.start_s)
        if self.kind == "dip":
            return abs(2 * done - 1)
        return done if self.kind == "in" else 1 - done


@dataclass(frozen=True)
class Film:
    """The plan of a picture.

    Attributes:
        shots: when each starts, which scene it shows, and how that looks.
        cuts_s: starts of shots that follow a hard cut, the first frame of the new shot being at
            that time.
        fades: in order; shots meet in the middle of a dip.
        duration_s: length.
    """

    shots: tuple[tuple[float, str, Shot], ...]
    cuts_s: tuple[float, ...]
    fades: tuple[Fade, ...]
    duration_s: float

    def frames(self) -> Iterator[Image]:
        """Every frame, `FPS` a second."""
        ends_s = [start_s for start_s, _, _ in self.shots[1:]] + [self.duration_s]
        for (start_s, scene, shot), end_s in zip(self.shots, ends_s, strict=True):
            paint = SCENES[scene](shot)
            for number in range(round(start_s * FPS), round(end_s * FPS)):
                image = paint(number / FPS - start_s)
                light = min(fade.light(number / FPS) for fade in self.fades)
                yield image if light == 1 else cv2.convertScaleAbs(image, alpha=light)


def plan_film(song: Song) -> Film:
    """The shots of `song`."""
    look = _LOOKS[song.mood.name]
    rng = np.random.default_rng([song.seed, 2])
    order, colours = rng.permutation(len(look.scenes)), rng.permutation(len(look.palettes))
    shots: list[tuple[float, str, Shot]] = []
    cuts_s: list[float] = []
    fades = [Fade(0.0, FADE_IN_S, "in")]
    part_before = None
    for start_s, chord in _shot_starts(song, look):
        chorus = chord.part == "chorus"
        turn = len(shots) % 2 + (2 if chorus else 0)
        pace = look.pace * (1.25 if chorus else 0.85) * float(rng.uniform(0.9, 1.1))
        palette = look.palettes[colours[_PALETTE_OF_TURN[turn]]]
        shots.append(
            (
                start_s,
                look.scenes[order[turn]],
                Shot(palette, pace, song.beat_s, int(rng.integers(2**31))),
            )
        )
        if start_s > 0 and look.dips and chord.part != part_before:
            fades.append(Fade(round(start_s - DIP_S / 2, 6), round(start_s + DIP_S / 2, 6), "dip"))
        elif start_s > 0:
            cuts_s.append(start_s)
        part_before = chord.part
    fades.append(Fade(round(song.duration_s - FADE_OUT_S, 6), song.duration_s, "out"))
    return Film(tuple(shots), tuple(cuts_s), tuple(fades), song.duration_s)


def _shot_starts(song: Song, look: _Look) -> Iterator[tuple[float, Chord]]:
    """Where shots start: with every part, and within it after as many chords as a shot of that part
    is long.
    """
    shown_s, part = 0, None
    for chord in song.chords:
        length_s = look.chorus_shot_s if chord.part == "chorus" else look.verse_shot_s
        if chord.part != part or shown_s >= length_s:
            yield chord.start_s, chord
            shown_s, part = 0, chord.part
        shown_s += song.mood.chord_s
