"""From notes to sound: synthesis with FluidSynth, mastering, FLAC.

Sound is (2, samples), float32, full scale = 1. Both stages are deterministic and write nothing but
the file asked for.
"""

import ctypes
import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pretty_midi
import soundfile
from jaxtyping import Float32

from vmt.audio.soundfont import check_soundfont, default_soundfont, fluidsynth_module
from vmt.errors import GenerationError

SAMPLE_RATE = 48000
DRUM_BANK = 128
FADE_S = 0.3
CLOSING_S = 0.1
EXPRESSION = 11
_CHUNK_S = 10
_REVERB = {"roomsize": 0.45, "damping": 0.35, "width": 0.9, "level": 0.55}
_CHORUS = {"nr": 3, "level": 1.2, "speed": 0.4, "depth": 5.0, "type": 0}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class _Event:
    """One message to the synthesizer; at one sample, controls come before ends of notes, and these
    before starts.
    """

    sample: int
    rank: int
    channel: int
    number: int
    value: int


_BEND, _CONTROL, _NOTE_OFF, _NOTE_ON = range(4)


def synthesize(
    midi: pretty_midi.PrettyMIDI,
    *,
    duration_s: float,
    sample_rate: int = SAMPLE_RATE,
    soundfont: Path | None = None,
) -> Float32[np.ndarray, "2 samples"]:
    """Play `midi` in stereo with reverb and chorus.

    Each instrument has a channel of its own, so that its volume (CC7), pan (CC10), expression
    (CC11), reverb (CC91) and chorus (CC93) are its own. What the SoundFont lacks is played by a
    relative, with a warning. Where the expression of every instrument is 0 the reverb falls silent
    too. The last 0.3 s fade out.

    Args:
        midi: notes and controls; times in seconds.
        duration_s: length of the sound; what `midi` has after it is not heard.
        sample_rate: in Hz, 8000 to 96000.
        soundfont: a .sf2 file; TimGM6mb where None.

    Returns:
        Exactly round(duration_s * sample_rate) samples, not normalised.

    Raises:
        GenerationError: if the SoundFont or the synthesizer cannot be used.
    """
    samples = round(duration_s * sample_rate)
    sound = np.zeros((2, samples), dtype=np.float32)
    closed = _closed(midi, duration_s)
    with _player(midi, sample_rate, soundfont, groups=1) as player:
        player.play(sound[np.newaxis])
    _shape(sound, 0, samples, closed, sample_rate)
    return sound


def synthesize_stems(
    midi: pretty_midi.PrettyMIDI,
    *,
    duration_s: float,
    sample_rate: int = SAMPLE_RATE,
    soundfont: Path | None = None,
) -> Iterator[Float32[np.ndarray, "instruments 2 samples"]]:
    """Play `midi` as `synthesize` does, every instrument into a sound of its own, ten seconds at a
    time.

    It is one performance with reverb and chorus for each instrument, so that the stems' sum is what
    `synthesize` gives, to rounding. Playing the instruments one after the other would not do:
    FluidSynth's voices keep something of the note that they played before, and the sum is then only
    34 to 55 dB from the music.

    Args:
        midi: as for `synthesize`.
        duration_s: length of the sound.
        sample_rate: in Hz, 8000 to 96000.
        soundfont: a .sf2 file; TimGM6mb where None.

    Yields:
        The next at most ten seconds of each instrument, in the order of `midi.instruments`.

    Raises:
        GenerationError: if the SoundFont or the synthesizer cannot be used.
    """
    samples, count = round(duration_s * sample_rate), len(midi.instruments)
    closed = _closed(midi, duration_s)
    step = _CHUNK_S * sample_rate
    with _player(midi, sample_rate, soundfont, groups=max(count, 1)) as player:
        for start in range(0, samples if count else 0, step):
            parts = np.zeros((count, 2, min(step, samples - start)), dtype=np.float32)
            player.play(parts)
            for part in parts:
                _shape(part, start, samples, closed, sample_rate)
            yield parts


