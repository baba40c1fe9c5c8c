"""The plan that all parts play from: form, energy, accents; and how a pattern becomes one character
for each step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float64

from vmt import chords
from vmt.arrange.form import INTRO, REST, Form, Phrase, Span
from vmt.arrange.grid import STEPS_PER_BAR, STEPS_PER_BEAT, Grid

HALF_BAR = STEPS_PER_BAR // 2
FULL_DENSITY = 22.0  # notes a second; 19 in 20 seconds of MuVi-Sync's songs have fewer
RELATIVE_SHARE = 0.75
# Notes between a piece's sparsest and busiest seconds from which their difference counts in full.
CLEAR_SPREAD = 2.0
CLEAR_SWING_DB = 2.0
HYSTERESIS = 0.05


@dataclass(frozen=True)
class Event:
    """A note on the grid: from `step` up to `end`, its velocity a share of the track's, begun
    `late_s` after the step."""

    step: int
    end: int
    pitch: int
    weight: float
    late_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What all parts share.

    Attributes:
        busyness: for each half bar, how many notes are wanted, 0 to 1.
        energy: for each phrase, density and loudness together, 0 to 1.
        accents: steps that coincide with a hard cut, with their strength, 0 to 1.
    """

    grid: Grid
    form: Form
    key: chords.Key
    busyness: Float64[np.ndarray, " halves"]
    energy: Float64[np.ndarray, " phrases"]
    accents: Mapping[int, float]

    @property
    def half_middles_s(self) -> Float64[np.ndarray, " halves"]:
        """The middle of each half bar, in seconds."""
        return half_middles(self.grid, self.form)

    @cached_property
    def span_at(self) -> list[Span]:
        """The span of each step."""
        return [span for span in self.form.spans for _ in range(span.end - span.start)]

    @cached_property
    def phrase_at(self) -> list[int]:
        """The phrase of each step, -1 in a rest."""
        found = [-1] * self.form.steps
        for i, phrase in enumerate(self.form.phrases):
            found[phrase.start : phrase.end] = [i] * (phrase.end - phrase.start)
        return found

    @cached_property
    def sounding(self) -> list[Span]:
        """The spans that are not rests."""
        return [span for span in self.form.spans if span.label != REST]

    def phrase(self, step: int) -> Phrase | None:
        """The phrase that a step is in, or None in a rest."""
        index = self.phrase_at[step]
        return None if index < 0 else self.form.phrases[index]


