"""Musical curves and key, one value a second: what can be computed without a recogniser.

Conventions: a sound is mono, full scale = 1; second k is the time from k to k + 1.

Sources: Albrecht and Shanahan 2013, Music Perception 31 (key profiles); Krumhansl 1990 (correlating
    with them).
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords
from vmt.chords import Key

_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
"""Share of each degree, tonic first, in pieces of known key."""


def loudness(
    sound: Float32[np.ndarray, " samples"], sample_rate: int, length: int
) -> Float32[np.ndarray, " time"]:
    """Root mean square of each second.

    Args:
        sound: mono, full scale = 1.
        sample_rate: in Hz.
        length: T, the number of seconds wanted.

    Returns:
        0 and up; a last part of a second counts as one; 0 after the sound's end.
    """
    curve = np.zeros(length, dtype=np.float32)
    for second in range(min(length, -(-len(sound) // sample_rate))):
        part = sound[second * sample_rate : (second + 1) * sample_rate].astype(np.float64)
        part = part[np.isfinite(part)]  # broken streams decode to infinities and NaN
        curve[second] = np.sqrt(np.mean(part * part)) if len(part) else 0.0
    return curve


def note_density(notes: Iterable[tuple[float, float]], length: int) -> Float32[np.ndarray, " time"]:
    """How many notes sound during each second.

    A note counts in every second that it touches, from its start up to but not including its end; a
    pitch struck twice is two notes.

    Args:
        notes: start and end of each, in seconds.
        length: T, the number of seconds wanted.
    """
    change = np.zeros(length + 1, dtype=np.int64)
    for start, end in notes:
        first = int(np.floor(start))
        last = max(int(np.ceil(end)), first + 1)
        if first < length and last > 0:
            change[max(0, first)] += 1
            change[min(length, last)] -= 1
    return np.cumsum(change)[:length].astype(np.float32)


def midi_notes(midi: pretty_midi.PrettyMIDI) -> list[tuple[float, float]]:
    """Start and end of every pitched note. Drums are left out: they have no pitch, and transcribers
    give no notes for them.
    """
    return [
        (float(note.start), float(note.end))
        for part in midi.instruments
        if not part.is_drum
        for note in part.notes
    ]


def find_key(labels: Sequence[str]) -> Key:
    """The key whose profile correlates best with the tones of `labels`; all labels count the same.

    Returns:
        the key; C major where no chord sounds, so that nothing is transposed.
    """
    tones = np.zeros(12)
    for label in labels:
        for tone in chords.pitch_classes(chords.token(label)):
            tones[tone] += 1
    if not tones.any():
        return Key(0, minor=False)
    candidates = [Key(tonic, minor) for minor in (False, True) for tonic in range(12)]
    profiles = np.array(
        [np.roll(_MINOR if key.minor else _MAJOR, key.tonic) for key in candidates]
    )  # (24, 12)
    fit = [
        float(np.corrcoef(profile, tones)[0, 1]) if tones.std() > 0 else 0.0 for profile in profiles
    ]
    return candidates[int(np.argmax(fit))]
