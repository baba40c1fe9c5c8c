"""Tempo and key as they are heard: of a sound and of its recognised chords, with nothing known
about its notes.
"""

from collections.abc import Sequence

import librosa
import numpy as np
from jaxtyping import Float32

from vmt.chords import Key
from vmt.features.curves import find_key
from vmt.features.recognisers.numba_warmup import compile_librosa

HOP = 256
LONGEST_S = 120
SLOWEST_BPM = 70.0
STEP_BPM = 0.05
_PULSES = ((0.25, 0.5), (0.5, 0.7), (1.0, 1.0), (2.0, 1.0), (4.0, 0.7))
"""Bars, half bars, beats, eighths, sixteenths: their rate in beats, and how much each counts."""


def hear_tempo(sound: Float32[np.ndarray, " samples"], sample_rate: int) -> float:
    """Tempo in beats a minute, 70 up to 140, of music in 4/4 whose tempo never changes; NaN where
    nothing starts.

    The tempo whose bars, beats and their halves and quarters the onsets fit best (a Fourier
    tempogram of the whole sound). Which of two tempi an octave apart one counts is a matter of
    taste; here it is the one within the range, compared with what was asked for by `tempo_apart`.

    Args:
        sound: mono, full scale = 1; the first two minutes are heard.
        sample_rate: in Hz.

    Source: Grosche and Müller 2011, IEEE TASLP 19 (Fourier tempogram).
    """
    compile_librosa()
    onsets = librosa.onset.onset_strength(
        y=sound[: LONGEST_S * sample_rate], sr=sample_rate, hop_length=HOP
    )
    onsets = onsets - onsets.mean()
    if not len(onsets) or onsets.std() < 1e-6:
        return float("nan")
    times = np.arange(len(onsets)) * HOP / sample_rate
    tempi = np.arange(SLOWEST_BPM, 2 * SLOWEST_BPM, STEP_BPM)
    fit = np.zeros(len(tempi))
    for rate, weight in _PULSES:
        pulses = np.exp(-2j * np.pi * np.outer(tempi / 60 * rate, times)) @ onsets
        fit += weight * np.abs(pulses)
    return float(tempi[np.argmax(fit)])


def tempo_apart(heard_bpm: float, asked_bpm: float) -> float:
    """How far a heard tempo is from the one asked for, a share of it, octaves not counted."""
    octaves = np.log2(heard_bpm / asked_bpm)
    return float(abs(2 ** (octaves - np.round(octaves)) - 1))


def hear_key(heard: Sequence[str]) -> Key:
    """The key of chords heard in a whole piece, the last one as if it went on for another quarter
    of it: what a piece ends on tells a key from its relative.

    Args:
        heard: one chord a second.
    """
    last = next((label for label in reversed(heard) if label != "N"), "N")
    return find_key((*heard, *(last,) * (len(heard) // 4)))
