"""What a scene is told about the shot that it is to fill."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vmt.synthetic.canvas import Image, Palette

Painter = Callable[[float], Image]
"""Paints a scene at any time, in seconds since the start of the shot."""


@dataclass(frozen=True)
class Shot:
    """How a scene is to look: its colours, its pace, the song's beat in seconds, and the seed of
    its details.
    """

    palette: Palette
    pace: float
    beat_s: float
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers that start again at every call."""
        return np.random.default_rng(self.seed)

    def pulse(self, t: float) -> float:
        """1 on each beat, falling to 0 before the next."""
        return math.exp(-4 * (t / self.beat_s % 1))
