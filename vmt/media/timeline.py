"""One continuous clock for a file whose own clock jumps.

MPEG streams that were joined with `cat`, recordings that lost their signal, and live streams that
reconnected start their clock again or leap ahead in mid-file. Between two jumps lies a *stretch*;
a stretch's timestamps are shifted so that it starts where the one before it ends. A picture that
stands still while its sound goes on is no jump.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

JUMPING_FORMATS = frozenset({"mpegts", "mpeg", "flv", "ogg"})
"""Containers whose packets carry the sender's clock, with nothing in the file that orders it."""
STEP_BACK_S, LEAP_S = 0.001, 1.0
"""What counts as a jump in these; in others only the two below do, for their clock is written by
the program that knows the whole file.
"""
OTHER_STEP_BACK_S, OTHER_LEAP_S, STILL_LEAP_S = 1.0, 30.0, 600.0
MOST_LEAP_S = 7 * 86_400.0
"""In those others a longer leap is damage; the length of the file then says so."""
_INTERLEAVED = 20  # packets by which sound and picture may stand apart in a file
_NEAR = 4000  # packets around a jump of the picture in which the sound's own jump is looked for


@dataclass
class StreamClock:
    """Timestamps of one stream's packets in the order of the file, in seconds; NaN where unknown.

    Attributes:
        order: the packet's number among all of the file's.
    """

    order: array = field(default_factory=lambda: array("q"))  # type: ignore[type-arg]
    dts: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]
    pts: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]
    length: array = field(default_factory=lambda: array("d"))  # type: ignore[type-arg]

    def add(self, order: int, dts: float, pts: float, length: float) -> None:
        """Note one packet."""
        self.order.append(order)
        self.dts.append(dts)
        self.pts.append(pts)
        self.length.append(length)


@dataclass(frozen=True)
class Timeline:
    """By stream: from which of its packets on its timestamps are shifted, and by how many seconds.

    `shifts[stream]` rises in its packet numbers; a stream that is not named keeps its clock.
    """

    shifts: Mapping[int, tuple[tuple[int, float], ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.shifts)

    def shift_s(self, stream: int, packet: int) -> float:
        """Seconds to add to the timestamps of a stream's packet, counted from 0."""
        shift = 0.0
        for first, seconds in self.shifts.get(stream, ()):
            if packet < first:
                break
            shift = seconds
        return shift


def timeline(
    clocks: Mapping[int, StreamClock], picture: int, sound: int | None, format_name: str
) -> Timeline:
    """The shifts that make a file's clock continuous; none where it is already.

    Args:
        clocks: by stream, of all packets of picture and sound.
        picture: the picture's stream; its jumps are the file's.
        sound: the sound that may tell a still picture from a leap; None without one.
        format_name: ffmpeg's name of the container.
    """
    clock = clocks[picture]
    dts, pts, length = (np.array(values) for values in (clock.dts, clock.pts, clock.length))
    if np.isfinite(dts).sum() < 2:
        return Timeline()

    jumps = _jumps(clock, clocks[sound] if sound is not None else None, format_name)
    if not jumps:
        return Timeline()

    # A stretch starts where the picture of the one before it ended, in the order of showing.
    shown = np.where(np.isnan(pts), dts, pts)
    shifts, shift = [], 0.0
    edges = [0, *jumps, len(dts)]
    for before, first, after in zip(edges, edges[1:], edges[2:], strict=False):
        lengths = usual_lengths(length[before:first])
        end = float(np.nanmax(shown[before:first] + lengths)) + shift
        shift = end - float(np.nanmin(shown[first:after]))
        shifts.append(shift)

    result: dict[int, tuple[tuple[int, float], ...]] = {}
    for stream, other in clocks.items():
        firsts = (
            jumps
            if stream == picture
            else [_other_jump(other, clock.order[first], _leap(dts, first)) for first in jumps]
        )
        result[stream] = tuple(zip(firsts, shifts, strict=True))
    return Timeline(result)


def _jumps(picture: StreamClock, sound: StreamClock | None, format_name: str) -> list[int]:
    """Numbers of the picture's packets that begin a stretch."""
    jumping = format_name in JUMPING_FORMATS
    dts = np.array(picture.dts)
    known = np.flatnonzero(~np.isnan(dts))
    # Not each packet's own length: in an MP4 the packet before a leap lasts as long as the leap.
    typical = float(np.median(_lengths(np.array(picture.length)[known])))
    steps = np.diff(dts[known])
    back = steps < -(STEP_BACK_S if jumping else OTHER_STEP_BACK_S)
    leap = steps - typical > (LEAP_S if jumping else OTHER_LEAP_S)

    jumps = []
    for index in np.flatnonzero(back | leap):
        before, after = int(known[index]), int(known[index + 1])
        if leap[index]:
            gap = (dts[before] + typical + LEAP_S / 2, dts[after] - LEAP_S / 2)
            orders = (picture.order[before], picture.order[after])
            if sound is not None and _goes_on(sound, gap, orders if jumping else None):
                continue
            if not jumping and steps[index] > MOST_LEAP_S:
                continue
            if not jumping and sound is None and steps[index] < STILL_LEAP_S:
                continue
        jumps.append(after)
    return jumps


def _goes_on(sound: StreamClock, gap: tuple[float, float], orders: tuple[int, int] | None) -> bool:
    """Whether sound is heard while the picture stands still.

    Args:
        sound: of all the file.
        gap: from when to when there is no picture.
        orders: between which packets of the file, where other stretches may have the same times.
    """
    first, last = 0, len(sound.dts)
    if orders is not None:
        first = max(0, bisect_left(sound.order, orders[0]) - _INTERLEAVED)
        last = bisect_left(sound.order, orders[1]) + _INTERLEAVED
    heard = np.array(sound.dts[first:last])
    return bool(((heard > gap[0]) & (heard < gap[1])).any())


def _lengths(length: Float64[np.ndarray, " packets"]) -> Float64[np.ndarray, " packets"]:
    """Each packet's length, the usual one where the file does not say."""
    said = length[length > 0]
    return np.where(length > 0, length, np.median(said) if len(said) else 0.04)


def usual_lengths(length: Float64[np.ndarray, " packets"]) -> Float64[np.ndarray, " packets"]:
    """Each packet's length, the usual one in place of one that spans a leap."""
    return np.where(length > LEAP_S, np.median(_lengths(length)), _lengths(length))


def _leap(dts: Float64[np.ndarray, " packets"], first: int) -> float:
    before = dts[:first][~np.isnan(dts[:first])]
    return float(dts[first] - before[-1]) if len(before) else 0.0


def _other_jump(clock: StreamClock, order: int, leap_s: float) -> int:
    """The packet of another stream that begins the stretch: where its own clock makes a like jump
    near the picture's, or the first one behind it.
    """
    behind = int(np.searchsorted(clock.order, order))
    low, high = max(1, behind - _NEAR), min(len(clock.order), behind + _NEAR)
    steps = np.diff(np.array(clock.dts[low - 1 : high]))
    like = np.flatnonzero(np.abs(steps - leap_s) < 0.5 + abs(leap_s) / 2)
    if abs(leap_s) < 0.1 or len(like) == 0:
        return behind
    return int(low + like[np.argmin(np.abs(like + low - behind))])
