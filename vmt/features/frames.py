"""One pass over a video's frames: the frame of each second, its motion, and the hard cuts.

Conventions: times are seconds on the video's own clock, whose first frame is at 0. Second k's frame
is the first frame at or after k; seconds past the last frame take the last frame. Motion is the
mean absolute RGB difference, 0 to 255, at full frame size, between that frame and the video frame
just before it, and 0 at second 0. A cut's time is that of the first frame of the new shot.

Source: PySceneDetect's AdaptiveDetector (content change against its rolling mean) for cuts.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Int32, UInt8
from scenedetect import AdaptiveDetector, FrameTimecode
from scenedetect.common import Timecode
from scenedetect.scene_manager import compute_downscale_factor

from vmt.errors import MediaError

MIN_SHOT_S = 0.25
"""Shots shorter than this are not told apart: fast cutting on the beat is kept, flashes of a few
frames are not.
"""
_TICK = Fraction(
    1, 1_000_000
)  # finer than the time base of any container in use, and floats of hours hold it
_EPSILON_S = float(_TICK)


@runtime_checkable
class VideoFrame(Protocol):
    """A decoded frame: `time_s` on the video's clock, `rgb` at full size."""

    @property
    def time_s(self) -> float:
        """Seconds since the first frame."""

    @property
    def rgb(self) -> UInt8[np.ndarray, "h w 3"]:
        """Pixels, rows from the top."""


@dataclass(frozen=True)
class Pick:
    """A frame that stands for one or more seconds.

    Attributes:
        seconds: the seconds whose frame this is; several where frames are more than a second apart.
        rgb: the frame at full size.
        motion: 0 to 255.
    """

    seconds: range
    rgb: UInt8[np.ndarray, "h w 3"]
    motion: float


def grid_length(duration_s: float) -> int:
    """T, the number of seconds on the grid: at least 1; a last part of a second counts from a
    millisecond on.
    """
    return max(1, math.ceil(duration_s - 1e-3))


def motion(
    frame: UInt8[np.ndarray, "h w 3"], before: UInt8[np.ndarray, "h_before w_before 3"] | None
) -> float:
    """Mean absolute RGB difference of two neighbouring frames, 0 to 255; 0 where there is none
    before.

    Source: Kang et al. 2024, section 3.2 (arXiv 2311.00968).
    """
    if before is None:
        return 0.0
    if before.shape != frame.shape:  # a stream may change its size on the way
        before = cv2.resize(before, (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_AREA)
    return float(cv2.norm(frame, before, cv2.NORM_L1)) / frame.size


class CutFinder:
    """Hard cuts of a video whose frames are shown one by one, in order.

    Frames are scaled down as PySceneDetect's own SceneManager scales them, so that both find the
    same cuts. The exception are cuts within a fade: where the picture is nearly black, its hue and
    saturation jump by themselves, and the detector reports a cut. A cut must therefore also stand
    out from its neighbours in plain RGB difference.
    """

    _NEIGHBOURS = 2  # frames on each side, as many as the detector's rolling mean has
    # A fade's darkest frame changes less than its neighbours, hard cuts over five times more.
    _LEAST_RATIO = 2.0

    def __init__(self) -> None:
        self._detector = AdaptiveDetector(min_scene_len=MIN_SHOT_S, window_width=self._NEIGHBOURS)
        self._size: tuple[int, int] | None = None
        self._cuts_s: list[float] = []
        self._before: UInt8[np.ndarray, "h w 3"] | None = None
        self._changes: deque[tuple[float, float]] = deque(
            maxlen=2 * self._NEIGHBOURS + 1
        )  # time, RGB difference

    @property
    def cuts_s(self) -> tuple[float, ...]:
        """Times of the cuts detected so far, rising; a cut is detected two frames after it."""
        return tuple(self._cuts_s)

    def see(self, frame: VideoFrame) -> None:
        """Look at the next frame."""
        height, width = frame.rgb.shape[:2]
        if self._size is None:
            factor = max(1.0, compute_downscale_factor(max(width, height)))
            self._size = max(1, round(width / factor)), max(1, round(height / factor))

        small = frame.rgb
        if (width, height) != self._size:
            small = cv2.resize(small, self._size, interpolation=cv2.INTER_LINEAR)
        bgr = np.ascontiguousarray(small[:, :, ::-1])

        # The rate only turns times into frame numbers, which nothing here reads: every length is in
        # seconds.
        at = FrameTimecode(Timecode(round(frame.time_s / _TICK), _TICK), fps=Fraction(25))
        self._changes.append((float(at.seconds), motion(bgr, self._before)))
        self._before = bgr
        detected = (float(cut.seconds) for cut in self._detector.process_frame(at, bgr))
        self._cuts_s += [round(cut_s, 6) for cut_s in detected if self._stands_out(cut_s)]

    def _stands_out(self, cut_s: float) -> bool:
        changes = [change for time_s, change in self._changes if time_s == cut_s]
        others = [change for time_s, change in self._changes if time_s != cut_s]
        return not changes or changes[0] >= self._LEAST_RATIO * float(np.mean(others or [0.0]))


def picks(frames: Iterable[VideoFrame], seconds: int, cuts: CutFinder, name: str) -> Iterator[Pick]:
    """The frame of each of `seconds` seconds, while `cuts` sees every frame.

    Nothing is decoded ahead: the next frame is requested only when the one before has been
    processed, and at most three frames are held.

    Args:
        frames: every frame of the video, in order.
        seconds: T, at least 1.
        cuts: shown every frame, those after the last second included.
        name: what messages call the video.

    Yields:
        Picks whose `seconds` together are 0 to T - 1, in order.

    Raises:
        MediaError: if there is no frame.
    """
    before: VideoFrame | None = None
    last: VideoFrame | None = None
    done = 0

    for frame in frames:
        cuts.see(frame)
        before, last = last, frame
        start = done
        while done < seconds and frame.time_s >= done - _EPSILON_S:
            done += 1
        if done > start:
            yield Pick(
                range(start, done), frame.rgb, motion(frame.rgb, before.rgb if before else None)
            )

    if last is None:
        raise MediaError(
            f"video {name}: no frame of it can be decoded; export it again", code="no-picture"
        )
    if done < seconds:
        yield Pick(range(done, seconds), last.rgb, motion(last.rgb, before.rgb if before else None))


def scene_offset(cuts_s: Sequence[float], seconds: int) -> Int32[np.ndarray, " time"]:
    """Seconds since the second of the last cut, from 0; the first shot starts at second 0."""
    starts = np.zeros(seconds, dtype=np.int32)
    for cut in cuts_s:
        if cut < seconds:
            starts[int(cut)] = int(cut)
    return (np.arange(seconds, dtype=np.int32) - np.maximum.accumulate(starts)).astype(np.int32)
