"""Tempo: how fast a piece is, from the picture's motion, its mood and the density of the notes."""

import numpy as np
from jaxtyping import Float

CALM_MOTION = 2.0  # 25 in 100 seconds of MuVi-Sync's videos move less
WILD_MOTION = 20.0  # 6 in 100 move more
SPARSE_DENSITY = 4.0
FULL_DENSITY = 18.0
UNKNOWN_SHARE = 0.4
MOOD_SHARE = 0.3  # by which the strongest mood moves the tempo through a style's range


def choose_tempo(
    motion: Float[np.ndarray, " time"] | None,
    note_density: Float[np.ndarray, " time"] | None,
    tempo_range: tuple[float, float],
    *,
    arousal: float = 0.0,
) -> float:
    """A whole tempo, in quarter notes a minute, that suits picture and notes.

    Motion is read as a ratio (twice as much is one step more), density as a difference; half the
    way through the range comes from each, all of it from one where the other is None.

    Args:
        motion: mean absolute RGB difference, 0 to 255, one value a second.
        note_density: notes in each second.
        tempo_range: slowest and fastest tempo of the style.
        arousal: how much the emotions drive, -1 to 1.
    """
    shares = []
    if motion is not None and len(motion):
        typical = max(float(np.median(motion)), 1e-3)
        shares.append(np.log(typical / CALM_MOTION) / np.log(WILD_MOTION / CALM_MOTION))
    if note_density is not None and len(note_density):
        shares.append(
            (float(np.mean(note_density)) - SPARSE_DENSITY) / (FULL_DENSITY - SPARSE_DENSITY)
        )
    share = float(np.mean(np.clip(shares, 0, 1))) if shares else UNKNOWN_SHARE
    share = float(np.clip(share + MOOD_SHARE * arousal, 0, 1))
    slowest, fastest = tempo_range
    return float(round(slowest + share * (fastest - slowest)))
