"""Themes: motifs and what becomes of them.

A motif is the rhythm and contour of two bars. A phrase of four bars states it and answers it: the
answer has the motif's rhythm, moved along the scale, turned upside down or repeated, and closes
with a cadence on a chord tone and a rest. A first phrase closes open, a second one closed, so that
two make a period. A section that comes again brings its theme again, ornamented; a build repeats
the motif's head and rises; a climax sings it higher; a breakdown only its long notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vmt import chords
from vmt.arrange.form import BREAKDOWN, BUILD, CLIMAX, INTRO, OUTRO, Phrase, Section
from vmt.arrange.plan import Event, Plan, local_scale
from vmt.arrange.styles import Track

RHYTHMS = {
    16: {
        "lyrical": ("x-----x-x---x---", "x---x---x-x-x---", "x-----x-x-x-x---", "x---x-x-x---x-x-",
                    "x--x--x-x---x---", "x-----------x-x-"),
        "riff": ("x-x-..x-x-x-..x-", "x--x--x-..x-x-x-", "x-x-x-..x--x--x-", "x..x..x-x-x-..x-",
                 "x-..x-x-..x-x-x-"),
        "sparse": ("x-------x-------", "x-----------x---", "x-----x---------", "x---x-----------"),
        "swung": ("x--x--x-x-..x-x-", "..x-x-x-x---..x-", "x---x-x-..x-x---", "x-x-x---..x-x-x-"),
    },
    12: {
        "lyrical": ("x---x---x---", "x-----x-x---", "x---x-x-x---", "x-------x-x-", "x-x-x---x---"),
        "riff": ("x---x-x---x-", "x-x-x-x---x-", "x-..x-x-..x-", "x---x-x-x-x-"),
        "sparse": ("x-----------", "x-------x---", "x-----x-----"),
        "swung": ("x---x-x---x-", "x-----x---x-", "x---x-x-----"),
    },
}  # fmt: skip
"""One bar each: `x` starts a note, `-` holds it, `.` rests."""

TAILS = {
    16: ("x-------x-------", "x-----x-x-------", "x---x---x-------", "x-----------x---"),
    12: ("x-----------", "x-------x---", "x-----x-----", "x---x-------"),
}
CADENCES = {
    16: ("x---x-------....", "x-x-x-------....", "x-----x-----....", "x-----------...."),
    12: ("x---x-----..", "x---------..", "x-----x---.."),
}
CONTOURS = (
    (0, 1, 2, 4, 3, 2, 4),
    (0, 2, 4, 2, 1, 0, 2),
    (0, 4, 3, 2, 1, 2, 0),
    (0, -1, 1, 0, 2, 1, 0),
    (0, 2, 1, 3, 2, 4, 3),
    (0, -1, -2, 0, -1, -3, -2),
    (0, 0, 2, 0, -1, 0, 2),
    (0, 1, 0, -2, 0, 1, 3),
    (0, 3, 2, 1, 0, -1, 0),
)
"""Steps along the scale from a motif's first note."""

LONG_STEPS = 3  # a note this long belongs to its chord
SOARS = 4  # scale steps by which a theme is raised in a climax
_T = TypeVar("_T")

ANSWERS = ("up", "down", "invert", "third", "same")


@dataclass(frozen=True)
class Motif:
    """Rhythm and contour of one bar.

    Attributes:
        rhythm: a pattern of `RHYTHMS`.
        contour: scale steps of each note from the first.
    """

    rhythm: str
    contour: tuple[int, ...]

    def moved(self, steps: int) -> "Motif":
        """A sequence: the same some steps up or down the scale."""
        return replace(self, contour=tuple(degree + steps for degree in self.contour))

    def inverted(self) -> "Motif":
        """Upside down."""
        return replace(self, contour=tuple(-degree for degree in self.contour))


@dataclass(frozen=True)
class Theme:
    """What is sung in the sections of one letter.

    Attributes:
        head, tail: the motif's two bars.
        open_cadence, closed_cadence: rhythms of last bars.
        answers: what becomes of the head in the first and in the second phrase.
        register: scale steps over the middle of the instrument's range at which it starts.
    """

    head: Motif
    tail: Motif
    open_cadence: str
    closed_cadence: str
    answers: tuple[str, str]
    register: int


def make_theme(seed: Sequence[int], steps: int, family: str) -> Theme:
    """A theme by chance.

    Args:
        seed: of the choice.
        steps: sixteenths in a bar.
        family: of rhythms: lyrical, riff, sparse or swung.
    """
    rng = np.random.default_rng(list(seed))
    rhythm = _pick(rng, RHYTHMS[steps][family])
    contour = _pick(rng, CONTOURS)
    tail = _pick(rng, TAILS[steps])
    notes = rhythm.count("x")
    head = Motif(rhythm, _fitted(contour, notes))
    onward = int(rng.integers(-1, 3))
    tail_contour = _fitted(_pick(rng, CONTOURS), tail.count("x"))
    first, second = (_pick(rng, ANSWERS[:4]), _pick(rng, ANSWERS))
    return Theme(
        head,
        Motif(tail, tuple(degree + onward for degree in tail_contour)),
        _pick(rng, CADENCES[steps]),
        _pick(rng, CADENCES[steps]),
        (first, second),
        int(rng.integers(-2, 2)),
    )


