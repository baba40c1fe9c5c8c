"""Following the density curve: an arrangement's notes counted second by second, and mended where
they miss the curve.

A pattern decides how busy half a bar is; what a chord that changes, a part that enters and notes
that ring bring along is counted only when it is played. So a piece is played, counted, and played
again with other patterns; then single notes go where too many sound, and come where too few do.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64

from vmt.arrange.grid import STEPS_PER_BAR, STEPS_PER_BEAT
from vmt.arrange.midi import GAP_S
from vmt.arrange.plan import Event, Plan, at_times
from vmt.arrange.styles import Kit, Track
from vmt.features.curves import note_density as note_density_of

Part = tuple[Track | Kit, list[Event]]
Play = Callable[[Plan], list[Part]]

ROUNDS = 4
CORRECTION = 0.08  # of the busyness, for a second that is one deviation off
FLAT_DENSITY = 0.1  # notes; a curve that deviates less says nothing
SPREAD = (
    2.5  # notes by which the seconds are to deviate at least: single notes must not drown the curve
)
MOST_SPREAD = 0.35  # of the mean: there are only so many notes to leave out
PASSES = 3
WORTH = 0.55  # notes that the seconds of a note must be off in the mean, for it to go or to come


def follow(
    plan: Plan, play: Play, note_density: Float[np.ndarray, " time"]
) -> tuple[Plan, list[Part]]:
    """The parts of a plan, so that as many pitched notes sound in each second as a curve asks for,
    up to a scale.

    Args:
        plan: its busyness is a first guess.
        play: all parts of a plan.
        note_density: notes wanted in each second.

    Returns:
        The plan that came nearest, and its parts.
    """
    wanted = _standard(note_density)
    best, found = plan, play(plan)
    if plan.form.final is None or not wanted.any():
        return best, found
    likeness = -np.inf
    parts = found
    for number in range(ROUNDS):
        sounding = _standard(sounding_notes(parts, plan, len(note_density)))
        if (like := float(np.mean(wanted * sounding))) > likeness:
            likeness, best, found = like, plan, parts
        if number + 1 < ROUNDS:
            missing = at_times(wanted - sounding, plan.half_middles_s)
            plan = replace(plan, busyness=np.clip(plan.busyness + CORRECTION * missing, 0, 1))
            parts = play(plan)
    full = play(replace(best, busyness=np.ones_like(best.busyness)))
    return best, _Mending(best, found, wanted).mended(full)


def sounding_notes(parts: Sequence[Part], plan: Plan, seconds: int) -> Float[np.ndarray, " time"]:
    """How many pitched notes sound in each second."""
    spans = [
        _span(event, plan)
        for track, events in parts
        if isinstance(track, Track)
        for event in events
    ]
    return note_density_of(spans, seconds)


def single(events: Sequence[Event]) -> list[Event]:
    """Events of one track, in which no pitch sounds twice at once: a stroke ends the one before of
    the same pitch.
    """
    found: list[Event] = []
    place: dict[int, int] = {}
    for event in events:
        before = place.get(event.pitch)
        if before is not None and found[before].step == event.step:
            continue
        if before is not None and found[before].end > event.step:
            found[before] = replace(found[before], end=event.step)
        place[event.pitch] = len(found)
        found.append(event)
    return found


def _span(event: Event, plan: Plan) -> tuple[float, float]:
    start = plan.grid.seconds(event.step) + event.late_s
    return start, max(start + 0.03, min(plan.grid.seconds(event.end), plan.form.end_s) - GAP_S)


def _standard(curve: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """A curve with mean 0 and deviation 1; 0 where it is all but flat."""
    values = curve.astype(np.float64)
    spread = values.std()
    return np.asarray(
        (values - values.mean()) / spread if spread > FLAT_DENSITY else 0 * values, dtype=np.float64
    )


class _Mending:
    """Notes of the harmony taken out where too many sound, and put in where too few do.

    What makes the music stays: every tone of a chord where it begins, in one of the tracks at
    least; bass and lead; accents, the ending.
    """

    def __init__(self, plan: Plan, parts: list[Part], wanted: Float64[np.ndarray, " time"]) -> None:
        self.plan = plan
        self.parts = parts
        count = sounding_notes(parts, plan, len(wanted)).astype(np.float64)
        mean = count.mean()
        spread = max(float(np.mean(count * wanted)), min(SPREAD, MOST_SPREAD * mean))
        self.over: list[float] = (
            count - mean - spread * wanted
        ).tolist()  # notes too many in each second
        self.held = {*plan.accents, plan.form.final}
        self.struck: Counter[tuple[int, int]] = (
            Counter()
        )  # by step and pitch class, over the tracks that may change

    def mended(self, full: list[Part]) -> list[Part]:
        """The parts, mended with notes of a fuller version of the same."""
        notes = [{(each.step, each.pitch): each for each in events} for _, events in self.parts]
        free = [index for index, (track, _) in enumerate(self.parts) if self._free(track)]
        ranked = {index: sorted(full[index][1], key=self._rank) for index in free}
        for index in free:
            self.struck.update((step, pitch % 12) for step, pitch in notes[index])
        for _ in range(PASSES):
            for index in reversed(free):
                self._thin(notes[index])
            for index in free:
                self._fill(notes[index], ranked[index])
        return [
            (track, sorted(own.values(), key=lambda each: (each.step, each.late_s, each.pitch)))
            for (track, _), own in zip(self.parts, notes, strict=True)
        ]

    @staticmethod
    def _free(track: Track | Kit) -> bool:
        return isinstance(track, Track) and track.role in ("harmony", "pad")

    @staticmethod
    def _rank(event: Event) -> tuple[int, int, int]:
        """Strong places first."""
        step = event.step
        weight = 2 if step % 2 else 1 if step % STEPS_PER_BEAT else 0
        return weight, step, event.pitch

    def _seconds(self, event: Event) -> range:
        start, end = _span(event, self.plan)
        first = int(start)
        return range(first, min(max(math.ceil(end), first + 1), len(self.over)))

    def _change(self, event: Event, by: int) -> None:
        for second in self._seconds(event):
            self.over[second] += by

    def _off(self, event: Event) -> float:
        """Notes too many, in the mean over the seconds that a note touches."""
        seconds = self._seconds(event)
        return sum(self.over[second] for second in seconds) / max(1, len(seconds))

    def _thin(self, own: dict[tuple[int, int], Event]) -> None:
        for event in sorted(own.values(), key=self._rank, reverse=True):
            if self._off(event) > WORTH and not self._needed(event):
                del own[event.step, event.pitch]
                self.struck[event.step, event.pitch % 12] -= 1
                self._change(event, -1)

    def _needed(self, event: Event) -> bool:
        begins = event.step == self.plan.span_at[event.step].start
        return event.step in self.held or (
            begins and self.struck[event.step, event.pitch % 12] == 1
        )

    def _fill(self, own: dict[tuple[int, int], Event], more: Sequence[Event]) -> None:
        for event in more:
            if (event.step, event.pitch) in own or event.step in self.held:
                continue
            before = self._through(event, own)
            new = (
                replace(event, end=min(event.end, event.step + STEPS_PER_BEAT))
                if before is None
                else event
            )
            if before is not None:
                new = replace(event, end=before.end)
            second = min(int(_span(new, self.plan)[0]), len(self.over) - 1)
            if (-self.over[second] if before is not None else -self._off(new)) <= WORTH:
                continue
            if before is not None:
                self._change(before, -1)
                own[before.step, before.pitch] = replace(before, end=event.step)
                self._change(own[before.step, before.pitch], 1)
            own[event.step, event.pitch] = new
            self.struck[event.step, event.pitch % 12] += 1
            self._change(new, 1)

    def _through(self, event: Event, own: dict[tuple[int, int], Event]) -> Event | None:
        """The note of the same pitch that sounds when an event would begin."""
        for step in range(event.step - 1, max(-1, event.step - 4 * STEPS_PER_BAR), -1):
            if (before := own.get((step, event.pitch))) is not None:
                return before if before.end > event.step else None
        return None
