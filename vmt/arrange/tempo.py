"""Tempo: how fast a piece is, from the picture's motion and the density of the notes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

SLOWEST_BPM = 72.0
FASTEST_BPM = 140.0
CALM_MOTION = 2.0  # 25 in 100 seconds of MuVi-Sync's videos move less
WILD_MOTION = 20.0  # 6 in 100 move more
REACH = 0.08  # of the tempo, within which `fit_tempo` may look
SPARSE_DENSITY = 4.0
FULL_DENSITY = 18.0


def choose_tempo(
    motion: Float[np.ndarray, " time"] | None, note_density: Float[np.ndarray, " time"] | None
) -> float:
    """A whole tempo from 72 to 140 bpm that suits the picture and the notes.

    Motion is read as a ratio (twice as much is one step more), density as a difference; half the
    tempo comes from each, all of it from one where the other is None, and 100 bpm where both are.

    Args:
        motion: mean absolute RGB difference, 0 to 255, one value a second.
        note_density: notes in each second.
    """
    shares = []
    if motion is not None and len(motion):
        typical = max(float(np.median(motion)), 1e-3)
        shares.append(np.log(typical / CALM_MOTION) / np.log(WILD_MOTION / CALM_MOTION))
    if note_density is not None and len(note_density):
        shares.append(
            (float(np.mean(note_density)) - SPARSE_DENSITY) / (FULL_DENSITY - SPARSE_DENSITY)
        )
    share = float(np.mean(np.clip(shares, 0, 1))) if shares else 0.4
    return float(round(SLOWEST_BPM + share * (FASTEST_BPM - SLOWEST_BPM)))


def fit_tempo(tempo_bpm: float, changes_s: Sequence[float]) -> float:
    """The whole tempo near another on which changes of chord fall best: on bars, else on half bars,
    else on beats.

    Args:
        tempo_bpm: the tempo wished for; the result is within 8 % of it.
        changes_s: times of the chord changes.
    """
    low, high = np.ceil(tempo_bpm * (1 - REACH)), np.floor(tempo_bpm * (1 + REACH))
    tempi = np.arange(low, high + 1)
    beats = np.outer(tempi / 60, np.asarray(changes_s, dtype=np.float64))
    on_grid = (
        sum(np.cos(2 * np.pi * beats / unit).mean(axis=1) for unit in (1, 2, 4))
        if beats.size
        else 0.0
    )
    return float(tempi[np.argmax(on_grid - 0.5 * np.abs(tempi - tempo_bpm) / (REACH * tempo_bpm))])
