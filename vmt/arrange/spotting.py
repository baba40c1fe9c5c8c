"""Spotting: bars laid so that what happens in the film falls on them.

A film composer's order of work: mark the points that matter, then look for the tempo, the start and
the small changes of tempo under which bars, phrases and accents fall on these points.

Two searches, both exact (dynamic programming):

1. Sections. A path runs through the points that may start a section, from the film's start to the
   last stroke. An edge between two points holds a whole number of bars; it costs what its tempo
   differs from the piece's, an odd number of bars, a half bar. A point that the path leaves out
   costs its weight. The tempo of the piece is the one with the cheapest path.
2. Accents. Inside each section the other points are tied to eighths where that is possible within
   the same limits; a downbeat is better than a beat, and a beat better than an eighth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from vmt.arrange.grid import Grid, Metre, exact_anchors, seconds_of
from vmt.errors import GenerationError

HIT_KINDS = ("hit", "section", "stop")
FLEX = 0.04  # share of the tempo by which a stretch of the film may differ from the piece
ASKED_FLEX = 0.015  # where a person asked for the tempo
REACH = 0.18  # of the wished tempo, within which the tempo is looked for
ASKED_WEIGHT = 8.0
MOOD_S = 4  # seconds before and after a moment whose emotions are compared
MOOD_JUMP = 0.35  # share of the emotions that has to change
LONG_SCENE_S = 4.0  # a cut that ends such a scene is strong
SECTION_SCENE_S = 8.0  # and one that ends such a scene may start a section
SHORTEST_RING_S = 1.4  # of the last chord, where the piece has the room
LONGEST_SECTION_BARS = 64
EXACT_S = 0.008  # an onset this near to a point is on it


@dataclass(frozen=True)
class Point:
    """A moment of the film.

    Attributes:
        kind: cut, mood, or one of `HIT_KINDS`.
        weight: what it costs to miss it.
        strong: whether it is one of the film's strong cuts, or asked for.
        section: whether a section may start here.
    """

    time_s: float
    kind: str
    weight: float
    strong: bool = False
    section: bool = False

    @property
    def asked(self) -> bool:
        """Whether a person asked for it."""
        return self.kind in HIT_KINDS


@dataclass(frozen=True)
class Spotted:
    """The grid that was solved.

    Attributes:
        sections: steps where sections start, the first one included; none of them in the pickup.
        final: the step of the last stroke, a downbeat.
        placed: points with the step nearest to them and what they are off it, in seconds.
    """

    grid: Grid
    sections: tuple[int, ...]
    final: int
    placed: tuple[tuple[Point, int, float], ...]


@dataclass(frozen=True)
class _Edge:
    """Bars between two section points."""

    halves: int
    pickup: int  # steps, of the first section alone
    cost: float


def mood_jumps(emotion: Float[np.ndarray, "time 6"]) -> list[int]:
    """The seconds at which the emotions of the next four seconds differ most from those of the last
    four, where 35 % of their shares move or more; no two within four seconds.
    """
    if len(emotion) < 2 * MOOD_S:
        return []
    sums = np.concatenate([np.zeros((1, emotion.shape[1])), np.cumsum(emotion, axis=0)])
    means = (sums[MOOD_S:] - sums[:-MOOD_S]) / MOOD_S
    moved = np.abs(means[MOOD_S:] - means[:-MOOD_S]).sum(axis=1) / 2

    jumps: list[int] = []
    taken = np.zeros(len(moved) + 2 * MOOD_S + 1, dtype=bool)
    for index in np.argsort(-moved, kind="stable").tolist():
        if moved[index] < MOOD_JUMP:
            break
        second = index + MOOD_S
        if not taken[second]:
            jumps.append(second)
            taken[max(0, second - MOOD_S) : second + MOOD_S + 1] = True
    return sorted(jumps)


def film_points(
    cuts_s: Sequence[float],
    duration_s: float,
    *,
    emotion: Float[np.ndarray, "time 6"] | None = None,
    hits: Sequence[tuple[float, str]] = (),
    accents: float = 0.5,
) -> list[Point]:
    """The moments of a film that the music may mark, rising in time.

    A cut is strong where it ends a scene of four seconds or more, or where the mood jumps within
    half a second of it. A given hit replaces a cut within a tenth of a second.

    Args:
        cuts_s: hard cuts, rising.
        duration_s: of the film; points at its very start or end are left out.
        emotion: shares of the six emotions in each second.
        hits: times and kinds that a person gave.
        accents: 0 leaves the cuts out. Above it the bars lie in one way: how strongly a cut is
            marked changes no section.

    Raises:
        GenerationError: if a hit's kind is unknown or its time lies outside the film.
    """
    points = [_asked_point(time_s, kind, duration_s) for time_s, kind in hits]
    if accents > 0:
        jumps = [] if emotion is None else [float(second) for second in mood_jumps(emotion)]
        before = 0.0
        for cut_s in cuts_s:
            jump = min((abs(cut_s - second) for second in jumps), default=np.inf) <= 0.75
            points.append(_cut_point(float(cut_s), float(cut_s) - before, jump))
            before = float(cut_s)
        marked = [point.time_s for point in points]
        points += [
            Point(second, "mood", 0.8, section=True)
            for second in jumps
            if min((abs(second - time_s) for time_s in marked), default=np.inf) > 1.5
        ]
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.time_s, not point.asked)):
        if not 0.05 <= point.time_s < duration_s - 0.05:
            continue
        if kept and point.time_s - kept[-1].time_s < 0.1:
            if point.weight > kept[-1].weight:
                kept[-1] = point
            continue
        kept.append(point)
    return kept


def _asked_point(time_s: float, kind: str, duration_s: float) -> Point:
    if kind not in HIT_KINDS:
        raise GenerationError(
            f"hit at {time_s:g} s: kind {kind!r} is unknown; choose one of {', '.join(HIT_KINDS)}"
        )
    if not 0 <= time_s < duration_s:
        raise GenerationError(
            f"hit at {time_s:g} s: the film lasts {duration_s:g} s; give a time inside it"
        )
    weight = ASKED_WEIGHT * (2 if kind == "section" else 1)
    return Point(time_s, kind, weight, strong=True, section=kind == "section")


def _cut_point(cut_s: float, scene_s: float, jump: bool) -> Point:
    strong = scene_s >= LONG_SCENE_S or jump
    weight = 0.08 + 0.06 * min(scene_s, 8.0) + (0.6 if jump else 0.0)
    section = scene_s >= SECTION_SCENE_S or jump
    return Point(cut_s, "cut", (1.5 if section else 1.0) * weight, strong, section)


def spot(
    points: Sequence[Point],
    metre: Metre,
    duration_s: float,
    *,
    tempo_bpm: float,
    tempo_range: tuple[float, float],
    changes_s: Sequence[float] = (),
    fixed: bool = False,
    swing: float = 0.5,
    swing_unit: int = 1,
) -> Spotted:
    """Bars for a film.

    Args:
        points: of the film, rising.
        metre: of the style.
        duration_s: of the film.
        tempo_bpm: wished for, in quarter notes a minute.
        tempo_range: slowest and fastest tempo that suit the style.
        changes_s: times at which the model's chords change; a tempo whose half bars they fall on is
            preferred.
        fixed: whether a person asked for the tempo, which then is kept within 1.5 %.
        swing, swing_unit: see `Grid`.
    """
    flex = ASKED_FLEX if fixed else FLEX
    tempi = [tempo_bpm]
    if not fixed:
        low, high = tempo_range
        count = 41 if duration_s < 600 else 7
        tempi = sorted(
            {
                float(np.clip(round(tempo_bpm * (1 + REACH * share)), low, high))
                for share in np.linspace(-1, 1, count).tolist()
            }
        )
    solved = [_solve(points, metre, duration_s, tempo, flex) for tempo in tempi]
    wish = [abs(np.log(tempo / tempo_bpm)) / np.log(1 + REACH) for tempo in tempi]
    fits = [_chord_fit(tempo, metre, changes_s) for tempo in tempi]
    costs = [
        path.cost + 0.5 * off - 0.3 * fit for path, off, fit in zip(solved, wish, fits, strict=True)
    ]
    best = int(np.argmin(costs))
    return _laid(points, metre, solved[best], tempi[best], flex, swing, swing_unit, duration_s)


@dataclass(frozen=True)
class _Path:
    """Section points by index (-1 is the film's start) with the edges that lead on from them."""

    cost: float
    stops: tuple[tuple[float, _Edge], ...]  # start of each section and the bars that follow
    final_s: float


def _chord_fit(tempo_bpm: float, metre: Metre, changes_s: Sequence[float]) -> float:
    """How well chord changes fall on half bars, 0 to 1, wherever the first of them stands."""
    if len(changes_s) < 2:
        return 0.0
    half_s = seconds_of(tempo_bpm, metre.half)
    phases = np.asarray(changes_s, dtype=np.float64) / half_s
    turns = np.exp(2j * np.pi * phases)
    # Windows of 8 changes: a slow drift is followed by moving a chord, and costs little.
    size = min(8, len(turns))
    starts = range(0, len(turns) - size + 1, max(1, size // 2))
    return float(np.mean([abs(turns[start : start + size].mean()) for start in starts]))


def _bars_cost(halves: int) -> float:
    """What a section of so many half bars costs: whole phrases of four bars cost nothing."""
    bars, odd = divmod(halves, 2)
    cost = 1.1 if odd else 0.0
    if bars % 2:
        cost += 1.3
    elif bars % 4:
        cost += 0.06
    if bars < 2:
        cost += 2.5
    elif bars < 4:
        cost += 0.3
    return cost + 0.02 * max(0, bars - 16)


_BARS_COST = np.array([_bars_cost(halves) for halves in range(4 * LONGEST_SECTION_BARS)])


def _edge(
    length_s: float, half_s: float, flex: float, whole: bool, pickup_s: float = 0.0
) -> _Edge | None:
    """The cheapest number of half bars (an even one where bars stay whole) that fills a length, or
    None.
    """
    middle = (length_s - pickup_s) / half_s
    reach = flex * length_s / half_s
    halves = np.arange(max(1, math.ceil(middle - reach)), int(middle + reach) + 1)
    if not len(halves):
        return None
    stretch = length_s / (pickup_s + halves * half_s) - 1
    costs = 0.35 * (stretch / flex) ** 2 + _BARS_COST[np.minimum(halves, len(_BARS_COST) - 1)]
    costs[(np.abs(stretch) > flex) | (whole & (halves % 2 == 1))] = np.inf
    best = int(costs.argmin())
    return _Edge(int(halves[best]), 0, float(costs[best])) if np.isfinite(costs[best]) else None


def _first_edge(
    length_s: float, tempo_bpm: float, metre: Metre, flex: float, *, pickup: bool
) -> _Edge | None:
    """As `_edge`, for the film's start, where a pickup of some beats may come first."""
    half_s = seconds_of(tempo_bpm, metre.steps) / 2
    whole = metre.half == metre.steps
    best: _Edge | None = None
    for steps in range(0, metre.steps if pickup else 1, metre.beat):
        edge = _edge(length_s, half_s, flex, whole, seconds_of(tempo_bpm, steps))
        if edge is None:
            continue
        edge = _Edge(edge.halves, steps, edge.cost + (0.3 if steps else 0.0))
        if best is None or edge.cost < best.cost:
            best = edge
    return best


def _last_edge(length_s: float, bar_s: float, flex: float) -> tuple[_Edge, float]:
    """Bars from a section's start up to the last stroke, and when that is struck, both counted from
    the section's start. The last chord rings for a bar or two.
    """
    ideal_s = min(max(1.6, bar_s), 3.2, 0.6 * length_s)
    least_s = min(SHORTEST_RING_S, 0.4 * length_s)
    choices = []
    last = int(length_s / bar_s) + 1
    for bars in range(max(0, last - 6), last + 1):
        shape = 0.0 if bars == 0 else float(_BARS_COST[min(2 * bars, len(_BARS_COST) - 1)])
        for stretch in (0.0, -0.5 * flex, 0.5 * flex, -flex, flex):
            final_s = bars * bar_s * (1 + stretch)
            ring_s = length_s - final_s
            if ring_s < least_s - 1e-9:
                continue
            shape = 0.0 if bars == 0 else float(_BARS_COST[min(2 * bars, len(_BARS_COST) - 1)])
            cost = 0.35 * (stretch / flex) ** 2 + shape + abs(np.log(ring_s / ideal_s))
            choices.append((cost, bars, final_s))
    if not choices:  # a film too short for a bar
        return _Edge(0, 0, 0.0), 0.0
    cost, bars, final_s = min(choices)
    return _Edge(2 * bars, 0, cost), final_s


def _solve(
    points: Sequence[Point], metre: Metre, duration_s: float, tempo_bpm: float, flex: float
) -> _Path:
    """The cheapest path through the section points at one tempo."""
    bar_s = seconds_of(tempo_bpm, metre.steps)
    whole = metre.half == metre.steps  # 3/4 has no half bars
    nodes = [point for point in points if point.section and point.time_s < duration_s - 0.3]
    times = [0.0, *(point.time_s for point in nodes)]
    skip = np.concatenate([[0.0], np.cumsum([point.weight for point in nodes])])
    best: list[tuple[float, int, _Edge | None]] = [(0.0, -1, None)]
    ends: list[tuple[float, int, _Edge, float]] = []
    longest_s = LONGEST_SECTION_BARS * bar_s
    first = 0
    for index in range(1, len(times)):
        choice: tuple[float, int, _Edge | None] = (np.inf, -1, None)
        while times[index] - times[first] > longest_s:
            first += 1
        for before in range(first, index):
            if not np.isfinite(best[before][0]):
                continue
            length_s = times[index] - times[before]
            edge = (
                _first_edge(length_s, tempo_bpm, metre, flex, pickup=True)
                if before == 0
                else _edge(length_s, bar_s / 2, flex, whole)
            )
            if edge is None:
                continue
            cost = best[before][0] + edge.cost + float(skip[index - 1] - skip[before])
            if cost < choice[0]:
                choice = (cost, before, edge)
        best.append(choice)
    reachable = [index for index in range(len(times)) if np.isfinite(best[index][0])]
    near = [index for index in reachable if duration_s - times[index] <= longest_s]
    for index in near or reachable[-1:]:
        length_s = duration_s - times[index]
        edge, ring_from_s = _last_edge(length_s, bar_s, flex)
        # A point near the end may itself be the last stroke; one far from it may not.
        if edge.halves == 0 and index > 0 and length_s > 6.0:
            continue
        left = float(skip[-1] - skip[index])
        ends.append((best[index][0] + edge.cost + left, index, edge, times[index] + ring_from_s))
    if all(index == 0 and edge.halves == 0 for _, index, edge, _ in ends):
        # Too short for a bar: an upbeat, where there is room for one, and the last chord.
        steps = _upbeat(duration_s, tempo_bpm, metre)
        edge = _Edge(0, steps, 0.0)
        return _Path(0.0, ((0.0, edge),), seconds_of(tempo_bpm, steps))
    if not ends:
        index = reachable[-1]
        edge, ring_from_s = _last_edge(duration_s - times[index], bar_s, flex)
        ends.append((0.0, index, edge, times[index] + ring_from_s))
    cost, index, edge, final_s = min(ends, key=lambda end: end[0])
    stops: list[tuple[float, _Edge]] = [(times[index], edge)]
    while index > 0:
        _, before, leading = best[index]
        assert leading is not None
        stops.append((times[before], leading))
        index = before
    return _Path(cost, tuple(reversed(stops)), final_s)


def _upbeat(duration_s: float, tempo_bpm: float, metre: Metre) -> int:
    """Beats, in steps, that leave the last chord half of a film that has no room for a bar."""
    room_s = duration_s - max(SHORTEST_RING_S, 0.5 * duration_s)
    beats = int(room_s / seconds_of(tempo_bpm, metre.beat)) if room_s > 0 else 0
    return metre.beat * min(beats, metre.steps // metre.beat - 1)


def _laid(
    points: Sequence[Point], metre: Metre, path: _Path, tempo_bpm: float, flex: float,
    swing: float, swing_unit: int, duration_s: float,
) -> Spotted:  # fmt: skip
    """The grid of a path, with the other points tied to eighths."""
    step, half = 0, metre.steps // 2
    # Points are tied to places that swing does not move; in slow music sixteenths are heard too.
    unit = 4 if swing != 0.5 and swing_unit == 2 else 1 if swing == 0.5 and tempo_bpm < 100 else 2
    ties: list[tuple[int, float]] = [(0, 0.0)]
    bars: list[int] = []
    sections: list[int] = []
    for number, (start_s, edge) in enumerate(path.stops):
        end_s = path.stops[number + 1][0] if number + 1 < len(path.stops) else path.final_s
        if edge.pickup:
            bars.append(step)
        sections.append(step + edge.pickup)
        length = edge.pickup + edge.halves * half
        inside = [point for point in points if start_s + 0.05 < point.time_s < end_s - 0.05]
        for first in range(step + edge.pickup, step + length, metre.steps):
            bars.append(first)
        if length:
            ties += _tied(inside, (step, start_s), (step + length, end_s), metre, tempo_bpm, flex,
                          edge.pickup, unit)  # fmt: skip
            ties.append((step + length, end_s))
        step += length
    final = step
    bars.append(final)
    if len(ties) == 1:  # nothing but the last chord
        ties.append((metre.steps, seconds_of(tempo_bpm, metre.steps)))
    # The last chord rings to the film's end, over as many bars as that takes.
    ring_s = duration_s - path.final_s
    ringing = max(1, math.ceil(ring_s / seconds_of(tempo_bpm, metre.steps) * (1 + flex)))
    after = [final + number * metre.steps for number in range(1, ringing + 1)]
    grid = Grid(metre, (*bars, *after), exact_anchors(ties), swing, swing_unit)
    if sections and sections[-1] == final and len(sections) > 1:
        sections.pop()
    placed = tuple((point, *_nearest(grid, point)) for point in points)
    return Spotted(grid, tuple(sections), final, placed)


def _nearest(grid: Grid, point: Point) -> tuple[int, float]:
    """The sixteenth nearest to a point, and what the point is later than it."""
    middle = round(grid.step_at(point.time_s))
    steps = [step for step in (middle - 1, middle, middle + 1) if 0 <= step < grid.steps]
    steps = steps or [min(max(middle, 0), grid.steps - 1)]
    # A downbeat wins a tie: it carries the section.
    nearest = min(
        steps, key=lambda step: (round(abs(grid.seconds(step) - point.time_s), 4), step % 4)
    )
    return nearest, point.time_s - grid.seconds(nearest)


def _tied(
    points: Sequence[Point], start: tuple[int, float], end: tuple[int, float], metre: Metre,
    tempo_bpm: float, flex: float, pickup: int, unit: int,
) -> list[tuple[int, float]]:  # fmt: skip
    """Points of one section tied to eighths: the choice with the least cost (dynamic programming
    over pairs of a point and an eighth, or another unit of steps).
    """
    step_s = seconds_of(tempo_bpm, 1)
    limits = np.array([step_s * (1 - flex), step_s * (1 + flex)])
    (first, first_s), (last, last_s) = start, end
    mean_s = (last_s - first_s) / (last - first)
    missed = np.concatenate([[0.0], np.cumsum([point.weight for point in points])])
    # States in order of time: step, time, cost so far, points behind it; and where each came from.
    states = np.zeros((1 + 6 * len(points), 4))
    states[0] = first, first_s, 0.0, 0
    parents = [-1]
    for number, point in enumerate(points):
        guess = int((point.time_s - first_s) / mean_s / unit)
        known = states[: len(parents)]
        for place in range(guess - 2, guess + 4):
            step = first + place * unit
            if not first < step < last:
                continue
            costs = _costs(known, missed[number], missed, step, point.time_s, limits, step_s)
            before = int(costs.argmin())
            if not np.isfinite(costs[before]):
                continue
            in_bar = (step - first - pickup) % metre.steps
            shape = (0.12, 0.06, 0.03, 0.0)[metre.weight(in_bar)] + (0.06 if in_bar % 2 else 0.0)
            states[len(parents)] = step, point.time_s, costs[before] + shape, number + 1
            parents.append(before)
    known = states[: len(parents)]
    costs = _costs(known, missed[-1], missed, last, last_s, limits, step_s)
    if not np.isfinite(costs[0]):
        costs[0] = missed[-1] + 100.0  # the section as a whole always stands
    before = int(costs.argmin())
    ties: list[tuple[int, float]] = []
    while before > 0:
        ties.append((int(states[before, 0]), float(states[before, 1])))
        before = parents[before]
    return ties[::-1]


def _costs(
    known: Float64[np.ndarray, "states 4"], missed_before: float,
    missed: Float64[np.ndarray, " n"], step: int, time_s: float,
    limits: Float64[np.ndarray, " 2"], step_s: float,
) -> Float64[np.ndarray, " states"]:  # fmt: skip
    """What each state costs that a step follows; infinite where the tempo between would be out of
    reach.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = (time_s - known[:, 1]) / (step - known[:, 0])
    possible = (step > known[:, 0]) & (rates >= limits[0]) & (rates <= limits[1])
    total = known[:, 2] + missed_before - missed[known[:, 3].astype(int)]
    total = total + 0.12 * ((rates - step_s) / (limits[1] - step_s)) ** 2
    return np.asarray(np.where(possible, total, np.inf), dtype=np.float64)
