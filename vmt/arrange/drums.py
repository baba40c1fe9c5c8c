"""Drums: the kit's patterns, fills that lead into sections, crashes, hits."""

from collections.abc import Mapping, Sequence

import numpy as np

from vmt.arrange.form import BREAKDOWN, BUILD, CLIMAX, INTRO
from vmt.arrange.plan import Event, Plan
from vmt.arrange.styles import DRUMS, Kit
from vmt.arrange.texture import stress, struck_drums

_WEIGHTS = {"X": 1.08, "x": 0.9, "o": 0.48}
_LENGTH = 2  # steps; what a drum does with it is its own affair
CRASH_ENERGY = 0.4
_BREAKDOWN_DRUMS = ("closed_hat", "pedal_hat", "shaker", "ride", "rim", "triangle", "tambourine")

_Strokes = dict[tuple[int, str], str]


def play_drums(
    kit: Kit, plan: Plan, plays: Sequence[bool], rng: np.random.Generator
) -> list[Event]:
    """Strokes of the whole kit.

    Args:
        kit: patterns, fills, the drums for hits.
        plan: of the piece.
        plays: for each phrase, whether the drums play.
        rng: chooses fills.
    """
    strokes: _Strokes = {}
    lifts: dict[int, float] = {}
    for index, playing in enumerate(plays):
        phrase = plan.form.phrases[index]
        section = plan.section_of(phrase)
        if playing:
            _groove(strokes, kit, plan, index)
            if section.kind == BREAKDOWN:
                _thin(strokes, phrase.start, phrase.end)
        if _leads_on(plan, plays, index):
            fill = kit.fills[int(rng.integers(len(kit.fills)))]
            whole = plan.form.sections[phrase.section + 1].kind == CLIMAX or section.kind == BUILD
            _fill(strokes, lifts, fill, plan, phrase.end, whole)
        high = section.energy >= CRASH_ENERGY or section.kind == CLIMAX
        if playing and phrase.number == 0 and section.kind != INTRO and high:
            strokes[phrase.start, kit.crash] = "x"
    _hits(strokes, kit, plan, plays)
    return [
        Event(
            step,
            step + _LENGTH,
            DRUMS[drum],
            _WEIGHTS[character] * stress(plan, step) * lifts.get(step, 1.0),
            exact=step in plan.accents or step == plan.form.final or step in plan.section_starts,
        )
        for (step, drum), character in sorted(strokes.items())
    ]


def kick_steps(kit: Kit, plan: Plan, plays: Sequence[bool]) -> frozenset[int]:
    """Where the kick drum of the groove falls."""
    strokes: _Strokes = {}
    for index, playing in enumerate(plays):
        phrase = plan.form.phrases[index]
        if playing and plan.section_of(phrase).kind != BREAKDOWN:
            _groove(strokes, kit, plan, index)
    return frozenset(step for step, drum in strokes if drum in ("kick", "bass_drum"))


def _groove(strokes: _Strokes, kit: Kit, plan: Plan, index: int) -> None:
    for start, end, phrase in plan.halves[2 * index : 2 * index + 2]:
        patterns = struck_drums(kit.levels, plan, start, plan.drive[phrase], kit.enters)
        for drum, pattern in patterns.items():
            for step in range(start, end):
                character = pattern[plan.grid.places[step] % len(pattern)]
                if character != ".":
                    strokes[step, drum] = character


def _thin(strokes: _Strokes, start: int, end: int) -> None:
    """In a breakdown only the light drums go on."""
    for step, drum in list(strokes):
        if start <= step < end and drum not in _BREAKDOWN_DRUMS:
            del strokes[step, drum]


def _leads_on(plan: Plan, plays: Sequence[bool], index: int) -> bool:
    """Whether a section ends here and drums play in the next one."""
    phrases = plan.form.phrases
    return (
        index + 1 < len(phrases)
        and phrases[index + 1].section != phrases[index].section
        and plays[index + 1]
        and phrases[index].end - phrases[index].start >= plan.grid.metre.steps
    )


def _fill(
    strokes: _Strokes, lifts: dict[int, float], fill: Mapping[str, str], plan: Plan, end: int,
    whole: bool,
) -> None:  # fmt: skip
    """A fill's bar, or its second half, in place of what came before `end`; it grows."""
    steps = plan.grid.metre.steps
    length = steps if whole else steps // 2
    for key in [key for key in strokes if end - length <= key[0] < end]:
        del strokes[key]
    for drum, pattern in fill.items():
        for offset, character in enumerate(pattern[steps - length :]):
            if character != ".":
                strokes[end - length + offset, drum] = character
    for offset in range(length):
        lifts[end - length + offset] = 0.76 + 0.44 * offset / length


def _hits(strokes: _Strokes, kit: Kit, plan: Plan, plays: Sequence[bool]) -> None:
    """Hits and strong cuts, also where the kit is silent otherwise; the last stroke."""
    for step, accent in plan.accents.items():
        playing = plays[plan.phrase_at[step]]
        asked = accent.point.asked
        if asked or (playing and accent.strength >= 0.25):
            strokes[step, kit.accent] = "X"
        if asked or (playing and accent.strength >= 0.5 and accent.point.strong):
            strokes[step, kit.crash] = "x"
    final = plan.form.final
    if plays[-1]:
        strokes[final, kit.accent], strokes[final, kit.crash] = "X", "x"
    for step, drum in list(strokes):
        asked_step = step in plan.accents and plan.accents[step].point.asked
        if step > final and not asked_step:
            del strokes[step, drum]
