"""From events on the grid to a MIDI song: velocities, expression, tempo map, names, marks; and its
bytes.
"""

import io
from collections.abc import Sequence

import mido
import numpy as np
import pretty_midi
from jaxtyping import Float64

from vmt import chords
from vmt.arrange.grid import Grid
from vmt.arrange.groove import late_seconds
from vmt.arrange.plan import Event, Plan, at_times
from vmt.arrange.styles import Kit, Style, Track

RESOLUTION = 480
SECTION_MARK = "section: "
PHRASE_MARK = "phrase: "
GAP_S = 0.012  # between one note and the next of the same pitch
EXPRESSION_SHARE = 0.62  # of the level, by expression; velocity and players bring the rest
VELOCITY_SHARE = 0.25
LOUDEST_EXPRESSION = 120
STEP_S = 0.25  # between two values of expression
_VOLUME, _PAN, _EXPRESSION, _REVERB, _CHORUS = 7, 10, 11, 91, 93

Part = tuple[Track | Kit, list[Event]]


def make_midi(
    parts: Sequence[Part], plan: Plan, style: Style, seed: Sequence[int]
) -> pretty_midi.PrettyMIDI:
    """A song of one instrument for each part that plays, with tempo, metre, key, chord symbols and
    sections.

    Args:
        parts: tracks with their events.
        plan: what they were made from.
        style: for the spread of velocities.
        seed: of velocities and timing.
    """
    midi = pretty_midi.PrettyMIDI(resolution=RESOLUTION, initial_tempo=6e7 / plan.grid.tempi[0][1])
    _set_tempi(midi, plan.grid)
    midi.time_signature_changes = _metres(plan.grid)
    number = plan.key.tonic + (12 if plan.key.minor else 0)
    midi.key_signature_changes.append(pretty_midi.KeySignature(number, 0.0))
    for index, (track, events) in enumerate(parts):
        if events:
            instrument = pretty_midi.Instrument(
                track.program, is_drum=isinstance(track, Kit), name=track.name
            )
            instrument.notes = _notes(track, events, plan, style, (*seed, index))
            instrument.control_changes = _controls(track, plan)
            midi.instruments.append(instrument)
    midi.text_events = _texts(plan)
    return midi


def _set_tempi(midi: pretty_midi.PrettyMIDI, grid: Grid) -> None:
    """The grid's tempo map."""
    ticks_a_step = RESOLUTION // 4
    midi._tick_scales = [
        (step * ticks_a_step, microseconds / 1e6 / RESOLUTION) for step, microseconds in grid.tempi
    ]
    midi._update_tick_to_time((grid.steps + 2 * grid.metre.steps) * ticks_a_step)


def _metres(grid: Grid) -> list[pretty_midi.TimeSignature]:
    """A time signature wherever a bar is longer or shorter than the one before."""
    changes: list[pretty_midi.TimeSignature] = []
    length = 0
    for start, end in zip(grid.bars, grid.bars[1:], strict=False):
        if end - start != length:
            length = end - start
            numerator = round(length * grid.metre.denominator / 16)
            denominator = grid.metre.denominator
            changes.append(pretty_midi.TimeSignature(numerator, denominator, grid.straight(start)))
    return changes


def _notes(
    track: Track | Kit, events: list[Event], plan: Plan, style: Style, seed: Sequence[int]
) -> list[pretty_midi.Note]:
    events = sorted(events, key=lambda event: (event.step, event.late_s, event.pitch))
    late = late_seconds(track, events, plan, (*seed, 1))
    rng = np.random.default_rng([*seed, 2])
    starts = np.array(
        [plan.grid.times[event.step] + late_s for event, late_s in zip(events, late, strict=True)]
    )
    for index, event in enumerate(events):
        accent = plan.accents.get(event.step)
        if accent is not None:
            starts[index] = accent.point.time_s + event.late_s
    starts = np.maximum(starts, 0.0)
    touch = 10 ** (VELOCITY_SHARE * at_times(plan.level_db, starts) / 40)
    weights = np.array([event.weight for event in events])
    scatter = np.clip(rng.normal(0, style.spread, len(events)), -2 * style.spread, 2 * style.spread)
    velocities = np.clip(np.rint(track.velocity * touch * weights + scatter), 1, 127).astype(int)
    notes: list[pretty_midi.Note] = []
    sounding: dict[int, pretty_midi.Note] = {}
    order = np.argsort(starts, kind="stable").tolist()
    for index in order:
        event, start, velocity = events[index], float(starts[index]), int(velocities[index])
        end = max(
            start + 0.03,
            min(plan.grid.times[min(event.end, plan.grid.steps)], plan.form.end_s) - GAP_S,
        )
        for stop_s, resume_s in plan.stops:
            if start < stop_s - 1e-6 < end:
                end = stop_s
            elif stop_s - 1e-6 <= start < resume_s - 1e-6:
                end = -1.0
        if end <= start or start >= plan.form.end_s - 0.05:
            continue
        before = sounding.get(event.pitch)
        if before is not None and before.start >= start - 0.02:
            before.velocity = max(before.velocity, velocity)
            before.end = max(before.end, end)
            continue
        if before is not None and before.end > start - GAP_S:
            before.end = max(before.start + 0.01, start - GAP_S)
        sounding[event.pitch] = pretty_midi.Note(velocity, event.pitch, start, end)
        notes.append(sounding[event.pitch])
    return notes


