"""A song of the demo corpus as notes: keys, pad, bass, lead and light drums.

Conventions: seconds of the score's clock: the video starts at `Song.score_start_s`, amid music, so
that its first moment has a chord to be heard. MIDI pitches and velocities; programs are General
MIDI's, counted from 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords
from vmt.synthetic.songs import Chord, Song

_ENERGY = {"intro": 0.5, "verse": 0.65, "chorus": 0.95, "end": 0.6}
_KICK, _SNARE, _BRUSH, _HAT, _RIDE, _CRASH = 36, 38, 40, 42, 51, 49
_FASTEST_S = 0.24  # two notes of an arpeggio are no closer


@dataclass(frozen=True)
class _Band:
    """Programs to choose from, and how the keys play."""

    keys: tuple[int, ...]
    pad: tuple[int, ...]
    bass: tuple[int, ...]
    lead: tuple[int, ...]
    arpeggio: bool
    drums: float


_BANDS = {
    "exciting": _Band(
        keys=(0, 4), pad=(50, 48), bass=(33, 34), lead=(80, 61), arpeggio=False, drums=1.0
    ),
    "sad": _Band(
        keys=(0, 0), pad=(48, 49), bass=(32, 43), lead=(40, 68), arpeggio=True, drums=0.45
    ),
    "relaxing": _Band(
        keys=(4, 24), pad=(89, 49), bass=(35, 32), lead=(73, 11), arpeggio=True, drums=0.6
    ),
    "tense": _Band(
        keys=(45, 6), pad=(44, 48), bass=(38, 33), lead=(71, 69), arpeggio=True, drums=0.9
    ),
}
# track: (volume CC7, pan CC10, reverb CC91)
_MIX = {
    "pad": (92, 64, 70),
    "keys": (96, 44, 45),
    "bass": (104, 64, 15),
    "lead": (82, 84, 60),
    "drums": (72, 64, 35),
}


@dataclass(frozen=True)
class _Bar:
    """One chord of the song as the players see it, on the score's clock."""

    chord: Chord
    start_s: float
    beats: int
    beat_s: float
    beats_per_bar: int

    @property
    def energy(self) -> float:
        return _ENERGY[self.chord.part]

    @property
    def tones(self) -> tuple[int, ...]:
        return chords.pitch_classes(chords.token(self.chord.label))

    @property
    def pulse_s(self) -> float:
        """The finest division of a beat in use: full beats in a verse, finer in a chorus."""
        division = max(n for n in (1, 2, 4) if n == 1 or self.beat_s / n >= _FASTEST_S)
        return self.beat_s / (division if self.chord.part == "chorus" else max(1, division // 2))


def write_score(song: Song) -> pretty_midi.PrettyMIDI:
    """The notes of `song`, on the score's clock, ending where its video ends."""
    rng = np.random.default_rng([song.seed, 1])
    band = _BANDS[song.mood.name]
    choice = int(rng.integers(2))
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=song.tempo_bpm)
    tracks = {
        name: pretty_midi.Instrument(program=getattr(band, name)[choice], name=name)
        for name in ("pad", "keys", "bass", "lead")
    }
    tracks["drums"] = pretty_midi.Instrument(program=0, is_drum=True, name="drums")
    for name, track in tracks.items():
        for number, value in zip((7, 10, 91), _MIX[name], strict=True):
            track.control_changes.append(pretty_midi.ControlChange(number, value, 0.0))
    motif = _motif(song, rng)
    for bar in _bars(song):
        tracks["drums"].notes += _drums(bar, band.drums)
        if bar.tones:
            tracks["pad"].notes += _pad(bar)
            tracks["bass"].notes += _bass(bar)
            tracks["keys"].notes += _arpeggio(bar) if band.arpeggio else _stabs(bar)
            tracks["lead"].notes += _lead(bar, motif, song.key, rng)
    for track in tracks.values():
        track.notes = [_humanised(note, rng) for note in track.notes]
    midi.instruments = list(tracks.values())
    return midi


def note_density(song: Song) -> Float32[np.ndarray, " time"]:
    """Pitched notes of the score that sound during each second of the video."""
    pitched = [
        note for track in write_score(song).instruments if not track.is_drum for note in track.notes
    ]
    starts = np.array([note.start for note in pitched])
    ends = np.array([note.end for note in pitched])
    grid = np.arange(len(song.each_second()))[:, None] + song.score_start_s
    sounding: np.ndarray = ((starts < grid + 1) & (ends > grid)).sum(axis=1).astype(np.float32)
    return sounding


def _bars(song: Song) -> Iterator[_Bar]:
    beats = round(song.mood.chord_s / song.beat_s)
    for index, chord in enumerate((song.chords[0], *song.chords)):
        yield _Bar(chord, float(index * song.mood.chord_s), beats, song.beat_s, song.beats_per_bar)


def _note(start_s: float, length_s: float, pitch: int, velocity: float | int) -> pretty_midi.Note:
    return pretty_midi.Note(
        velocity=int(np.clip(velocity, 1, 127)), pitch=pitch, start=start_s, end=start_s + length_s
    )


def _humanised(note: pretty_midi.Note, rng: np.random.Generator) -> pretty_midi.Note:
    late_s = float(rng.uniform(0.0, 0.008))
    velocity = int(np.clip(note.velocity + rng.integers(-5, 6), 1, 127))
    return pretty_midi.Note(
        velocity=velocity,
        pitch=note.pitch,
        start=round(note.start + late_s, 4),
        end=round(note.end, 4),
    )


def _above(pitch_class: int, lowest: int) -> int:
    return lowest + (pitch_class - lowest) % 12


def _pad(bar: _Bar) -> list[pretty_midi.Note]:
    length_s = bar.beats * bar.beat_s - 0.03
    notes = [
        _note(bar.start_s, length_s, _above(tone, 55), 62 + 24 * bar.energy) for tone in bar.tones
    ]
    colour = bar.tones[3:] or (bar.tones[1:2] if bar.chord.label.endswith("sus4") else ())
    return notes + [
        _note(bar.start_s, length_s, _above(tone, 67), 62 + 24 * bar.energy) for tone in colour
    ]  # heard as more than a triad


def _bass(bar: _Bar) -> list[pretty_midi.Note]:
    root, fifth = _above(bar.tones[0], 33), _above(bar.tones[2], 33)
    if bar.chord.part == "end":
        return [_note(bar.start_s, bar.beats * bar.beat_s, root, 80)]
    if bar.chord.part == "verse":
        step = bar.beats_per_bar
        return [
            _note(bar.start_s + at * bar.beat_s, 0.92 * step * bar.beat_s, root, 82)
            for at in range(0, bar.beats, step)
        ]
    notes = []
    for at in range(bar.beats):
        pitch = (
            fifth
            if at % bar.beats_per_bar == bar.beats_per_bar - 1 and at != bar.beats - 1
            else root
        )
        notes.append(
            _note(
                bar.start_s + at * bar.beat_s,
                0.85 * bar.beat_s,
                pitch,
                92 if at % bar.beats_per_bar == 0 else 80,
            )
        )
    return notes


def _stabs(bar: _Bar) -> list[pretty_midi.Note]:
    voicing = [_above(tone, 60) for tone in bar.tones]
    if bar.chord.part == "end":
        return [_note(bar.start_s, bar.beats * bar.beat_s, pitch, 70) for pitch in voicing]
    notes = []
    for at in range(bar.beats):
        notes += [
            _note(bar.start_s + at * bar.beat_s, 0.55 * bar.beat_s, pitch, 58 + 26 * bar.energy)
            for pitch in voicing
        ]
        if bar.pulse_s < bar.beat_s and at % 2:
            notes += [
                _note(bar.start_s + (at + 0.5) * bar.beat_s, 0.3 * bar.beat_s, pitch, 64)
                for pitch in voicing
            ]
    return notes


def _arpeggio(bar: _Bar) -> list[pretty_midi.Note]:
    tones = sorted(_above(tone, 57) for tone in bar.tones)
    ladder = [*tones, tones[0] + 12, *reversed(tones[1:])]
    if bar.chord.part == "end":
        return [
            _note(bar.start_s + 0.12 * i, bar.beats * bar.beat_s - 0.12 * i, pitch, 66)
            for i, pitch in enumerate([*tones, tones[0] + 12])
        ]
    count = round(bar.beats * bar.beat_s / bar.pulse_s)
    return [
        _note(
            bar.start_s + i * bar.pulse_s,
            min(1.8 * bar.pulse_s, (count - i) * bar.pulse_s),
            ladder[i % len(ladder)],
            54 + 26 * bar.energy,
        )
        for i in range(count)
    ]


def _motif(song: Song, rng: np.random.Generator) -> list[tuple[int, int]]:
    """One bar of rhythm, (length in half beats, step of the contour), that the whole song keeps."""
    left, motif = 2 * song.beats_per_bar, []
    lengths = (1, 2, 2, 3) if song.beat_s > 0.45 else (2, 2, 4)
    while left > 0:
        length = min(left, int(rng.choice(lengths)))
        motif.append((length, int(rng.choice((-1, -1, 0, 1, 1)))))
        left -= length
    return motif


def _lead(
    bar: _Bar, motif: list[tuple[int, int]], key: chords.Key, rng: np.random.Generator
) -> list[pretty_midi.Note]:
    """The motif over the chord: chord tones on the beat, a neighbour of the scale on short notes
    off the beat.
    """
    if bar.chord.part == "verse" and rng.random() < 0.35:
        return []
    tones = sorted(
        {_above(tone, 72) for tone in bar.tones}
        | {_above(tone, 72) - 12 for tone in bar.tones[:1]}
        | {_above(bar.tones[2], 72)}
    )
    if bar.chord.part == "end":
        return [_note(bar.start_s, bar.beats * bar.beat_s, _above(key.tonic, 72), 78)]
    scale = {
        (key.tonic + step) % 12
        for step in ((0, 2, 3, 5, 7, 8, 10) if key.minor else (0, 2, 4, 5, 7, 9, 11))
    }
    notes, half_beat_s = [], bar.beat_s / 2
    for start in range(0, 2 * bar.beats, 2 * bar.beats_per_bar):
        at, place = start, len(tones) // 2
        for length, step in motif:
            place = int(np.clip(place + step, 0, len(tones) - 1))
            pitch = tones[place]
            if length == 1 and at % 2:
                pitch = next(
                    p for p in (pitch + 1, pitch + 2, pitch) if p % 12 in scale or p == pitch
                )
            notes.append(
                _note(
                    bar.start_s + at * half_beat_s,
                    0.9 * length * half_beat_s,
                    pitch,
                    60 + 26 * bar.energy,
                )
            )
            at += length
    return notes


def _drums(bar: _Bar, strength: float) -> list[pretty_midi.Note]:
    if bar.chord.part == "end":
        return [_note(bar.start_s, 0.5, _CRASH, 60 * strength)]
    backbeats = {3: (2,), 4: (1, 3), 5: (3,)}[bar.beats_per_bar]
    notes = []
    for at in range(bar.beats):
        start_s, beat = bar.start_s + at * bar.beat_s, at % bar.beats_per_bar
        if beat == 0 or (beat == 2 and bar.beats_per_bar == 4 and bar.energy > 0.8):
            notes.append(_note(start_s, 0.1, _KICK, 96 * strength))
        if beat in backbeats and bar.chord.part != "intro":
            notes.append(_note(start_s, 0.1, _SNARE if strength > 0.7 else _BRUSH, 78 * strength))
        notes.append(_note(start_s, 0.1, _HAT if strength > 0.5 else _RIDE, 62 * strength))
        if bar.energy > 0.8 and bar.beat_s / 2 >= _FASTEST_S:
            notes.append(_note(start_s + bar.beat_s / 2, 0.1, _HAT, 46 * strength))
    return notes