def _pick(rng: np.random.Generator, choices: Sequence[_T]) -> _T:
    return choices[int(rng.integers(len(choices)))]


def _fitted(contour: Sequence[int], notes: int) -> tuple[int, ...]:
    return tuple(contour[index % len(contour)] for index in range(notes))


def bar_motifs(theme: Theme, phrase: Phrase, section: Section) -> list[tuple[Motif, bool]]:
    """The motif of each bar of a phrase, and whether the bar is its cadence."""
    closed = phrase.number % 2 == 1
    cadence = Motif(theme.closed_cadence if closed else theme.open_cadence, ())
    if section.kind == BUILD and phrase.bars > 2:
        bars = [(theme.head.moved(index), False) for index in range(phrase.bars - 1)]
        return [*bars, (cadence, True)]
    answer = _answered(theme.head, theme.answers[phrase.number % 2])
    motifs: list[tuple[Motif, bool]] = []
    for index in range(phrase.bars):
        if index == phrase.bars - 1:
            motifs.append((cadence, True))
        elif index % 2 == 0:
            motifs.append((theme.head if index % 4 == 0 else answer, False))
        else:
            motifs.append((theme.tail, False))
    return motifs


def _answered(head: Motif, how: str) -> Motif:
    if how == "invert":
        return head.inverted()
    return head.moved({"up": 1, "down": -1, "third": 2, "same": 0}[how])


def play_lead(track: Track, plan: Plan, plays: Sequence[bool], seed: Sequence[int]) -> list[Event]:
    """The tune: each section's theme over its chords.

    Args:
        track: the instrument.
        plan: of the piece.
        plays: for each phrase, whether the track plays.
        seed: of the themes.
    """
    steps = plan.grid.metre.steps
    letters = sorted({section.theme for section in plan.form.sections})
    themes = {
        letter: make_theme([*seed, number], steps, track.family)
        for number, letter in enumerate(letters)
    }
    events: list[Event] = []
    for phrase, playing in zip(plan.form.phrases, plays, strict=True):
        section = plan.section_of(phrase)
        if not playing or _silent(section, phrase, track):
            continue
        singer = _Singer(track, plan, themes[section.theme], phrase, section)
        events += singer.sing()
    final = plan.form.final
    if plays[-1]:
        events.append(_last_note(track, plan, events))
    return sorted(
        (event for event in events if event.step < final or event is events[-1]),
        key=lambda event: event.step,
    )


def _silent(section: Section, phrase: Phrase, track: Track) -> bool:
    """A tune rests: it does not sing in an intro's first phrase, nor in most of an outro."""
    if section.kind == INTRO:
        return phrase.number == 0 and not track.intro
    return phrase.open and section.kind not in (BREAKDOWN, CLIMAX)


def _last_note(track: Track, plan: Plan, events: Sequence[Event]) -> Event:
    """The tonic, or another tone of the last chord that lies nearer."""
    tones = chords.pitch_classes(chords.token(plan.span_at[plan.form.final].label))
    before = events[-1].pitch if events else (track.lowest + track.highest) // 2
    root = _nearest(before, {tones[0]}, track)
    third = _nearest(before, {tones[1]}, track)
    pitch = root if abs(root - before) <= abs(third - before) + 3 else third
    return Event(plan.form.final, plan.grid.steps, pitch, 1.0, exact=True)


def _nearest(pitch: int, classes: set[int], track: Track) -> int:
    fitting = [one for one in range(track.lowest, track.highest + 1) if one % 12 in classes]
    return min(fitting, key=lambda one: (abs(one - pitch), one))


