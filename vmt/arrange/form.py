"""Form: where chords change on the beat grid, phrases of four chords or more, sections, and an
ending that ends.

A span is a chord from one beat to another. Phrases of at least four chords and two bars make
sections of two; a rest, the end of a long scene or a jump in emotion starts a new one. Sections
with the same chords share a letter, so that they can be played alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from vmt import chords
from vmt.arrange.grid import STEPS_PER_BAR, STEPS_PER_BEAT, Grid

REST = "N"
INTRO = "Intro"
PHRASE_CHORDS = 4
PHRASE_BARS = (2, 8)
SECTION_PHRASES = 2
LONG_SCENE_S = 8.0
MOOD_S = 4  # seconds before and after a moment whose emotions are compared
MOOD_JUMP = 0.35  # share of the emotions that has to change
FINAL_RING_S = 1.5
RELEASE_S = 0.25


@dataclass(frozen=True)
class Span:
    """A chord (or N) that sounds from the step `start` up to the step `end`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Phrase:
    """Chords that belong together.

    Attributes:
        section: its section's letter, or Intro.
        opens: whether its section starts here.
        turn: how many phrases with the same chords came before; 0 the first time.
    """

    start: int
    end: int
    section: str
    opens: bool
    turn: int


@dataclass(frozen=True)
class Form:
    """The plan of a piece.

    Attributes:
        spans: without gaps, from step 0 on.
        phrases: in order; rests lie between them.
        final: the step of the last stroke, after which nothing starts; None where all is rest.
        end_s: where the last stroke is let go, in seconds.
    """

    spans: tuple[Span, ...]
    phrases: tuple[Phrase, ...]
    final: int | None
    end_s: float

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return self.spans[-1].end if self.spans else 0


def make_form(
    labels: Sequence[str],
    grid: Grid,
    duration_s: float,
    cuts_s: Sequence[float] = (),
    emotion: Float[np.ndarray, "time 6"] | None = None,
) -> Form:
    """Lay chords out on the grid.

    Args:
        labels: one chord a second.
        duration_s: where the video ends.
        cuts_s: the video's cuts, rising.
        emotion: shares of the six emotions in each second.
    """
    spans = chord_spans(labels, grid, duration_s)
    spans, final, end_s = _ending(spans, grid, duration_s)
    phrases = _phrases(spans, _section_starts(cuts_s, emotion, grid))
    return Form(tuple(spans), tuple(phrases), final, end_s)


def change_times(labels: Sequence[str]) -> list[float]:
    """The seconds at which a chord differs from the one before."""
    return [
        float(second) for second in range(1, len(labels)) if labels[second] != labels[second - 1]
    ]


def chord_spans(labels: Sequence[str], grid: Grid, duration_s: float) -> list[Span]:
    """Chords from beat to beat: each change on the nearest one, the later of two changes
    that meet.
    """
    last = max(1, grid.steps_within(duration_s) + 1)
    spans: list[Span] = []
    for second, each in enumerate(labels):
        label = chords.label(chords.token(each))
        start = grid.beat(float(second))
        if start >= last:
            break
        while spans and spans[-1].start == start:
            spans.pop()
        if not spans or spans[-1].label != label:
            spans.append(Span(start, last, label))
    return [replace(one, end=after.start) for one, after in pairwise(spans)] + spans[-1:]


def _ending(
    spans: list[Span], grid: Grid, duration_s: float
) -> tuple[list[Span], int | None, float]:
    """The spans, the last one long enough to end on; the step of the last stroke; and when it is
    let go.
    """
    release_s = duration_s - min(RELEASE_S, 0.2 * duration_s)
    if len(spans) > 1:
        room_s = release_s - grid.seconds(spans[-1].start)
        beside_rest = REST in (spans[-1].label, spans[-2].label)
        if room_s < (0.05 if beside_rest else 0.5):
            spans = [*spans[:-2], replace(spans[-2], end=spans[-1].end)]
    sounding = [span for span in spans if span.label != REST]
    if not sounding:
        return spans, None, release_s
    last = sounding[-1]
    end_s = min(grid.seconds(last.end), release_s)
    ring_s = max(FINAL_RING_S, 3 * STEPS_PER_BEAT * grid.step_s)
    final = grid.steps_within(max(0.0, end_s - ring_s)) // STEPS_PER_BAR * STEPS_PER_BAR
    return spans, max(last.start, final), end_s