@contextmanager
def _player(
    midi: pretty_midi.PrettyMIDI, sample_rate: int, soundfont: Path | None, *, groups: int
) -> Iterator["_Player"]:
    """A synthesizer with a song's instruments on its channels.

    Args:
        midi: the song.
        sample_rate: in Hz.
        soundfont: a .sf2 file; TimGM6mb where None.
        groups: sounds that it gives, each with reverb and chorus; the channels take them in turn.
    """
    path = default_soundfont() if soundfont is None else check_soundfont(soundfont)
    library = fluidsynth_module()
    channels = 16 * max(1, math.ceil(len(midi.instruments) / 16))
    _silence_messages(library)
    settings = {
        "synth.cpu-cores": 1,
        "synth.polyphony": 512,
        # only the programs that play are read: a compressed font (.sf3) is ten times quicker
        "synth.dynamic-sample-loading": 1,
    }
    if groups > 1:
        settings |= {
            "synth.audio-channels": groups,
            "synth.audio-groups": groups,
            "synth.effects-groups": groups,
        }
    synth = library.Synth(gain=0.5, samplerate=sample_rate, channels=channels, **settings)
    try:
        synth.set_reverb(**_REVERB)
        synth.set_chorus(**_CHORUS)
        font = synth.sfload(str(path))
        if font < 0:
            raise GenerationError(
                f"soundfont {path}: FluidSynth cannot read it; set VMT_SOUNDFONT to another "
                "file, or leave it empty"
            )
        for channel, instrument in enumerate(midi.instruments):
            _select_program(synth, font, channel, instrument)
        yield _Player(library, synth, _events(midi, sample_rate))
    finally:
        synth.delete()


class _Player:
    """A synthesizer that plays on from where it stopped."""

    def __init__(self, library: Any, synth: Any, events: list[_Event]) -> None:
        self._library, self._synth, self._events = library, synth, events
        self._next = self._done = 0

    def play(self, sound: Float32[np.ndarray, "groups 2 samples"]) -> None:
        """Fill `sound`, which is silent, with what comes next."""
        first, end = self._done, self._done + sound.shape[2]
        while self._next < len(self._events) and self._events[self._next].sample < end:
            event = self._events[self._next]
            self._write(sound, first, event.sample)
            self._send(event)
            self._next += 1
        self._write(sound, first, end)

    def _send(self, event: _Event) -> None:
        synth = self._synth
        if event.rank == _NOTE_ON:
            synth.noteon(event.channel, event.number, event.value)
        elif event.rank == _NOTE_OFF:
            synth.noteoff(event.channel, event.number)
        elif event.rank == _CONTROL:
            synth.cc(event.channel, event.number, event.value)
        else:
            synth.pitch_bend(event.channel, event.value)

    def _write(self, sound: Float32[np.ndarray, "groups 2 samples"], first: int, end: int) -> None:
        """Let the synthesizer fill `sound`, which starts at the sample `first`, up to `end`, as
        float (pyfluidsynth offers 16 bits, which clip).
        """
        if end <= self._done:
            return
        count, offset = ctypes.c_int(end - self._done), self._done - first
        pointer = ctypes.c_void_p(self._synth.synth)
        outputs = [
            ctypes.c_void_p(channel.ctypes.data + offset * channel.itemsize)
            for group in sound
            for channel in group
        ]
        if len(sound) == 1:
            left, right = outputs
            zero, one = ctypes.c_int(0), ctypes.c_int(1)
            self._library._fl.fluid_synth_write_float(
                pointer, count, left, zero, one, right, zero, one
            )
        else:
            # reverb and chorus of each group are added to its dry sound: they have the same buffers
            effects = [
                output
                for group in range(len(sound))
                for output in 2 * outputs[2 * group : 2 * group + 2]
            ]
            self._library._fl.fluid_synth_process(
                pointer,
                count,
                ctypes.c_int(len(effects)),
                (ctypes.c_void_p * len(effects))(*effects),
                ctypes.c_int(len(outputs)),
                (ctypes.c_void_p * len(outputs))(*outputs),
            )
        self._done = end


def _silence_messages(library: Any) -> None:
    for level in range(5):
        library._fl.fluid_set_log_function(level, None, None)


