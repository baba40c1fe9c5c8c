"""Musical time: metres, bars, and the tempo map that joins them to the film's clock.

Conventions: a step is a sixteenth note, four to a quarter note in every metre. Step 0 is the
film's first moment. A bar may be shorter than the metre says: a pickup at the start, or half a bar
before a section that stands on a point of the film. Tempi are quarter notes a minute.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vmt.errors import GenerationError

STEPS_PER_BEAT = 4
STEPS_PER_BAR = 16
TEMPO_RANGE_BPM = (40.0, 240.0)
MICROSECONDS = 60_000_000


@dataclass(frozen=True)
class Metre:
    """A time signature: 4/4, 3/4 or 6/8.

    Attributes:
        steps: sixteenths in a bar.
        beat: sixteenths in a felt beat: a quarter, or a dotted quarter in 6/8.
        half: sixteenths in the shortest place where harmony may change: half a bar, or a whole one
            in 3/4.
    """

    numerator: int
    denominator: int
    steps: int
    beat: int
    half: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    def weight(self, place: int) -> int:
        """How strong a place of the bar is: 3 the downbeat, 2 half a bar, 1 a beat, 0 the rest."""
        if place % self.steps == 0:
            return 3
        if place % self.half == 0:
            return 2
        return 1 if place % self.beat == 0 else 0


METRES = {
    "4/4": Metre(4, 4, 16, 4, 8),
    "3/4": Metre(3, 4, 12, 4, 12),
    "6/8": Metre(6, 8, 12, 6, 6),
}


def parse_metre(text: str) -> Metre:
    """The metre of that name.

    Raises:
        GenerationError: if it is none of `METRES`.
    """
    if text not in METRES:
        raise GenerationError(f"metre {text!r} is unknown; choose one of {', '.join(METRES)}")
    return METRES[text]


@dataclass(frozen=True)
class Anchor:
    """A step with its exact time in seconds."""

    step: int
    time_s: float


@dataclass(frozen=True)
class Grid:
    """Bars, and the time of each step.

    Between anchors the tempo is constant. Every tempo is a whole number of microseconds a quarter
    note, as MIDI wants it, so the times of `anchors` are those that a MIDI file says.

    Attributes:
        metre: of all bars but shortened ones.
        bars: the step where each bar starts, and at the end the step where the last one ends.
        anchors: rising, the first at step 0 and 0 s; the last tempo goes on after the last anchor.
        swing: where the second of two `swing_unit`s falls, as a share of both: 0.5 is straight,
            0.66 a triplet.
        swing_unit: steps: 1 swings sixteenths, 2 eighths.
    """

    metre: Metre
    bars: tuple[int, ...]
    anchors: tuple[Anchor, ...]
    swing: float = 0.5
    swing_unit: int = 1

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return self.bars[-1]

    @cached_property
    def tempi(self) -> tuple[tuple[int, int], ...]:
        """Step and microseconds a quarter note of each tempo."""
        return tuple(
            (one.step, _microseconds(one, after))
            for one, after in zip(self.anchors, self.anchors[1:], strict=False)
        )

    @cached_property
    def _anchor_steps(self) -> list[int]:
        return [anchor.step for anchor in self.anchors]

    @cached_property
    def tempo_bpm(self) -> float:
        """Mean tempo from the first to the last anchor."""
        quarters = self.anchors[-1].step / STEPS_PER_BEAT
        return 60 * quarters / self.anchors[-1].time_s

    def seconds(self, step: int | float) -> float:
        """Where a step falls, swing included."""
        return self.straight(self._swung(step))

    @cached_property
    def times(self) -> list[float]:
        """`seconds` of every step, the grid's end included."""
        return [self.seconds(step) for step in range(self.steps + 1)]

    def straight(self, step: int | float) -> float:
        """Where a step falls without swing."""
        index = bisect.bisect_right(self._anchor_steps, step) - 1
        index = min(max(index, 0), len(self.anchors) - 2)
        start, microseconds = self.tempi[index]
        return self.anchors[index].time_s + (step - start) / STEPS_PER_BEAT * microseconds / 1e6

    def _swung(self, step: int | float) -> int | float:
        if self.swing == 0.5:
            return step
        pair = 2 * self.swing_unit
        start = step // pair * pair
        inside = (step - start) / pair
        moved = (
            inside * 2 * self.swing
            if inside < 0.5
            else self.swing + (inside - 0.5) * 2 * (1 - self.swing)
        )
        return start + pair * moved

    def step_at(self, time_s: float) -> float:
        """The step, with its fraction, that a time falls on; swing is left out."""
        times = self._anchor_times
        index = min(max(bisect.bisect_right(times, time_s) - 1, 0), len(self.anchors) - 2)
        start, microseconds = self.tempi[index]
        return start + (time_s - times[index]) * 1e6 / microseconds * STEPS_PER_BEAT

    @cached_property
    def _anchor_times(self) -> list[float]:
        return [anchor.time_s for anchor in self.anchors]

    def bar_of(self, step: int) -> int:
        """The index of the bar that a step is in."""
        return min(max(bisect.bisect_right(self.bars, step) - 1, 0), len(self.bars) - 2)

    def place(self, step: int) -> int:
        """The place of a step in its bar, in steps; a pickup counts from the end of a whole bar."""
        return self.places[min(step, self.steps - 1)]

    @cached_property
    def places(self) -> list[int]:
        """`place` of every step."""
        places: list[int] = []
        for bar, (start, end) in enumerate(zip(self.bars, self.bars[1:], strict=False)):
            first = (
                self.metre.steps - (end - start)
                if bar == 0 and end - start < self.metre.steps
                else 0
            )
            places += range(first, first + end - start)
        return places

    @cached_property
    def weights(self) -> list[int]:
        """How strong each step is: 3 a downbeat, 2 half a bar, 1 a beat, 0 the rest."""
        by_place = [self.metre.weight(place) for place in range(self.metre.steps)]
        return [by_place[place % self.metre.steps] for place in self.places]

    @property
    def has_pickup(self) -> bool:
        """Whether the first bar is a pickup."""
        return len(self.bars) > 2 and self.bars[1] - self.bars[0] < self.metre.steps

    def units(self, last: int) -> list[tuple[int, int]]:
        """Start and end of each half bar (each bar in 3/4) up to the step `last`."""
        found = []
        for start, end in zip(self.bars, self.bars[1:], strict=False):
            if start >= last:
                break
            half = self.metre.half
            whole = end - start == self.metre.steps
            places = range(start, end, half) if whole else (start,)
            found += [(place, min(place + half, end) if whole else end) for place in places]
        return [(start, min(end, last)) for start, end in found if start < last]


