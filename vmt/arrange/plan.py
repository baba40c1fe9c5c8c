"""The plan that all parts play from: energy, busyness, loudness and accents of a form.

Density and loudness choose patterns, players and registers by the half phrase; no single note is
added or taken away to follow a curve.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float64

from vmt import chords
from vmt.arrange.chart import Span
from vmt.arrange.form import (
    BREAKDOWN,
    BUILD,
    CLIMAX,
    INTRO,
    OUTRO,
    EnergyOf,
    Form,
    Phrase,
    Section,
)
from vmt.arrange.grid import Grid
from vmt.arrange.spotting import Point, Spotted

FULL_DENSITY = 24.0  # notes a second: 19 in 20 of MuVi-Sync's seconds have fewer
KNEE_DENSITY = 8.0  # under it the scale is nearly linear, so that sparse and sparser differ too
AROUSAL = {
    "exciting": 1.0,
    "fearful": 0.35,
    "tense": 0.55,
    "sad": -0.8,
    "relaxing": -0.7,
    "neutral": 0.0,
}
"""How much each emotion drives the music, -1 to 1 (Russell's circumplex, vertical axis)."""

SECTION_DB = {INTRO: -5.0, BUILD: -1.0, CLIMAX: 3.0, BREAKDOWN: -5.0, OUTRO: -5.0}
RANGE_DB = 9.0  # between phrases without energy and with all of it
QUIETEST_DB = -18.0
CUT_SHIFT_S = 0.015  # a cut that lies further off the sixteenths gets no onset of its own
STRONG_SHIFT_S = 0.045  # nor does a strong one that lies further off
HIT_SHIFT_S = 0.12  # what a person asks for is met wherever it lies


@dataclass(frozen=True)
class Event:
    """A note on the grid.

    Attributes:
        step: where it starts.
        end: the step where it ends.
        pitch: MIDI number.
        weight: velocity, as a share of the track's.
        late_s: how much later than its step it starts.
        exact: whether the groove leaves it alone.
    """

    step: int
    end: int
    pitch: int
    weight: float
    late_s: float = 0.0
    exact: bool = False


@dataclass(frozen=True)
class Accent:
    """A point of the film that the music marks.

    Attributes:
        shift_s: how much later than the step the point is; all that starts there moves by it.
        strength: 0 to 1.
    """

    point: Point
    step: int
    shift_s: float
    strength: float


@dataclass(frozen=True)
class Plan:
    """What all parts share.

    Attributes:
        busyness: for each phrase, of its first and second half, 0 to 1.
        drive: for each phrase, what decides who plays, 0 to 1.
        accents: by step.
        stops: stretches, in seconds, in which a person asked for silence.
        depth: how far the dynamics go: 0 flat, 1 as the sections ask.
        level_db: wanted in each second, in dB under the loudest one.
        points: of the film, whether they are met or not.
    """

    grid: Grid
    form: Form
    key: chords.Key
    busyness: tuple[tuple[float, float], ...]
    drive: tuple[float, ...]
    accents: Mapping[int, Accent]
    stops: tuple[tuple[float, float], ...]
    depth: float
    level_db: Float64[np.ndarray, " time"]
    points: tuple[Point, ...]

    @cached_property
    def span_at(self) -> list[Span]:
        """The chord of each step."""
        return [span for span in self.form.spans for _ in range(span.end - span.start)]

    @cached_property
    def phrase_at(self) -> list[int]:
        """The phrase of each step: a pickup belongs to the first, the last chord to the last."""
        found = [0] * self.grid.steps
        for index, phrase in enumerate(self.form.phrases):
            found[phrase.start :] = [index] * (self.grid.steps - phrase.start)
        return found

    @cached_property
    def halves(self) -> list[tuple[int, int, int]]:
        """Start, end and phrase of each half phrase, a pickup with the first one."""
        found = []
        for index, phrase in enumerate(self.form.phrases):
            middle = (phrase.start + phrase.end + 1) // 2
            found += [(phrase.start if index else 0, middle, index), (middle, phrase.end, index)]
        return found

    def phrase(self, step: int) -> Phrase:
        """The phrase that a step is in."""
        return self.form.phrases[self.phrase_at[step]]

    def section_of(self, phrase: Phrase) -> Section:
        """The section that a phrase is in."""
        return self.form.sections[phrase.section]

    def busyness_at(self, step: int) -> float:
        """How busy patterns are at a step, 0 to 1."""
        index = self.phrase_at[step]
        phrase = self.form.phrases[index]
        return self.busyness[index][int(2 * (step - phrase.start) >= phrase.end - phrase.start)]

    @cached_property
    def section_starts(self) -> frozenset[int]:
        """Steps where sections start."""
        return frozenset(section.start for section in self.form.sections)


def arousal(emotion: Float[np.ndarray, "time 6"] | None) -> float:
    """How much a picture's emotions drive the music, -1 to 1; 0 where none is known."""
    if emotion is None or not len(emotion):
        return 0.0
    weights = np.array([AROUSAL[name] for name in chords.EMOTIONS])
    return float((emotion.mean(axis=0) * weights).sum())


def busyness_curve(note_density: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """How busy each second is to be, 0 to 1.

    The mean counts as it is, on a scale that is linear at first and of octaves then; the
    differences between seconds are drawn out, because predicted curves are right about more and
    less, and too flat.
    """
    values = smooth(note_density)
    mean = max(float(values.mean()), 0.1)
    middle = np.log1p(mean / KNEE_DENSITY) / np.log1p(FULL_DENSITY / KNEE_DENSITY)
    return np.asarray(np.clip(middle + 0.22 * _standard(values, 0.08 * mean), 0, 1))


def _standard(values: Float64[np.ndarray, " time"], least: float) -> Float64[np.ndarray, " time"]:
    """Distances from the mean in deviations, at most 1.5; smaller where a curve is almost flat."""
    spread = max(float(values.std()), least, 1e-9)
    return np.asarray(np.clip((values - values.mean()) / spread, -1.5, 1.5), dtype=np.float64)


def energy_curve(
    busyness: Float64[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    motion: Float[np.ndarray, " time"] | None,
    emotion: Float[np.ndarray, "time 6"] | None,
) -> Float64[np.ndarray, " time"]:
    """Energy that each second asks for, 0 to 1: notes, loudness, motion and mood together, on an
    arch that rises to three quarters of the film.
    """
    level = _standard(np.log(np.maximum(smooth(loudness), 1e-3)), 0.05)
    moving = (
        _standard(np.log(np.maximum(smooth(motion), 0.3)), 0.3)
        if motion is not None and len(motion) == len(busyness)
        else np.zeros_like(busyness)
    )
    mood = np.zeros_like(busyness)
    if emotion is not None and len(emotion) == len(busyness):
        mood = emotion @ np.array([AROUSAL[name] for name in chords.EMOTIONS])
    share = (np.arange(len(busyness)) + 0.5) / len(busyness)
    arch = np.interp(share, [0, 0.25, 0.72, 0.88, 1], [-0.18, -0.02, 0.16, 0.12, -0.1])
    arch = arch if len(busyness) >= 12 else 0 * arch
    energy = 0.25 + 0.45 * busyness + 0.10 * level + 0.06 * moving + 0.25 * mood + arch
    return np.asarray(np.clip(energy, 0, 1), dtype=np.float64)


def make_plan(
    spotted: Spotted,
    form: Form,
    key: chords.Key,
    *,
    busyness: Float64[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    emotion: Float[np.ndarray, "time 6"] | None,
    accents: float,
    dynamics: float = 1.0,
) -> Plan:
    """Read the curves at the places of a form.

    Args:
        spotted: the grid, with the points on it.
        form: sections and phrases.
        key: of the piece.
        busyness: of `busyness_curve`.
        loudness: RMS wanted in each second; how far it swings decides how far the dynamics go.
        emotion: shares of the six emotions in each second.
        accents: how strongly cuts are marked, 0 to 1.
        dynamics: of the style, a factor on the swings of level.
    """
    grid = spotted.grid
    lift = 0.12 * arousal(emotion)
    halves, drive = [], []
    for phrase in form.phrases:
        middle = (phrase.start + phrase.end) / 2
        bounds = [grid.straight(step) for step in (phrase.start, middle, phrase.end)]
        extra = lift + {BUILD: 0.04, CLIMAX: 0.1, INTRO: -0.12, OUTRO: -0.1, BREAKDOWN: -0.15}.get(
            form.sections[phrase.section].kind, 0.0
        )
        first, second = (
            float(np.clip(mean_between(busyness, start, end) + extra, 0, 1))
            for start, end in itertools.pairwise(bounds)
        )
        halves.append((first, second))
        drive.append(_drive(form, phrase, (first + second) / 2))
    depth = dynamics * _depth(loudness)
    level_db = _levels(form, grid, loudness, depth)
    marks = _accents(spotted, accents)
    return Plan(
        grid, form, key, tuple(halves), tuple(drive), marks, _stops(spotted), depth, level_db,
        tuple(point for point, _, _ in spotted.placed),
    )  # fmt: skip


def _drive(form: Form, phrase: Phrase, busyness: float) -> float:
    """What decides who plays in a phrase."""
    section = form.sections[phrase.section]
    extra = {INTRO: -0.2, BREAKDOWN: -0.25, OUTRO: -0.2, CLIMAX: 0.25}.get(section.kind, 0.0)
    if section.kind == BUILD:
        extra = -0.05 + 0.1 * phrase.number
    elif section.kind == INTRO:
        extra += 0.12 * phrase.number
    if len(form.sections) < 3:
        extra += 0.1
    return float(np.clip(0.65 * phrase.energy + 0.35 * busyness + extra, 0, 1))


def _depth(loudness: Float[np.ndarray, " time"]) -> float:
    """How far the dynamics go: nowhere under a flat curve, as the sections ask under one that
    swings by half a decibel, further under wilder ones.
    """
    values = smooth(loudness)
    if values.max(initial=0.0) < 1e-4:
        return 1.0  # nothing is known
    swing_db = float(np.std(20 * np.log10(np.maximum(values, values.max() / 100))))
    return 1.5 * swing_db / (swing_db + 0.5)


def _levels(
    form: Form, grid: Grid, loudness: Float[np.ndarray, " time"], depth: float
) -> Float64[np.ndarray, " time"]:
    """Level wanted in each second, in dB under the loudest phrase."""
    knots: list[tuple[float, float]] = []
    for index, phrase in enumerate(form.phrases):
        section = form.sections[phrase.section]
        level = SECTION_DB.get(section.kind, 0.0) - RANGE_DB * (1 - phrase.energy)
        start_s, end_s = grid.straight(phrase.start), grid.straight(phrase.end)
        rise = 1.0  # every phrase grows a little towards its third quarter
        if section.kind == BUILD:
            level, rise = level + 1.5 * phrase.number, 2.5
        if index + 1 == len(form.phrases):
            rise = 0.0
        knots += [
            (start_s + 0.02, level),
            (start_s + 0.7 * (end_s - start_s), level + rise),
            (end_s - 0.02, level + (rise if section.kind == BUILD else 0.2)),
        ]
    if not knots:
        return np.zeros(len(loudness))
    final_s = grid.straight(form.final)
    knots.append((final_s, max(knots[-1][1], knots[0][1] - 1)))
    times, levels = (np.array(column) for column in zip(*knots, strict=True))
    seconds = np.arange(len(loudness)) + 0.5
    curve = np.interp(seconds, times, levels)
    detail = _standard(np.log(np.maximum(smooth(loudness), 1e-3)), 0.05)
    curve = depth * (curve + 2.0 * detail)
    return np.asarray(np.clip(curve - curve.max(), QUIETEST_DB, 0), dtype=np.float64)


def _accents(spotted: Spotted, accents: float) -> dict[int, Accent]:
    found: dict[int, Accent] = {}
    for point, step, off_s in spotted.placed:
        if point.kind in ("mood", "stop"):
            continue
        reach_s = CUT_SHIFT_S
        if point.strong:
            reach_s = HIT_SHIFT_S if point.asked else STRONG_SHIFT_S
        strength = 1.0 if point.asked else accents * (1.0 if point.strong else 0.5)
        if abs(off_s) > reach_s or strength <= 0 or (step > spotted.final and not point.asked):
            continue
        accent = Accent(point, step, off_s, min(strength, 1.0))
        before = found.get(step)
        if before is None or before.point.weight < point.weight:
            found[step] = accent
    return found


def _stops(spotted: Spotted) -> tuple[tuple[float, float], ...]:
    """From each stop that was asked for to the next downbeat at least half a bar later, or to the
    next point asked for.
    """
    grid = spotted.grid
    asked = [point for point, _, _ in spotted.placed if point.asked]
    found = []
    for point in asked:
        if point.kind != "stop":
            continue
        least = grid.step_at(point.time_s) + grid.metre.steps / 2
        bars = [grid.straight(bar) for bar in grid.bars if bar >= least]
        following = [
            other.time_s for other in asked if other.time_s > point.time_s and other.kind != "stop"
        ]
        found.append((point.time_s, min([*bars[:1], *following[:1], grid.straight(grid.steps)])))
    return tuple(found)


def smooth(values: Float[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """A curve without its single spikes, 0 or more."""
    padded = np.pad(np.maximum(np.asarray(values, dtype=np.float64), 0), 1, mode="edge")
    return np.asarray(np.convolve(padded, [0.25, 0.5, 0.25], mode="valid"), dtype=np.float64)


def at_times(
    curve: Float64[np.ndarray, " time"], times_s: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """A curve of seconds, each value standing for the middle of its second, at other times."""
    return np.asarray(np.interp(times_s, np.arange(len(curve)) + 0.5, curve), dtype=np.float64)


def mean_between(curve: Float64[np.ndarray, " time"], start_s: float, end_s: float) -> float:
    """Mean of a curve of seconds between two times."""
    first = min(int(start_s), len(curve) - 1)
    return float(curve[first : max(int(np.ceil(end_s)), first + 1)].mean())


def energy_reader(curve: Float64[np.ndarray, " time"]) -> EnergyOf:
    """A curve of seconds as a function of two times."""
    return lambda start_s, end_s: mean_between(curve, start_s, end_s)


def scale_of(key: chords.Key) -> set[int]:
    """Pitch classes of a key's scale, the natural minor for a minor key."""
    steps = (0, 2, 3, 5, 7, 8, 10) if key.minor else (0, 2, 4, 5, 7, 9, 11)
    return {(key.tonic + step) % 12 for step in steps}


def local_scale(key: chords.Key, tones: Sequence[int]) -> set[int]:
    """The key's scale with the tones of a chord in place of the degrees that they alter."""
    scale = scale_of(key)
    for tone in tones:
        if tone not in scale:
            scale -= {(tone + 1) % 12, (tone - 1) % 12} - set(tones)
            scale.add(tone)
    return scale
