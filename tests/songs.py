"""Songs for tests: small, random, of chosen lengths."""

import numpy as np

from vmt import chords
from vmt.dataset.songs import Song


def make_song(name: str, seconds: int, d_semantic: int = 4, seed: int = 0) -> Song:
    """A song of random features whose chords go round a loop."""
    rng = np.random.default_rng([seed, seconds, *name.encode()])
    loop = chords.tokens(["C", "A:min", "F", "G"])
    return Song(
        name,
        rng.standard_normal((seconds, d_semantic + 8), dtype=np.float32),
        rng.integers(0, 6, seconds),
        loop[(np.arange(seconds) // 2) % 4],
        bool(seed % 2),
        rng.random((seconds, 2), dtype=np.float32),
    )
