"""Lead: a melody over the chords, out of their tones and light passing notes."""

import numpy as np

from vmt import chords
from vmt.arrange.plan import Event, Plan, cells, ends, phrases_played, scale_of, stress
from vmt.arrange.styles import Track

_PASSING = 0.65
_TUNE = 64  # steps after which the random part of a tune returns


def play_lead(track: Track, plan: Plan, rng: np.random.Generator) -> list[Event]:
    """A melody: chord tones that arch over each phrase, and short light passing notes of the scale.

    Phrases that come again start with the same random numbers, so that a tune returns with its
    chords; of every section's first phrase only the second half is sung, so that the melody
    answers.
    """
    found = cells(
        track.levels, plan, phrases_played(plan, track.enters, track.intro), stroke="x", forced=""
    )
    stop = ends(found, plan)
    tune = rng.random(_TUNE)
    events: list[Event] = []
    pitch = (track.lowest + track.highest) // 2
    for step, character in enumerate(found):
        phrase = plan.phrase(step)
        if character in "-." or phrase is None:
            continue
        share = (step - phrase.start) / (phrase.end - phrase.start)
        if phrase.opens and share < 0.5 and step != plan.form.final:
            continue
        tones = chords.pitch_classes(chords.token(plan.span_at[step].label))
        arch = track.lowest + (track.highest - track.lowest) * (0.3 + 0.5 * np.sin(np.pi * share))
        wish = 0.5 * pitch + 0.5 * arch + 5 * (tune[(step - phrase.start) % _TUNE] - 0.5)
        passing = character == "p" and bool(events)
        classes = scale_of(plan.key) - _clashing(tones) if passing else set(tones)
        nearby = [each for each in range(track.lowest, track.highest + 1) if each % 12 in classes]
        if passing:
            nearby = [each for each in nearby if 0 < abs(each - pitch) <= 2] or [pitch]
        pitch = min(nearby, key=lambda each: (abs(each - wish), each))
        weight = (_PASSING if passing else 0.95) * stress(plan, step)
        events.append(Event(step, stop[step], pitch, weight))
    return events


def _clashing(tones: tuple[int, ...]) -> set[int]:
    return {(tone + side) % 12 for tone in tones for side in (1, -1)} - set(tones)
