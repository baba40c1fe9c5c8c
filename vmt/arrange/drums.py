"""Drums: the kit's patterns, fills before sections, crashes, accents."""

from collections.abc import Mapping

import numpy as np

from vmt.arrange.grid import STEPS_PER_BAR
from vmt.arrange.plan import HALF_BAR, Event, Plan, phrases_played, stress
from vmt.arrange.styles import DRUMS, Kit

_WEIGHTS = {"X": 1.08, "x": 0.88, "o": 0.5}
_LENGTH = 2  # steps; what a drum does with it is its own affair
CRASH_ENERGY = 0.4

_Strokes = dict[tuple[int, str], str]


def play_drums(kit: Kit, plan: Plan, rng: np.random.Generator) -> list[Event]:
    """Strokes of the whole kit; none in rests, or in phrases whose energy is under `kit.enters`."""
    plays = phrases_played(plan, kit.enters, intro=False)
    found: _Strokes = {}
    for index, playing in enumerate(plays):
        if playing:
            _groove(found, kit, plan, index)
            if _section_ends(plan, index):
                _fill(
                    found,
                    kit.fills[int(rng.integers(len(kit.fills)))],
                    plan.form.phrases[index].end,
                )
            if plan.form.phrases[index].opens and plan.energy[index] >= CRASH_ENERGY:
                found[plan.form.phrases[index].start, kit.crash] = "x"
    for step, strength in plan.accents.items():
        if plays[plan.phrase_at[step]]:
            found[step, kit.accent] = "X"
            if strength > 0.5:
                found[step, kit.crash] = "x"
    final = plan.form.final
    if final is not None and plays[plan.phrase_at[final]]:
        found[final, kit.accent], found[final, kit.crash] = "X", "x"
    return [
        Event(step, step + _LENGTH, DRUMS[drum], _WEIGHTS[character] * stress(plan, step))
        for (step, drum), character in sorted(found.items())
        if final is not None and step <= final
    ]


def _groove(found: _Strokes, kit: Kit, plan: Plan, index: int) -> None:
    phrase = plan.form.phrases[index]
    for step in range(phrase.start, phrase.end):
        drive = 0.5 * plan.busyness[step // HALF_BAR] + 0.5 * plan.energy[index]
        above = (drive - kit.enters) / max(1e-6, 1 - kit.enters)
        variants = kit.levels[int(np.clip(above * len(kit.levels), 0, len(kit.levels) - 1))]
        for drum, pattern in variants[phrase.turn % len(variants)].items():
            if pattern[step % STEPS_PER_BAR] != ".":
                found[step, drum] = pattern[step % STEPS_PER_BAR]


def _section_ends(plan: Plan, index: int) -> bool:
    phrases = plan.form.phrases
    return (
        index + 1 < len(phrases)
        and phrases[index + 1].opens
        and phrases[index + 1].start == phrases[index].end
    )


def _fill(found: _Strokes, fill: Mapping[str, str], end: int) -> None:
    """Put the second half of a fill's bar in place of the half bar before `end`."""
    for key in [key for key in found if end - HALF_BAR <= key[0] < end]:
        del found[key]
    for drum, pattern in fill.items():
        for offset, character in enumerate(pattern[HALF_BAR:]):
            if character != ".":
                found[end - HALF_BAR + offset, drum] = character