class _Singer:
    """One phrase of a theme, sung over its chords."""

    def __init__(
        self, track: Track, plan: Plan, theme: Theme, phrase: Phrase, section: Section
    ) -> None:
        self.track, self.plan, self.theme = track, plan, theme
        self.phrase, self.section = phrase, section
        self.base = self._placed()
        self.pitch = (track.lowest + track.highest) // 2
        self.degree: int | None = None

    def _placed(self) -> int:
        """On which scale step of the range the theme starts: higher in a climax, and so that its
        highest note fits.
        """
        track, scale = self.track, local_scale(self.plan.key, ())
        steps = [one for one in range(track.lowest, track.highest + 1) if one % 12 in scale]
        motifs = [motif for motif, _ in bar_motifs(self.theme, self.phrase, self.section)]
        degrees = [degree for motif in motifs for degree in motif.contour] or [0]
        soaring = self.section.kind == CLIMAX and track.soars
        base = len(steps) // 2 + self.theme.register + (SOARS if soaring else 0)
        base = min(base, len(steps) - 1 - max(degrees))
        return max(base, -min(degrees), 0)

    def sing(self) -> list[Event]:
        """Its notes."""
        bars = [bar for bar in self.plan.grid.bars if self.phrase.start <= bar < self.phrase.end]
        motifs = bar_motifs(self.theme, self.phrase, self.section)
        if self.section.kind == OUTRO:
            motifs = motifs[:2]
        events: list[Event] = []
        for number, (bar, (motif, cadence)) in enumerate(zip(bars, motifs, strict=False)):
            end = self.plan.grid.bars[self.plan.grid.bar_of(bar) + 1]
            rhythm = self._rhythm(motif.rhythm, cadence, number)
            onsets = [place for place, character in enumerate(rhythm) if character == "x"]
            for index, place in enumerate(onsets):
                if bar + place >= end:
                    break
                stop = place + 1
                while stop < len(rhythm) and rhythm[stop] == "-":
                    stop += 1
                last = cadence and index == len(onsets) - 1
                degree = self._degree(motif, rhythm, place, cadence)
                events.append(self._note(bar + place, min(bar + stop, end), degree, last))
        return self._ornamented(events)

    def _rhythm(self, rhythm: str, cadence: bool, number: int) -> str:
        """A motif's rhythm as the section wants it: only its strong notes in a breakdown or where
        little goes on.
        """
        busyness = self.plan.busyness_at(self.phrase.start)
        if cadence or (self.section.kind != BREAKDOWN and busyness >= 0.2):
            return rhythm
        del number
        beat = self.plan.grid.metre.beat
        kept = [
            "x"
            if character == "x" and place % beat == 0
            else "-"
            if character == "x"
            else character
            for place, character in enumerate(rhythm)
        ]
        return "".join(kept)

    @staticmethod
    def _degree(motif: Motif, rhythm: str, place: int, cadence: bool) -> int:
        if cadence:
            return 0 if rhythm[place + 1 :].count("x") == 0 else 1
        # A thinned rhythm keeps the degree of the note that stands there.
        index = motif.rhythm[:place].count("x")
        return motif.contour[min(index, len(motif.contour) - 1)]

    def _note(self, step: int, end: int, degree: int, last: bool) -> Event:
        plan, track = self.plan, self.track
        tones = chords.pitch_classes(chords.token(plan.span_at[step].label))
        scale = local_scale(plan.key, tones)
        ladder = [one for one in range(track.lowest, track.highest + 5) if one % 12 in scale]
        place = min(max(self.base + degree, 0), len(ladder) - 1)
        pitch = ladder[place]
        place_in_bar = plan.grid.place(step)
        strong = plan.grid.metre.weight(place_in_bar) >= 1 or end - step >= LONG_STEPS
        if last:
            closed = self.phrase.number % 2 == 1
            wanted = {tones[0], tones[1]} if closed else {tones[2], tones[1]}
            pitch = _nearest(self.pitch, wanted, track)
        elif strong:
            pitch = self._chord_tone(pitch, set(tones), moves=degree != self.degree)
        self.pitch, self.degree = pitch, degree
        weight = 0.95 + 0.03 * plan.grid.metre.weight(place_in_bar)
        return Event(step, end, pitch, weight)

    def _chord_tone(self, pitch: int, tones: set[int], *, moves: bool) -> int:
        """The tone of the chord nearest to a pitch; of two, the one on the way that the tune goes.
        A tune that moves does not stay on its last note.
        """
        onward = 1 if pitch >= self.pitch else -1
        lowest, highest = self.track.lowest, self.track.highest + 4
        near = [
            one
            for one in range(pitch - 8, pitch + 9)
            if one % 12 in tones and lowest <= one <= highest
        ]
        if moves and self.degree is not None:
            near = [one for one in near if one != self.pitch] or near
        return min(near, key=lambda one: (abs(one - pitch), -onward * (one - pitch)))

    def _ornamented(self, events: list[Event]) -> list[Event]:
        """Where a theme comes again with energy, a third between two notes is filled by a passing
        note in the second half of the first of them.
        """
        if self.section.turn == 0 or self.phrase.energy < 0.45 or self.section.kind == BREAKDOWN:
            return events
        found: list[Event] = []
        for event, after in zip(events, [*events[1:], None], strict=True):
            between = after.pitch - event.pitch if after else 0
            length = event.end - event.step
            if abs(between) not in (3, 4) or length < 4 or after is None or length % 2:
                found.append(event)
                continue
            middle = event.step + length // 2
            tones = chords.pitch_classes(chords.token(self.plan.span_at[middle].label))
            scale = local_scale(self.plan.key, tones)
            inside = range(min(event.pitch, after.pitch) + 1, max(event.pitch, after.pitch))
            passing = [one for one in inside if one % 12 in scale]
            if not passing:
                found.append(event)
                continue
            found += [
                replace(event, end=middle),
                Event(middle, event.end, passing[0], 0.85),
            ]
        return found