def steady_grid(
    tempo_bpm: float,
    bars: int,
    metre: Metre = METRES["4/4"],
    swing: float = 0.5,
    swing_unit: int = 1,
) -> Grid:
    """A grid of whole bars at one tempo.

    Args:
        tempo_bpm: quarter notes a minute.
        bars: how many.
        metre: of all of them.
        swing: see `Grid`.
        swing_unit: see `Grid`.
    """
    starts = tuple(range(0, (bars + 1) * metre.steps, metre.steps))
    return Grid(
        metre, starts, exact_anchors([(0, 0.0), (starts[-1], seconds_of(tempo_bpm, starts[-1]))]),
        swing, swing_unit,
    )  # fmt: skip


def seconds_of(tempo_bpm: float, steps: int | float) -> float:
    """How long so many steps last."""
    return steps / STEPS_PER_BEAT * 60 / tempo_bpm


def exact_anchors(points: Sequence[tuple[int, float]]) -> tuple[Anchor, ...]:
    """Anchors whose tempi are whole microseconds; each time moves by less than a tenth of a
    millisecond, and the errors do not add up.

    Args:
        points: steps and times, both rising, at least two.
    """
    anchors = [Anchor(points[0][0], points[0][1])]
    for step, time_s in points[1:]:
        before = anchors[-1]
        microseconds = round((time_s - before.time_s) * 1e6 * STEPS_PER_BEAT / (step - before.step))
        length_s = microseconds / 1e6 * (step - before.step) / STEPS_PER_BEAT
        anchors.append(Anchor(step, before.time_s + length_s))
    return tuple(anchors)


def _microseconds(one: Anchor, after: Anchor) -> int:
    quarters = (after.step - one.step) / STEPS_PER_BEAT
    return round((after.time_s - one.time_s) * 1e6 / quarters)


def exact_tempo(tempo_bpm: float) -> float:
    """The nearest tempo that a MIDI file can say: a whole number of microseconds for each beat."""
    return MICROSECONDS / round(MICROSECONDS / tempo_bpm)
