"""The chart: the model's chords, one a second, laid on half bars.

The chords that are played come from a stated optimisation (Viterbi over half bars): each half bar
takes a chord of the song so that the seconds which disagree with the model, plus what each change
costs at its place, are least. A change costs most inside a bar, less on a downbeat, and nothing
where a phrase starts.

A chord that stands longer than 16 seconds is moved along by the song's own loop too.

`N` is not silence. In MuVi-Sync 72 % of its seconds have notes in them: a drum break, a riff, a
voice alone. So under a short N the chord before goes on; under a long one the song's own loop goes
on; and the chart says that the harmony is `open` there, so that the texture can thin out.
"""

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from vmt import chords
from vmt.arrange.grid import Grid
from vmt.chords import Key

CHANGE_S = (0.0, 0.12, 0.55)  # what a change costs: at a phrase, at a bar, at half a bar
NEAR_S = 0.35  # what a second costs whose chord has the same root and third
LONG_N_S = 6  # seconds of N after which the song's loop goes on
LOOP = 4  # chords in that loop
LONGEST_HOLD_S = 16  # seconds of one chord; then the loop goes on as well


@dataclass(frozen=True)
class Span:
    """A chord from the step `start` up to the step `end`.

    Attributes:
        open: whether the model wrote N here.
    """

    start: int
    end: int
    label: str
    open: bool = False


def fill_rests(labels: Sequence[str], key: Key) -> tuple[list[str], list[bool]]:
    """Chords for the seconds that the model left without one.

    Args:
        labels: one chord a second, N among them.
        key: whose tonic sounds where there is no chord at all.

    Returns:
        A chord for each second, none of them N; and which seconds were N.
    """
    names = [chords.label(chords.token(label)) for label in labels]
    rests = [name == "N" for name in names]
    names = _without_long_holds(names)
    tonic = tonic_label(key)
    loop = _loop([name for name in names if name != "N"]) or [tonic, _plagal(key)]
    filled: list[str] = []
    second = 0
    while second < len(names):
        if names[second] != "N":
            filled.append(names[second])
            second += 1
            continue
        end = second
        while end < len(names) and names[end] == "N":
            end += 1
        filled += _under_rest(names, second, end, loop, tonic)
        second = end
    return filled, rests


def _without_long_holds(names: Sequence[str]) -> list[str]:
    """Chords with N in the middle of those that stand longer than any arranger would let them, in a
    song that has other chords.
    """
    found = list(names)
    if len(set(names) - {"N"}) < 2:
        return found
    start = 0
    for second in range(1, len(names) + 1):
        if second < len(names) and names[second] == names[start]:
            continue
        if names[start] != "N" and second - start > LONGEST_HOLD_S:
            first, last = start + LONGEST_HOLD_S // 2, second - 2
            found[first:last] = ["N"] * (last - first)
        start = second
    return found


