"""Harmony and pads: chords and broken chords, voice-led."""

from vmt import chords
from vmt.arrange.grid import STEPS_PER_BAR
from vmt.arrange.plan import Event, Plan, cells, ends, phrases_played, stress
from vmt.arrange.styles import Track
from vmt.arrange.voicing import Voicing, voice, voice_leading

_WEIGHTS = {"X": 1.08, "x": 0.88, "h": 0.86}


def play_harmony(track: Track, plan: Plan) -> list[Event]:
    """Chords and broken chords, with the smallest movements from one to the next; also pads."""
    voicings = _voicings(track, plan)
    plays = phrases_played(plan, track.enters, track.intro)
    found = cells(track.levels, plan, plays, stroke="X", accented=track.role == "harmony")
    stop = ends(found, plan)
    events = []
    for step, character in enumerate(found):
        if character in "-.":
            continue
        span = plan.span_at[step]
        end = span.end if track.ring else stop[step]
        if track.ring and step != plan.form.final:
            end = min(end, step + STEPS_PER_BAR)
        for place, pitch in enumerate(_struck(voicings[span.start], character)):
            weight = _WEIGHTS.get(character, 0.9) * stress(plan, step)
            events.append(Event(step, end, pitch, weight, place * track.strum_s))
    return events


def _voicings(track: Track, plan: Plan) -> dict[int, Voicing]:
    """The voicing of each chord, by the step where it starts."""
    led = voice_leading(
        [span.label for span in plan.sounding], track.lowest, track.highest, track.voices
    )
    if track.rooted:
        roots = [chords.pitch_classes(chords.token(span.label))[0] for span in plan.sounding]
        led = [
            (each[0] - ((each[0] - root) % 12 or 12), *each)
            for each, root in zip(led, roots, strict=True)
        ]
    return {span.start: each for span, each in zip(plan.sounding, led, strict=True)}


def _struck(voicing: Voicing, character: str) -> Voicing:
    if character.isdigit():
        return (voice(voicing, int(character)),)
    return voicing[1:] if character == "h" else voicing