def mood_jumps(emotion: Float[np.ndarray, "time 6"]) -> list[int]:
    """The seconds at which the emotions of the next four seconds differ most from those of the last
    four, where 35 % of their shares move or more; no two within four seconds.
    """
    seconds = range(MOOD_S, len(emotion) - MOOD_S + 1)
    moved = {
        second: float(
            np.abs(_mood(emotion, second, MOOD_S) - _mood(emotion, second - MOOD_S, MOOD_S)).sum()
        )
        / 2
        for second in seconds
    }
    found: list[int] = []
    for second in sorted(seconds, key=lambda each: -moved[each]):
        if moved[second] < MOOD_JUMP:
            break
        if all(abs(second - other) > MOOD_S for other in found):
            found.append(second)
    return sorted(found)


def _mood(emotion: Float[np.ndarray, "time 6"], start: int, length: int) -> Float[np.ndarray, " 6"]:
    mean: Float[np.ndarray, " 6"] = emotion[start : start + length].mean(axis=0)
    return mean


def _section_starts(
    cuts_s: Sequence[float], emotion: Float[np.ndarray, "time 6"] | None, grid: Grid
) -> list[int]:
    """The beats of cuts that end a long scene, and of jumps in emotion."""
    before = [0.0, *cuts_s]
    times = [cut for cut, last in zip(cuts_s, before, strict=False) if cut - last >= LONG_SCENE_S]
    if emotion is not None:
        times += map(float, mood_jumps(emotion))
    return [grid.beat(time_s) for time_s in sorted(times)]


def _phrases(spans: list[Span], section_starts: list[int]) -> list[Phrase]:
    groups = _grouped(_pieces(spans), section_starts)
    has_intro = len(groups) >= 4
    phrases: list[Phrase] = []
    turns: dict[tuple[str, ...], int] = {}
    letters: dict[tuple[str, ...], str] = {}
    length = 0
    for i, (group, opens) in enumerate(groups):
        names = tuple(span.label for span in group)
        if has_intro and i == 0:
            phrases.append(Phrase(group[0].start, group[-1].end, INTRO, True, 0))
            continue
        rested = bool(phrases) and phrases[-1].end != group[0].start
        opens = opens or rested or length % SECTION_PHRASES == 0 or phrases[-1].section == INTRO
        length = 1 if opens else length + 1
        letter = letters.setdefault(names, _letter(len(letters))) if opens else phrases[-1].section
        phrases.append(Phrase(group[0].start, group[-1].end, letter, opens, turns.get(names, 0)))
        turns[names] = turns.get(names, 0) + 1
    return phrases


def _pieces(spans: list[Span]) -> list[Span]:
    """Spans, those longer than a phrase may be cut at bar lines."""
    longest = PHRASE_BARS[1] * STEPS_PER_BAR
    pieces = []
    for span in spans:
        start = span.start
        while span.end - start > longest:
            end = (start + longest) // STEPS_PER_BAR * STEPS_PER_BAR
            pieces.append(Span(start, end, span.label))
            start = end
        pieces.append(replace(span, start=start))
    return pieces


def _grouped(pieces: list[Span], section_starts: list[int]) -> list[tuple[list[Span], bool]]:
    """Phrases as lists of spans, each with whether a long scene or a mood ended where it starts."""
    shortest, longest = (bars * STEPS_PER_BAR for bars in PHRASE_BARS)
    groups: list[tuple[list[Span], bool]] = []
    waiting = list(section_starts)
    full = True
    for piece in pieces:
        if piece.label == REST:
            full = True
            continue
        jump = bool(waiting) and waiting[0] < piece.end
        while waiting and waiting[0] < piece.end:
            waiting.pop(0)
        if full or (jump and piece.start - groups[-1][0][0].start >= shortest):
            groups.append(([], jump))
        group = groups[-1][0]
        group.append(piece)
        length = piece.end - group[0].start
        full = (len(group) >= PHRASE_CHORDS and length >= shortest) or length >= longest
    return groups


def _letter(index: int) -> str:
    name = chr(ord("A") + index % 26)
    return name if index < 26 else f"{name}{index // 26}"
