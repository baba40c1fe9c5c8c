"""From events on the grid to a MIDI song: velocities, expression, names, marks; and its bytes."""

import io
from collections.abc import Sequence

import mido
import numpy as np
import pretty_midi
from jaxtyping import Float64

from vmt.arrange.form import REST
from vmt.arrange.plan import Event, Plan, at_times
from vmt.arrange.styles import Kit, Style, Track

RESOLUTION = 480
SECTION_MARK = "section: "
DAMPING_S = 0.2  # rests are heard at once, not after the instruments have died away
GAP_S = 0.012  # between one note and the next of the same pitch
_VOLUME, _PAN, _EXPRESSION, _REVERB, _CHORUS = 7, 10, 11, 91, 93


def make_midi(
    parts: Sequence[tuple[Track | Kit, list[Event]]],
    plan: Plan,
    style: Style,
    level: Float64[np.ndarray, " time"],
    rng: np.random.Generator,
) -> pretty_midi.PrettyMIDI:
    """A song of one instrument for each part that plays, with tempo, 4/4, key, chord symbols and
    sections.

    Args:
        parts: tracks with their events.
        plan: what they were made from.
        style: for the spread of velocities.
        level: amplitude wanted in each second, relative to the loudest.
        rng: for the spread.
    """
    midi = pretty_midi.PrettyMIDI(resolution=RESOLUTION, initial_tempo=plan.grid.tempo_bpm)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(4, 4, 0.0))
    number = plan.key.tonic + (12 if plan.key.minor else 0)
    midi.key_signature_changes.append(pretty_midi.KeySignature(number, 0.0))
    for track, events in parts:
        if events:
            instrument = pretty_midi.Instrument(
                track.program, is_drum=isinstance(track, Kit), name=track.name
            )
            instrument.notes = _notes(track, events, plan, style, level, rng)
            instrument.control_changes = _controls(track, plan, level)
            midi.instruments.append(instrument)
    midi.text_events = _texts(plan)
    return midi


def _notes(
    track: Track | Kit,
    events: list[Event],
    plan: Plan,
    style: Style,
    level: Float64[np.ndarray, " time"],
    rng: np.random.Generator,
) -> list[pretty_midi.Note]:
    starts = np.array([plan.grid.seconds(event.step) + event.late_s for event in events])
    touch = at_times(level, starts) ** 0.2  # expression does the rest
    wanted = track.velocity * touch * np.array([event.weight for event in events])
    velocities = np.clip(np.rint(wanted + rng.normal(0, style.spread, len(events))), 1, 127).astype(
        int
    )
    notes: list[pretty_midi.Note] = []
    sounding: dict[int, pretty_midi.Note] = {}
    for event, start, velocity in zip(events, starts.tolist(), velocities.tolist(), strict=True):
        end = max(start + 0.03, min(plan.grid.seconds(event.end), plan.form.end_s) - GAP_S)
        before = sounding.get(event.pitch)
        if before is not None and before.start >= start:
            before.velocity = max(before.velocity, velocity)
            continue
        if before is not None and before.end > start - GAP_S:
            before.end = max(before.start + 0.01, start - GAP_S)
        sounding[event.pitch] = pretty_midi.Note(velocity, event.pitch, start, end)
        notes.append(sounding[event.pitch])
    return notes


def _controls(
    track: Track | Kit, plan: Plan, level: Float64[np.ndarray, " time"]
) -> list[pretty_midi.ControlChange]:
    """Volume, pan and effects at the start; expression twice a second and around rests, where it
    changes.
    """
    fixed = (
        (_VOLUME, track.volume),
        (_PAN, track.pan),
        (_REVERB, track.reverb),
        (_CHORUS, track.chorus),
    )
    changes = [pretty_midi.ControlChange(number, value, 0.0) for number, value in fixed]
    rests = [
        (plan.grid.seconds(each.start), plan.grid.seconds(each.end))
        for each in plan.form.spans
        if each.label == REST
    ]
    around = [
        start + DAMPING_S * share for start, _ in rests for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    ends = [end for _, end in rests if end < plan.form.end_s]
    times = np.union1d(np.arange(0, max(plan.form.end_s, 0.5), 0.5), [*around, *ends])
    values = np.rint(127 * _open(times, rests) * at_times(level, times) ** 0.3).astype(int)
    for i, (time_s, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        if i == 0 or value != values[i - 1]:
            changes.append(pretty_midi.ControlChange(_EXPRESSION, value, time_s))
    return changes


def _open(
    times: Float64[np.ndarray, " n"], rests: list[tuple[float, float]]
) -> Float64[np.ndarray, " n"]:
    """1 outside rests, falling to 0 at the start of each."""
    found = np.ones_like(times)
    for start, end in rests:
        inside = slice(*np.searchsorted(times, [start, end]))
        found[inside] = np.clip(1 - (times[inside] - start) / DAMPING_S, 0, 1)
    return found


def _texts(plan: Plan) -> list[pretty_midi.Text]:
    """Chord symbols where chords change, and a mark where a section starts."""
    texts = [
        pretty_midi.Text(span.label, plan.grid.seconds(span.start)) for span in plan.form.spans
    ]
    for phrase in plan.form.phrases:
        if phrase.opens:
            texts.append(
                pretty_midi.Text(SECTION_MARK + phrase.section, plan.grid.seconds(phrase.start))
            )
    if plan.form.final is not None:
        texts.append(pretty_midi.Text(SECTION_MARK + "Ending", plan.grid.seconds(plan.form.final)))
    return sorted(texts, key=lambda text: (text.time, not text.text.startswith(SECTION_MARK)))


def midi_bytes(midi: pretty_midi.PrettyMIDI) -> bytes:
    """A standard MIDI file; the same song gives the same bytes. Sections become markers."""
    file = io.BytesIO()
    midi.write(file)
    song = mido.MidiFile(file=io.BytesIO(file.getvalue()))
    for track in song.tracks:
        for i, message in enumerate(track):
            if message.type == "text" and message.text.startswith(SECTION_MARK):
                track[i] = mido.MetaMessage(
                    "marker", text=message.text.removeprefix(SECTION_MARK), time=message.time
                )
            elif message.type == "set_tempo":
                # pretty_midi rounds microseconds down, and so may be one out
                exact = round(6e7 / midi.get_tempo_changes()[1][0])
                track[i] = message.copy(tempo=exact)
    out = io.BytesIO()
    song.save(file=out)
    return out.getvalue()
