"""The paired bootstrap: how far a statistic of songs may be off, from resamples of the songs.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile intervals. The
generator's seed is fixed, so that the same scores give the same interval on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

RESAMPLES = 2000
Statistic = Callable[[Int64[np.ndarray, " n"]], float]
"""Of songs, which are given as indices; an index may occur several times."""


@dataclass(frozen=True)
class Interval:
    """A difference with its 95 % bootstrap confidence interval over songs."""

    value: float
    low: float
    high: float
    songs: int


def resampled(
    statistic: Statistic, songs: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[np.ndarray, " resamples"]:
    """A statistic over resamples of the songs with replacement.

    Args:
        statistic: of the songs with these indices.
        songs: how many there are, 1 or more.
        resamples: how many times to draw.
        seed: of the draws.

    Returns:
        One value a resample; nan where the statistic is not defined.
    """
    draws = np.random.default_rng(seed).integers(songs, size=(resamples, songs))
    return np.array([statistic(draw) for draw in draws], dtype=np.float64)


def bootstrap(
    statistic: Statistic, songs: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """A statistic over all songs, with its 95 % interval over resamples.

    Args:
        statistic: of the songs with these indices.
        songs: how many there are, 1 or more.
        resamples: how many times to draw.
        seed: of the draws.
    """
    values = resampled(statistic, songs, resamples=resamples, seed=seed)
    low, high = np.nanquantile(values, (0.025, 0.975))
    return Interval(float(statistic(np.arange(songs))), float(low), float(high), songs)


def share_above(
    differences: Float64[np.ndarray, " songs"], margin: float, *, resamples: int = RESAMPLES
) -> float:
    """The share of resamples in which the mean difference is above a margin, 0 to 1.

    Args:
        differences: one a song.
        margin: in the unit of the differences.
        resamples: how many times to draw.
    """
    means = resampled(
        lambda draw: float(differences[draw].mean()), len(differences), resamples=resamples
    )
    return float((means > margin).mean())
