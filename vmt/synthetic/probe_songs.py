"""Songs for the check of the recognisers: one in each of the 24 keys, as notes, with all that is
known of them.

Conventions: a song is a verse and a chorus of a loop of four chords each, both played twice, then
its tonic; a chord lasts a bar of four beats. Tempo and instruments are drawn from the song's number
alone. The band comes in after a part of a second, so that chords do not change on whole seconds.
Programs are General MIDI's, counted from 0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pretty_midi

from vmt import chords
from vmt.chords import Key
from vmt.features.curves import midi_notes
from vmt.synthetic.recognition_scores import Truth

SONGS = 24
_TEMPI_BPM = (92, 100, 108, 116, 124, 132)
_MAJOR = (
    (("C", "G", "A:min", "F"), ("F", "G", "C", "A:min")),
    (("C:maj7", "A:min7", "D:min7", "G:7"), ("F:maj7", "G:7", "C:maj7", "C:maj7")),
    (("C", "E:min", "F", "G:7"), ("A:min", "F", "C", "G")),
    (("C", "F", "D:min7", "G:sus4"), ("F", "C", "G:sus4", "G")),
    (("C:maj7", "F:maj7", "E:min7", "A:min7"), ("D:min7", "G:7", "C:maj7", "G:7")),
    (("C", "C:7", "F", "G"), ("A:min", "D:min", "F", "G:7")),
)
_MINOR = (
    (("A:min", "D:min", "F", "E"), ("A:min", "G", "F", "E")),
    (("A:min7", "D:min7", "E:7", "A:min7"), ("F:maj7", "D:min7", "E:7", "A:min7")),
    (("A:min", "F", "D:min", "E:7"), ("A:min", "C", "D:min", "E")),
    (("A:min", "D:min", "B:dim", "E:7"), ("F", "G", "A:min", "E")),
    (("A:min", "E:min", "F", "E:7"), ("D:min", "A:min", "E:7", "A:min")),
    (("A:min", "A:min7", "D:min7", "E:sus4"), ("D:min", "E:7", "A:min", "E")),
)
_KEYS = (0, 4, 24, 25, 27)
_PADS = (48, 50, 89, 19)
_BASSES = (32, 33, 34, 38)
_LEADS = (73, 80, 40, 65, 56, 61)
# track: (volume CC7, pan CC10, reverb CC91)
_MIX = {
    "keys": (96, 44, 45),
    "pad": (88, 70, 65),
    "bass": (104, 64, 15),
    "lead": (88, 80, 55),
    "drums": (72, 64, 35),
}
_KICK, _SNARE, _HAT = 36, 38, 42
_LEAD_STEPS = (-2, -1, -1, 0, 1, 1, 2)


@dataclass(frozen=True)
class KnownSong:
    """A song as notes, and the truth about it."""

    name: str
    midi: pretty_midi.PrettyMIDI
    truth: Truth

    @property
    def duration_s(self) -> float:
        """To the end of its last bar."""
        return float(self.truth.intervals[-1, 1])


@dataclass(frozen=True)
class _Bar:
    label: str
    start_s: float
    beat_s: float
    chorus: bool

    @property
    def tones(self) -> tuple[int, ...]:
        return chords.pitch_classes(chords.token(self.label))

    def note(self, beat: float, beats: float, pitch: int, velocity: int) -> pretty_midi.Note:
        start_s = self.start_s + beat * self.beat_s
        return pretty_midi.Note(velocity, pitch, start_s, start_s + beats * self.beat_s)


def write_song(number: int, *, lead: bool = False, cents: float = 0.0) -> KnownSong:
    """Song `number` of the 24: 0 to 11 are C major to B major, 12 to 23 C minor to B minor.

    Args:
        number: 0 to 23.
        lead: whether a melody plays over the band, with notes that are not of the chord.
        cents: how far all pitches are off, -200 to 200.
    """
    minor, tonic = divmod(number, 12)
    key = Key(tonic, minor=bool(minor))
    rng = np.random.default_rng([number, 5])
    beat_s = 60 / _TEMPI_BPM[int(rng.integers(len(_TEMPI_BPM)))]
    verse, chorus = (_MINOR if minor else _MAJOR)[tonic % 6]
    labels = [*verse * 2, *chorus * 2, "A:min" if minor else "C"]
    tokens = chords.transpose(chords.tokens(labels), tonic - (9 if minor else 0))
    start_s = float(rng.uniform(0.1, 0.9))
    bars = [
        _Bar(chords.label(int(token)), start_s + index * 4 * beat_s, beat_s, 8 <= index < 16)
        for index, token in enumerate(tokens)
    ]
    tracks = _tracks(rng)
    for name, play in _PARTS.items():
        tracks[name].notes += [note for bar in bars for note in play(bar)]
    if lead:
        tracks["lead"].notes += _melody(bars, key, rng)
    midi = pretty_midi.PrettyMIDI(initial_tempo=60 / beat_s)
    midi.instruments = list(tracks.values())
    if cents:
        for track in midi.instruments:
            track.pitch_bends.append(pretty_midi.PitchBend(round(cents / 200 * 8192), 0.0))
    edges = [0.0, *(bar.start_s for bar in bars), bars[-1].start_s + 4 * beat_s]
    truth = Truth(
        np.stack([edges[:-1], edges[1:]], axis=1),
        ("N", *(bar.label for bar in bars)),
        key,
        tuple(midi_notes(midi)),
    )
    return KnownSong(str(key), midi, truth)


def _tracks(rng: np.random.Generator) -> dict[str, pretty_midi.Instrument]:
    programs = {"keys": _KEYS, "pad": _PADS, "bass": _BASSES, "lead": _LEADS, "drums": (0,)}
    tracks = {}
    for name, choices in programs.items():
        program = choices[int(rng.integers(len(choices)))]
        track = pretty_midi.Instrument(program, is_drum=name == "drums", name=name)
        for control, value in zip((7, 10, 91), _MIX[name], strict=True):
            track.control_changes.append(pretty_midi.ControlChange(control, value, 0.0))
        tracks[name] = track
    return tracks


def _above(tone: int, lowest: int) -> int:
    return lowest + (tone - lowest) % 12


def _keys(bar: _Bar) -> Iterator[pretty_midi.Note]:
    """Broken chords in a chorus, two struck chords a bar in a verse."""
    pitches = sorted(_above(tone, 57) for tone in bar.tones)
    if bar.chorus:
        for step in range(8):
            yield bar.note(
                step / 2, 1.0, pitches[step % len(pitches)] + 12 * (step // len(pitches) % 2), 80
            )
    for beat in (0.0, 2.0):
        for pitch in pitches:
            yield bar.note(beat, 1.9, pitch, 74)


def _pad(bar: _Bar) -> Iterator[pretty_midi.Note]:
    if bar.chorus:
        for tone in bar.tones:
            yield bar.note(0.0, 3.95, _above(tone, 60), 66)


def _bass(bar: _Bar) -> Iterator[pretty_midi.Note]:
    """The root in long notes, or in eighths with the fifth above it in a chorus."""
    root = _above(bar.tones[0], 31)
    if not bar.chorus:
        yield bar.note(0.0, 2.9, root, 92)
        yield bar.note(3.0, 0.9, root, 84)
        return
    fifth = root + (bar.tones[2] - bar.tones[0]) % 12
    for step in range(8):
        yield bar.note(step / 2, 0.45, fifth if step == 6 else root, 90)


def _drums(bar: _Bar) -> Iterator[pretty_midi.Note]:
    for step in range(8):
        yield bar.note(step / 2, 0.2, _HAT, 70 if step % 2 else 84)
    for beat in range(4):
        yield bar.note(float(beat), 0.3, _SNARE if beat % 2 else _KICK, 92)


_PARTS: dict[str, Callable[[_Bar], Iterator[pretty_midi.Note]]] = {
    "keys": _keys,
    "pad": _pad,
    "bass": _bass,
    "drums": _drums,
}


def _melody(bars: list[_Bar], key: Key, rng: np.random.Generator) -> Iterator[pretty_midi.Note]:
    """Steps and small leaps along the scale, on a tone of the chord at each bar's start."""
    steps = (0, 2, 3, 5, 7, 8, 10) if key.minor else (0, 2, 4, 5, 7, 9, 11)
    scale = [pitch for pitch in range(67, 91) if (pitch - key.tonic) % 12 in steps]
    place = len(scale) // 2
    for bar in bars:
        beat = 0.0
        while beat < 4:
            beats = float(rng.choice((0.5, 0.5, 1.0, 1.5)))
            if beat == 0:
                near = [index for index in range(len(scale)) if scale[index] % 12 in bar.tones]
                place = min(near, key=lambda index: abs(index - place), default=place)
            yield bar.note(beat, min(beats, 4 - beat) * 0.95, scale[place], 88)
            place = int(np.clip(place + rng.choice(_LEAD_STEPS), 0, len(scale) - 1))
            beat += beats
