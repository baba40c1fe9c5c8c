"""From notes to sound: synthesis with FluidSynth, mastering, FLAC.

Sound is (2, samples), float32, full scale = 1. Both stages are deterministic and write nothing but
the file asked for.
"""

import copy
import ctypes
import io
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pretty_midi
import soundfile
from jaxtyping import Float32

from vmt.audio import loudness
from vmt.audio.soundfont import check_soundfont, default_soundfont, fluidsynth_module
from vmt.errors import GenerationError

SAMPLE_RATE = 48000
DRUM_BANK = 128
FADE_S = 0.3
CLOSING_S = 0.1
EXPRESSION = 11
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
    path = default_soundfont() if soundfont is None else check_soundfont(soundfont)
    library = fluidsynth_module()
    samples = round(duration_s * sample_rate)
    sound = np.zeros((2, samples), dtype=np.float32)
    channels = 16 * max(1, math.ceil(len(midi.instruments) / 16))
    _silence_messages(library)
    synth = library.Synth(
        gain=0.5,
        samplerate=sample_rate,
        channels=channels,
        **{"synth.cpu-cores": 1, "synth.polyphony": 512},
    )
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
        _play(library, synth, _events(midi, sample_rate), sound)
    finally:
        synth.delete()
    for start_s, end_s in _closed(midi, duration_s):
        _close(sound[:, round(start_s * sample_rate) : round(end_s * sample_rate)], sample_rate)
    return _fade_out(sound, sample_rate)


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


def _play(
    library: Any, synth: Any, events: list[_Event], sound: Float32[np.ndarray, "2 samples"]
) -> None:
    samples = sound.shape[1]
    done = 0
    for event in events:
        if event.sample >= samples:
            break
        _write(library, synth, sound, done, event.sample)
        done = max(done, event.sample)
        if event.rank == _NOTE_ON:
            synth.noteon(event.channel, event.number, event.value)
        elif event.rank == _NOTE_OFF:
            synth.noteoff(event.channel, event.number)
        elif event.rank == _CONTROL:
            synth.cc(event.channel, event.number, event.value)
        else:
            synth.pitch_bend(event.channel, event.value)
    _write(library, synth, sound, done, samples)


def _write(
    library: Any, synth: Any, sound: Float32[np.ndarray, "2 samples"], start: int, end: int
) -> None:
    """Let the synthesizer fill the samples `start` to `end`, as float (pyfluidsynth offers 16 bits,
    which clip).
    """
    if end <= start:
        return
    left, right = (ctypes.c_void_p(channel.ctypes.data) for channel in sound)
    count = ctypes.c_int(end - start)
    pointer = ctypes.c_void_p(synth.synth)
    library._fl.fluid_synth_write_float(
        pointer, count, left, ctypes.c_int(start), 1, right, ctypes.c_int(start), 1
    )


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


def _close(part: Float32[np.ndarray, "2 samples"], sample_rate: int) -> None:
    """Let `part` fall silent within 0.1 s."""
    length = min(round(CLOSING_S * sample_rate), part.shape[1])
    part[:, :length] *= np.square(np.cos(np.linspace(0, np.pi / 2, length))).astype(np.float32)
    part[:, length:] = 0


def _fade_out(
    sound: Float32[np.ndarray, "2 samples"], sample_rate: int
) -> Float32[np.ndarray, "2 samples"]:
    length = min(round(FADE_S * sample_rate), sound.shape[1] // 4)
    if length:
        sound[:, -length:] *= np.square(np.cos(np.linspace(0, np.pi / 2, length))).astype(
            np.float32
        )
    return sound


def stems(
    midi: pretty_midi.PrettyMIDI,
    *,
    duration_s: float,
    lufs: float = -14.0,
    soundfont: Path | None = None,
) -> Iterator[tuple[str, Float32[np.ndarray, "2 samples"]]]:
    """Each instrument alone, under its name, at 48 kHz.

    One gain brings their sum to a loudness, as far as no stem clips; nothing is limited, so that a
    mixer gets the music with all its dynamics.

    Args:
        midi: of `arrange`.
        duration_s: length of the sound.
        lufs: integrated loudness of the stems' sum.
        soundfont: a .sf2 file; TimGM6mb where None.
    """
    whole = synthesize(midi, duration_s=duration_s, soundfont=soundfont)
    loud = loudness.integrated_lufs(whole, SAMPLE_RATE)
    gain = 10 ** ((lufs - loud) / 20) if loud > -math.inf else 1.0
    gain = min(gain, 0.89 / max(float(np.abs(whole).max(initial=0.0)), 1e-9))
    for instrument in midi.instruments:
        alone = copy.copy(midi)
        alone.instruments = [instrument]
        part = synthesize(alone, duration_s=duration_s, soundfont=soundfont)
        yield instrument.name, np.clip(part * np.float32(gain), -1, 1)


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
