"""Harmony and pads: chords and broken chords, voice-led."""

from collections.abc import Mapping, Sequence

from vmt import chords
from vmt.arrange.form import CLIMAX
from vmt.arrange.plan import Event, Plan
from vmt.arrange.styles import Track
from vmt.arrange.texture import ends, expand_pattern, stress
from vmt.arrange.voicing import Voicing, voice, voice_leading

_WEIGHTS = {"X": 1.06, "x": 0.9, "h": 0.88, "o": 0.62}


def play_harmony(track: Track, plan: Plan, plays: Sequence[bool]) -> list[Event]:
    """Chords and broken chords, with the smallest movements from one to the next; also pads.

    Args:
        track: the instrument.
        plan: of the piece.
        plays: for each phrase, whether it plays.
    """
    voicings = _voicings(track, plan)
    marked = track.role == "harmony" and track.hit
    cells = expand_pattern(track.levels, plan, plays, stroke="X", marked=marked)
    _with_thirds(cells, plan, voicings)
    stop = ends(cells, plan)
    soaring = track.role == "pad" and track.soars
    events = []
    for step, character in enumerate(cells):
        if character in "-.":
            continue
        span = plan.span_at[step]
        end = span.end if track.ring else stop[step]
        if track.ring and step < plan.form.final:
            end = min(end, step + plan.grid.metre.steps)
        exact = step in plan.accents or step == plan.form.final or step in plan.section_starts
        high = soaring and plan.section_of(plan.phrase(step)).kind == CLIMAX
        octave = 12 if high else 0
        for place, pitch in enumerate(_struck(voicings[span.start], character)):
            weight = _WEIGHTS.get(character, 0.9) * stress(plan, step)
            top = (
                pitch + octave
                if octave and place and pitch + octave <= track.highest + 7
                else pitch
            )
            late_s = 0.0 if step in plan.accents else place * track.strum_s
            events.append(Event(step, end, top, weight, late_s, exact))
    return events


def _with_thirds(cells: list[str], plan: Plan, voicings: Mapping[int, Voicing]) -> None:
    """A chord whose broken pattern brings its third (or fourth, of a sus chord) late or never is
    struck whole where it starts: until then nobody hears which chord it is.
    """
    for span in plan.form.spans:
        middle = (span.start + span.end + 1) // 2
        early = [step for step in range(span.start, middle) if cells[step] not in "-."]
        tones = chords.pitch_classes(chords.token(span.label))
        if not early or len(tones) < 2:
            continue
        voicing = voicings[span.start]
        struck = {pitch % 12 for step in early for pitch in _struck(voicing, cells[step])}
        if tones[1] not in struck and any(pitch % 12 == tones[1] for pitch in voicing):
            cells[early[0]] = "x"


def _voicings(track: Track, plan: Plan) -> dict[int, Voicing]:
    """The voicing of each chord, by the step where it starts."""
    spans = plan.form.spans
    labels = [span.label for span in spans]
    voicings = voice_leading(labels, track.lowest, track.highest, track.voices)
    if track.rooted:
        voicings = [
            (_root_under(voicing, label), *voicing)
            for voicing, label in zip(voicings, labels, strict=True)
        ]
    return {span.start: voicing for span, voicing in zip(spans, voicings, strict=True)}


def _root_under(voicing: Voicing, label: str) -> int:
    """The chord's root below its lowest voice."""
    root = chords.pitch_classes(chords.token(label))[0]
    return voicing[0] - ((voicing[0] - root) % 12 or 12)


def _struck(voicing: Voicing, character: str) -> Voicing:
    if character.isdigit():
        return (voice(voicing, int(character)),)
    return voicing[1:] if character == "h" else voicing