def _under_rest(
    names: Sequence[str], start: int, end: int, loop: Sequence[str], tonic: str
) -> list[str]:
    """Chords for a run of N from the second `start` up to `end`."""
    before = names[start - 1] if start else None
    after = names[end] if end < len(names) else None
    if end - start < LONG_N_S:
        return [before or after or tonic] * (end - start)
    first = loop.index(before) + 1 if before in loop else 0
    return [loop[(first + second // 2) % len(loop)] for second in range(end - start)]


def _loop(names: Sequence[str]) -> list[str]:
    """The four chords in a row that a song plays most often; fewer where it has no four."""
    runs = [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]
    if len(runs) < LOOP:
        return runs
    groups = [tuple(runs[start : start + LOOP]) for start in range(len(runs) - LOOP + 1)]
    counts = Counter(groups)
    # Of loops that are played equally often the first one counts.
    best = max(range(len(groups)), key=lambda index: (counts[groups[index]], -index))
    return list(groups[best])


def tonic_label(key: Key) -> str:
    """The chord on a key's first degree."""
    return chords.label(
        int(chords.transpose(chords.tokens(["C:min" if key.minor else "C"]), key.tonic)[0])
    )


def dominant_label(key: Key) -> str:
    """The major chord on a key's fifth degree."""
    return chords.label(int(chords.transpose(chords.tokens(["G"]), key.tonic)[0]))


def _plagal(key: Key) -> str:
    return chords.label(
        int(chords.transpose(chords.tokens(["F:min" if key.minor else "F"]), key.tonic)[0])
    )


def make_chart(
    labels: Sequence[str],
    key: Key,
    grid: Grid,
    *,
    final: int,
    phrase_starts: Sequence[int] = (),
    cadence: bool = True,
    given: int = 0,
) -> tuple[Span, ...]:
    """Chords on half bars, up to the end of the grid.

    Args:
        labels: one chord a second, in the sounding key.
        key: that key.
        grid: with its bars.
        final: the step of the last stroke, whose chord rings to the end.
        phrase_starts: steps where phrases start; a change there costs nothing.
        cadence: whether the piece ends on its tonic, after its dominant where there is room.
        given: how many seconds at the start a person wrote; their chords stay.
    """
    filled, rests = fill_rests(labels, key)
    units = [*grid.units(final), (final, grid.steps)]
    names = sorted(set(filled))
    costs = _disagreement(filled, names, grid, units)
    change = [_change_cost(grid, start, set(phrase_starts)) for start, _ in units]
    chosen = [names[index] for index in _cheapest_path(costs, change).tolist()]
    if cadence:
        chosen = _with_cadence(chosen, units, grid, key, given)
    spans: list[Span] = []
    for (start, end), label in zip(units, chosen, strict=True):
        is_open = _mostly_rest(rests, grid.straight(start), grid.straight(end))
        last = spans[-1] if spans else None
        if last and last.label == label and last.open == is_open and start != final:
            spans[-1] = replace(last, end=end)
        else:
            spans.append(Span(start, end, label, is_open))
    return tuple(spans)


def _disagreement(
    filled: Sequence[str], names: Sequence[str], grid: Grid, units: Sequence[tuple[int, int]]
) -> Float64[np.ndarray, "units names"]:
    """Seconds of each unit whose chord is another than each name."""
    seconds = np.array([names.index(label) for label in filled])
    apart = np.array([[_distance(one, other) for other in names] for one in names])
    costs = np.zeros((len(units), len(names)))
    for row, (start, end) in enumerate(units):
        start_s, end_s = grid.straight(start), grid.straight(end)
        for second in range(int(start_s), min(len(filled), int(np.ceil(end_s)))):
            overlap = min(end_s, second + 1) - max(start_s, second)
            costs[row] += max(0.0, overlap) * apart[seconds[second]]
    return costs


def _distance(one: str, other: str) -> float:
    """0 for the same chord, 1 for another one, less for one with the same root and third."""
    if one == other:
        return 0.0
    first, second = chords.REDUCE_25[chords.tokens([one, other])].tolist()
    return NEAR_S if first == second else 1.0


def _change_cost(grid: Grid, step: int, phrase_starts: set[int]) -> float:
    if step in phrase_starts:
        return CHANGE_S[0]
    return CHANGE_S[1] if step in grid.bars else CHANGE_S[2]


def _cheapest_path(
    costs: Float64[np.ndarray, "units names"], change: Sequence[float]
) -> Int64[np.ndarray, " units"]:
    """For each unit the chord on the path with the least cost (Viterbi)."""
    total = costs[0].copy()
    stays = np.zeros((len(costs), costs.shape[1]), dtype=bool)
    jumps = np.zeros(len(costs), dtype=np.int64)
    for unit in range(1, len(costs)):
        jumps[unit] = int(total.argmin())
        jump = total[jumps[unit]] + change[unit]
        stays[unit] = total <= jump
        total = np.minimum(total, jump) + costs[unit]
    path = np.zeros(len(costs), dtype=np.int64)
    path[-1] = int(total.argmin())
    for unit in range(len(costs) - 1, 0, -1):
        path[unit - 1] = path[unit] if stays[unit][path[unit]] else jumps[unit]
    return path


def _with_cadence(
    chosen: Sequence[str], units: Sequence[tuple[int, int]], grid: Grid, key: Key, given: int
) -> list[str]:
    """The last unit on the tonic, the bar before it on the dominant where three bars come before
    them; half a bar of it where at least one does.
    """
    found = list(chosen)
    tonic, dominant = tonic_label(key), dominant_label(key)
    if grid.straight(units[-1][0]) < given:
        return found
    found[-1] = _keep(found[-1], tonic)
    final = units[-1][0]
    bars = bisect.bisect_left(grid.bars, final)
    whole = final - grid.bars[bars - 1] if bars else 0
    count = 0 if bars < 1 else 1 if bars < 4 else whole // grid.metre.half
    for unit in range(max(1, len(units) - 1 - count), len(units) - 1):
        if grid.straight(units[unit][0]) >= given:
            found[unit] = _keep(found[unit], dominant)
    return found


def _keep(label: str, wanted: str) -> str:
    """The chord that is there where it has the root and third of the one wanted."""
    same = chords.REDUCE_25[chords.token(label)] == chords.REDUCE_25[chords.token(wanted)]
    return label if same else wanted


def _mostly_rest(rests: Sequence[bool], start_s: float, end_s: float) -> bool:
    inside = rests[int(start_s) : max(int(start_s) + 1, round(end_s))]
    return 2 * sum(inside) > len(inside) if inside else False


def chords_each_second(spans: Sequence[Span], grid: Grid, seconds: int) -> tuple[str, ...]:
    """The chord that sounds longest in each second: what a `.lab` says.

    Args:
        spans: of `make_chart`.
        grid: that they are on.
        seconds: T.
    """
    found = []
    index = 0
    times = [grid.straight(span.start) for span in spans]
    for second in range(seconds):
        while index + 1 < len(spans) and times[index + 1] <= second + 0.5:
            index += 1
        found.append(spans[index].label)
    return tuple(found)
