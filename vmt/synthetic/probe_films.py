"""Pictures for the check of the cut finder: films whose hard cuts are known.

Conventions: 25 frames a second; times are seconds. A shot is a textured painting that pans, zooms
and turns before a camera which is not quite still, with something that moves in front of it, under
grain. Most shots follow a hard cut; some meet in a dissolve or in a fade through black, which are
no hard cuts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

FPS = 25
WIDTH, HEIGHT = 320, 180
SHORTEST_S, LONGEST_S = 0.4, 4.0
SOFT_S = 1.0
_SOFT_SHARE = 0.15
_MARGIN = 80  # of the painting around what the camera shows, in pixels
_LEAST_CHANGE = 60  # of a ground's colour at a cut, as mean absolute RGB difference

Picture = UInt8[np.ndarray, "height width 3"]
Meeting = Literal["cut", "dissolve", "fade"]


@dataclass(frozen=True)
class KnownFilm:
    """A plan of shots.

    Attributes:
        starts: the first frame of each shot; where two dissolve or fade, the middle of it.
        meetings: how each shot but the first follows the one before.
        frames: how many there are in all.
        seed: of everything that is drawn.
    """

    starts: tuple[int, ...]
    meetings: tuple[Meeting, ...]
    frames: int
    seed: int

    @property
    def cuts_s(self) -> tuple[float, ...]:
        """Times of the hard cuts: of the first frame of the new shot."""
        pairs = zip(self.starts[1:], self.meetings, strict=True)
        return tuple(start / FPS for start, meeting in pairs if meeting == "cut")

    def pictures(self) -> Iterator[Picture]:
        """Every frame, in order."""
        rng = np.random.default_rng([self.seed, 2])
        shots: list[_Shot] = []
        for _ in self.starts:
            shots.append(_Shot.drawn(rng, shots[-1] if shots else None))
        for number in range(self.frames):
            current = int(np.searchsorted(self.starts, number, side="right")) - 1
            picture = shots[current].picture(number - self.starts[current])
            for beside in (current, current + 1):  # the meetings at this shot's start and end
                if 0 < beside < len(shots) and self.meetings[beside - 1] != "cut":
                    picture = self._blend(picture, shots, beside, number)
            grain = rng.integers(-5, 6, picture.shape[:2])[..., None]
            yield np.clip(picture + grain, 0, 255).astype(np.uint8)

    def _blend(self, picture: Picture, shots: list["_Shot"], new: int, number: int) -> Picture:
        done = (number - self.starts[new]) / (SOFT_S * FPS) + 0.5  # 0 to 1 while the two shots meet
        if not 0 <= done <= 1:
            return picture
        if self.meetings[new - 1] == "fade":
            return cv2.convertScaleAbs(picture, alpha=abs(2 * done - 1))
        before = shots[new - 1].picture(number - self.starts[new - 1])
        after = shots[new].picture(number - self.starts[new])
        return cv2.addWeighted(before, 1 - done, after, done, 0)


def plan_film(number: int, duration_s: float) -> KnownFilm:
    """Film `number`, `duration_s` seconds long to the frame."""
    rng = np.random.default_rng([number, 1])
    frames = round(duration_s * FPS)
    starts: list[int] = [0]
    meetings: list[Meeting] = []
    while True:
        meeting: Meeting = "cut"
        if rng.random() < _SOFT_SHARE:
            meeting = "dissolve" if rng.random() < 0.5 else "fade"
        # Soft meetings keep clear of their neighbours: half of each lies in the shot before, half
        # in the one after.
        soft = (meeting != "cut") + (bool(meetings) and meetings[-1] != "cut")
        start = starts[-1] + round(
            (float(rng.uniform(SHORTEST_S, LONGEST_S)) + soft * SOFT_S) * FPS
        )
        if start > frames - round((SHORTEST_S + SOFT_S) * FPS):
            return KnownFilm(tuple(starts), tuple(meetings), frames, number)
        starts.append(start)
        meetings.append(meeting)


@dataclass(frozen=True)
class _Shot:
    painting: Picture
    ground: tuple[int, ...]
    figure: tuple[int, ...]
    pan: tuple[float, float]  # pixels a frame
    zoom: float  # a frame
    turn: float  # degrees a frame
    sway: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, before: "_Shot | None") -> "_Shot":
        ground = rng.integers(20, 236, 3)
        while before is not None and np.abs(ground - before.ground).mean() < _LEAST_CHANGE:
            ground = rng.integers(20, 236, 3)
        size = (HEIGHT + 2 * _MARGIN, WIDTH + 2 * _MARGIN)
        texture = cv2.resize(
            rng.standard_normal((12, 16, 3)), size[::-1], interpolation=cv2.INTER_CUBIC
        )
        painting = np.clip(ground + 28 * texture, 0, 255).astype(np.uint8)
        for _ in range(int(rng.integers(4, 10))):
            centre = (int(rng.integers(size[1])), int(rng.integers(size[0])))
            colour = tuple(
                int(value) for value in np.clip(ground + rng.integers(-90, 91, 3), 0, 255)
            )
            cv2.circle(painting, centre, int(rng.integers(8, 50)), colour, -1, cv2.LINE_AA)
        return cls(
            painting,
            tuple(int(value) for value in ground),
            tuple(int(value) for value in 255 - ground),
            (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.5, 0.5))),
            float(rng.uniform(-0.001, 0.002)),
            float(rng.uniform(-0.08, 0.08)),
            float(rng.uniform(0.0, 1.5)),
        )

    def picture(self, frame: int) -> Picture:
        """What the camera shows `frame` frames after the shot's start; before it the same movement
        backwards.
        """
        centre = (_MARGIN + WIDTH / 2, _MARGIN + HEIGHT / 2)
        matrix = cv2.getRotationMatrix2D(centre, self.turn * frame, 1 + self.zoom * frame)
        matrix[0, 2] += self.pan[0] * frame + self.sway * np.sin(frame * 0.9) - _MARGIN
        matrix[1, 2] += self.pan[1] * frame + self.sway * np.cos(frame * 1.1) - _MARGIN
        shown = cv2.warpAffine(
            self.painting, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
        )
        place = (
            int(40 + 3 * frame) % (WIDTH + 40) - 20,
            int(HEIGHT * (0.5 + 0.3 * np.sin(frame / 7))),
        )
        cv2.circle(shown, place, 18, self.figure, -1, cv2.LINE_AA)
        return shown