def make_plan(
    grid: Grid,
    form: Form,
    key: chords.Key,
    note_density: Float[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    cuts_s: Sequence[float],
    accents: float,
) -> Plan:
    """Read the curves at the places of the form."""
    density, level = wanted_density(note_density), wanted_loudness(loudness)
    middles = half_middles(grid, form)
    both = 0.6 * density + 0.4 * level
    energy = np.array([_mean(both, grid, phrase) for phrase in form.phrases], dtype=np.float64)
    return Plan(
        grid,
        form,
        key,
        at_times(density, middles),
        energy,
        accent_steps(grid, form, cuts_s, accents),
    )


def half_middles(grid: Grid, form: Form) -> Float64[np.ndarray, " halves"]:
    """The middle of each half bar, in seconds."""
    return np.asarray(
        (np.arange(-(-form.steps // HALF_BAR)) + 0.5) * HALF_BAR * grid.step_s, dtype=np.float64
    )


def wanted_density(note_density: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """How busy each second is to be, 0 to 1.

    Part of it is absolute, most of it the second's place between the sparsest and the busiest of
    its piece: predicted curves are often right about more and less, and too flat.
    """
    values = _smooth(note_density)
    low, high = np.percentile(values, [5, 95])
    absolute = np.clip(values / FULL_DENSITY, 0, 1)
    if high - low < 0.5:
        return absolute
    relative = np.clip((values - low) / (high - low), 0, 1)
    share = RELATIVE_SHARE * min(1.0, (high - low) / CLEAR_SPREAD)
    mixed: Float64[np.ndarray, " time"] = (1 - share) * absolute + share * relative
    return mixed


def wanted_loudness(loudness: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """How loud each second is to be against the loudest: amplitude, 0.05 to 1; 1 where nothing is
    known.

    Small swings are drawn out, for predicted curves are too flat, and large ones hardly.
    """
    values = _smooth(loudness)
    loudest = np.percentile(values, 95)
    if loudest < 1e-3:
        return np.ones_like(values)
    level = np.log10(np.clip(values / loudest, 0.05, None))
    drawn = 1 + 2 / (1 + 20 * level.std() / CLEAR_SWING_DB)
    return np.asarray(np.clip(10 ** (drawn * level), 0.05, 1), dtype=np.float64)


def _smooth(values: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    padded = np.pad(np.maximum(values.astype(np.float64), 0), 1, mode="edge")
    return np.asarray(np.convolve(padded, [0.25, 0.5, 0.25], mode="valid"), dtype=np.float64)


def at_times(
    curve: Float64[np.ndarray, " time"], times_s: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """A curve of seconds, each value standing for the middle of its second, at other times."""
    return np.asarray(np.interp(times_s, np.arange(len(curve)) + 0.5, curve), dtype=np.float64)


def _mean(curve: Float64[np.ndarray, " time"], grid: Grid, phrase: Phrase) -> float:
    start, end = int(grid.seconds(phrase.start)), int(np.ceil(grid.seconds(phrase.end)))
    return float(curve[min(start, len(curve) - 1) : max(end, start + 1)].mean())


def accent_steps(
    grid: Grid, form: Form, cuts_s: Sequence[float], strength: float
) -> dict[int, float]:
    """Steps to accent: for each cut the nearest beat, or eighth, or sixteenth, whichever first
    comes within 80 ms.

    An accent less than two beats after another is half as strong.
    """
    found: dict[int, float] = {}
    if strength <= 0 or form.final is None:
        return found
    last = -STEPS_PER_BAR
    for cut_s in cuts_s:
        nearest = [unit * round(cut_s / (unit * grid.step_s)) for unit in (STEPS_PER_BEAT, 2, 1)]
        close = [step for step in nearest if abs(grid.seconds(step) - cut_s) <= 0.08]
        step = (close or nearest[-1:])[0]
        if step < form.final and form.phrases and _sounds(form, step):
            found[step] = strength * (0.5 if step - last < 2 * STEPS_PER_BEAT else 1.0)
            last = step
    return found


def _sounds(form: Form, step: int) -> bool:
    starts = [span.start for span in form.spans]
    return form.spans[int(np.searchsorted(starts, step, side="right")) - 1].label != REST


def phrases_played(plan: Plan, enters: float, intro: bool) -> list[bool]:
    """For each phrase, whether its energy calls for a part; one that plays stays on a little below
    its threshold.
    """
    played: list[bool] = []
    for phrase, energy in zip(plan.form.phrases, plan.energy, strict=True):
        margin = HYSTERESIS if played and played[-1] else 0.0
        played.append((intro or phrase.section != INTRO) and bool(energy >= enters - margin))
    return played


def stress(plan: Plan, step: int) -> float:
    """How heavy a note on this step is: by its place in the bar, and by an accent."""
    if step % STEPS_PER_BAR == 0:
        metre = 1.06
    elif step % STEPS_PER_BEAT == 0:
        metre = 1.0
    else:
        metre = 0.95 if step % 2 == 0 else 0.88
    return metre * (1 + 0.4 * plan.accents.get(step, 0.0))


def scale_of(key: chords.Key) -> set[int]:
    """Pitch classes of a key's scale, the natural minor for a minor key."""
    steps = (0, 2, 3, 5, 7, 8, 10) if key.minor else (0, 2, 4, 5, 7, 9, 11)
    return {(key.tonic + step) % 12 for step in steps}


def cells(
    levels: Sequence[Sequence[str]],
    plan: Plan,
    plays: Sequence[bool],
    *,
    stroke: str,
    forced: str = "-",
    accented: bool = False,
) -> list[str]:
    """One pattern character for each step of the piece.

    Patterns start with the chord, wherever in the bar that is. Each half bar takes the level that
    its busyness asks for, each phrase one of the level's variants. Where a chord changes, a
    character of `forced` gives way to `stroke`; rests and phrases that the track does not play are
    `.`; the last stroke goes on to the end.

    Args:
        levels: from sparse to busy, each with its variants.
        plays: for each phrase, whether the track plays it.
        stroke: what marks a plain stroke.
        forced: characters that may not stand where a chord changes.
        accented: whether the track marks accents.
    """
    found = ["."] * plan.form.steps
    for step in range(plan.form.steps):
        index = plan.phrase_at[step]
        if index < 0 or not plays[index]:
            continue
        busyness = plan.busyness[step // HALF_BAR]
        variants = levels[min(int(busyness * len(levels)), len(levels) - 1)]
        pattern = variants[plan.form.phrases[index].turn % len(variants)]
        found[step] = pattern[(step - plan.span_at[step].start) % STEPS_PER_BAR]
    entered = False
    for step, span in enumerate(plan.span_at):
        index = plan.phrase_at[step]
        begins = step == span.start or not entered
        entered = index >= 0 and plays[index]
        if entered and begins and found[step] in forced:
            found[step] = stroke
    for step, strength in plan.accents.items() if accented else ():
        if plays[plan.phrase_at[step]] and (found[step] == "-" or strength > 0.5):
            found[step] = stroke
    final = plan.form.final
    if final is not None and plays[plan.phrase_at[final]]:
        end = plan.span_at[final].end
        found[final:end] = [stroke] + ["-"] * (end - final - 1)
    return found


def ends(found: Sequence[str], plan: Plan) -> list[int]:
    """For each step, where a note that starts there stops: at the next character that is not `-`,
    or with the chord.
    """
    stop = [0] * len(found)
    after = len(found)
    for step in range(len(found) - 1, -1, -1):
        end = plan.span_at[step].end
        stop[step] = min(after, end)
        if found[step] != "-":
            after = step
    return stop