def _select_program(
    synth: Any, font: int, channel: int, instrument: pretty_midi.Instrument
) -> None:
    """Choose the instrument's preset, or else the first of its family, or else the first of all."""
    bank = DRUM_BANK if instrument.is_drum else 0
    family = 0 if instrument.is_drum else instrument.program // 8 * 8
    for program in (instrument.program, family, 0):
        if synth.program_select(channel, font, bank, program) == 0:
            if program != instrument.program:
                _log.warning(
                    "the SoundFont lacks program %d of bank %d; %d plays instead",
                    instrument.program,
                    bank,
                    program,
                )
            return
    _log.warning(
        "the SoundFont has nothing for program %d of bank %d; it stays silent",
        instrument.program,
        bank,
    )


def _events(midi: pretty_midi.PrettyMIDI, sample_rate: int) -> list[_Event]:
    events = []
    for channel, instrument in enumerate(midi.instruments):
        for bend in instrument.pitch_bends:
            events.append(_Event(round(bend.time * sample_rate), _BEND, channel, 0, bend.pitch))
        for change in instrument.control_changes:
            events.append(
                _Event(
                    round(change.time * sample_rate), _CONTROL, channel, change.number, change.value
                )
            )
        for note in instrument.notes:
            onset = round(note.start * sample_rate)
            events.append(_Event(onset, _NOTE_ON, channel, note.pitch, note.velocity))
            events.append(
                _Event(
                    max(onset + 1, round(note.end * sample_rate)), _NOTE_OFF, channel, note.pitch, 0
                )
            )
    return sorted(events)


def _closed(midi: pretty_midi.PrettyMIDI, duration_s: float) -> list[tuple[float, float]]:
    """The stretches, in seconds, over which the expression of every instrument is 0."""
    changes = sorted(
        (change.time, index, change.value)
        for index, instrument in enumerate(midi.instruments)
        for change in instrument.control_changes
        if change.number == EXPRESSION
    )
    silent: set[int] = set()
    found: list[tuple[float, float]] = []
    since: float | None = None
    for time_s, index, value in [*changes, (duration_s, -1, 1)]:
        if since is not None and value > 0:
            found.append((since, time_s))
            since = None
        silent = silent | {index} if value == 0 else silent - {index}
        if since is None and len(silent) == len(midi.instruments):
            since = time_s
    return found


def _shape(
    sound: Float32[np.ndarray, "2 part"],
    start: int,
    samples: int,
    closed: list[tuple[float, float]],
    sample_rate: int,
) -> None:
    """Let sound fall silent within 0.1 s where every instrument is closed, and at its end.

    Args:
        sound: the samples from `start` on, of a sound of `samples`; changed in place.
        start: the first one's number.
        samples: of the whole sound.
        closed: of `_closed`.
        sample_rate: in Hz.
    """
    end = start + sound.shape[1]
    for start_s, end_s in closed:
        shut, opened = round(start_s * sample_rate), min(round(end_s * sample_rate), samples)
        falling = min(shut + round(CLOSING_S * sample_rate), opened)
        _fall(sound, start, shut, falling)
        sound[:, max(falling - start, 0) : max(min(opened, end) - start, 0)] = 0
    _fall(sound, start, samples - min(round(FADE_S * sample_rate), samples // 4), samples)


def _fall(sound: Float32[np.ndarray, "2 part"], start: int, first: int, last: int) -> None:
    """Bring the samples `first` to `last` of a sound down to 0, as far as they lie in `sound`."""
    from_sample, to_sample = max(first, start), min(last, start + sound.shape[1])
    if from_sample < to_sample:
        curve = np.square(np.cos(np.linspace(0, np.pi / 2, last - first))).astype(np.float32)
        sound[:, from_sample - start : to_sample - start] *= curve[
            from_sample - first : to_sample - first
        ]


def read_sound(path: Path) -> Float32[np.ndarray, "2 samples"]:
    """A stereo sound file."""
    sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(sound.T)


def write_flac(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    path: Path,
    *,
    bits: Literal[16, 24] = 16,
) -> None:
    """Write a FLAC file of 16 or 24 bits."""
    soundfile.write(path, sound.T, sample_rate, format="FLAC", subtype=f"PCM_{bits}")


def flac_bytes(
    sound: Float32[np.ndarray, "2 samples"], sample_rate: int, *, bits: Literal[16, 24] = 16
) -> bytes:
    """The bytes that `write_flac` writes."""
    file = io.BytesIO()
    soundfile.write(file, sound.T, sample_rate, format="FLAC", subtype=f"PCM_{bits}")
    return file.getvalue()