def _controls(track: Track | Kit, plan: Plan) -> list[pretty_midi.ControlChange]:
    """Volume, pan and effects at the start; expression four times a second where it changes; 0 in
    stops.
    """
    fixed = (
        (_VOLUME, track.volume),
        (_PAN, track.pan),
        (_REVERB, track.reverb),
        (_CHORUS, track.chorus),
    )
    changes = [pretty_midi.ControlChange(number, value, 0.0) for number, value in fixed]
    times = np.arange(0, max(plan.form.end_s, STEP_S), STEP_S)
    bounds = [time_s for stop in plan.stops for time_s in stop]
    times = np.union1d(times, bounds) if bounds else times
    values = expression(plan, times)
    for index, (time_s, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        if index == 0 or value != values[index - 1]:
            changes.append(pretty_midi.ControlChange(_EXPRESSION, value, time_s))
    return changes


def expression(plan: Plan, times: Float64[np.ndarray, " n"]) -> np.ndarray:
    """MIDI expression (CC11) at some times. Its square is the amplitude (General MIDI)."""
    level_db = EXPRESSION_SHARE * at_times(plan.level_db, times)
    values = np.rint(LOUDEST_EXPRESSION * 10 ** (level_db / 40)).astype(int)
    for stop_s, resume_s in plan.stops:
        values[(times >= stop_s - 1e-9) & (times < resume_s - 1e-9)] = 0
    return values


def _texts(plan: Plan) -> list[pretty_midi.Text]:
    """Chord symbols where chords change, and a mark where a section starts."""
    grid = plan.grid
    texts = []
    label = ""
    for span in plan.form.spans:
        if span.label != label:
            symbol = chords.spell(span.label, plan.key)
            texts.append(pretty_midi.Text(symbol, grid.straight(span.start)))
        label = span.label
    for section in plan.form.sections:
        texts.append(pretty_midi.Text(SECTION_MARK + section.name, grid.straight(section.start)))
    for phrase in plan.form.phrases:
        texts.append(
            pretty_midi.Text(f"{PHRASE_MARK}{phrase.bars} bars", grid.straight(phrase.start))
        )
    texts.append(pretty_midi.Text(SECTION_MARK + "Ending", grid.straight(plan.form.final)))
    return sorted(texts, key=lambda text: (text.time, _rank(text.text)))


def _rank(text: str) -> int:
    """Sections come before phrases, and phrases before chords."""
    return 0 if text.startswith(SECTION_MARK) else 1 if text.startswith(PHRASE_MARK) else 2


def midi_bytes(midi: pretty_midi.PrettyMIDI) -> bytes:
    """A standard MIDI file; the same song gives the same bytes.

    Sections become markers, phrases cue points.
    """
    file = io.BytesIO()
    midi.write(file)
    song = mido.MidiFile(file=io.BytesIO(file.getvalue()))
    tempi = [round(scale * RESOLUTION * 1e6) for _, scale in midi._tick_scales]
    for track in song.tracks:
        for i, message in enumerate(track):
            if message.type == "text" and message.text.startswith(SECTION_MARK):
                track[i] = mido.MetaMessage(
                    "marker", text=message.text.removeprefix(SECTION_MARK), time=message.time
                )
            elif message.type == "text" and message.text.startswith(PHRASE_MARK):
                track[i] = mido.MetaMessage(
                    "cue_marker", text=message.text.removeprefix(PHRASE_MARK), time=message.time
                )
            elif message.type == "set_tempo":
                # pretty_midi rounds microseconds down, and so may be one out
                exact = min(tempi, key=lambda tempo: abs(tempo - message.tempo))
                track[i] = message.copy(tempo=exact)
            elif message.type == "key_signature":
                # pretty_midi writes six sharps for Eb minor, which `chords.spell` gives six flats
                tonic, mode = chords.spell(chords.parse_key(message.key)).split()
                track[i] = message.copy(key=tonic + ("m" if mode == "minor" else ""))
    out = io.BytesIO()
    song.save(file=out)
    return out.getvalue()
