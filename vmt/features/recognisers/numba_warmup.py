"""Compile the parts of librosa that numba compiles, in one process at a time.

In a new installation the first process that needs them compiles them, and numba caches the result
beside librosa. When several processes compile at once, the cached files may be inconsistent, and
every later process crashes (SIGSEGV in a gufunc; in two of four attempts with three processes,
numba 0.68.1, librosa 0.11.0).
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock

_SAMPLE_RATE = 22_050


@cache
def compile_librosa() -> None:
    """Call each compiled function once, under a lock that all processes of a user share. Later
    calls return at once.
    """
    with FileLock(Path(tempfile.gettempdir()) / f"vmt-librosa-{os.getuid()}.lock"):
        import librosa  # its modules compile as they are loaded

        noise = np.random.default_rng(0).standard_normal(_SAMPLE_RATE, dtype=np.float32)
        librosa.zero_crossings(noise)
        librosa.piptrack(y=noise, sr=_SAMPLE_RATE)
        librosa.hybrid_cqt(noise, sr=_SAMPLE_RATE, fmin=440.0, n_bins=24, tuning=0.0)
        onsets = librosa.onset.onset_strength(y=noise, sr=_SAMPLE_RATE)
        librosa.util.peak_pick(
            onsets, pre_max=1, post_max=2, pre_avg=1, post_avg=2, delta=0.1, wait=1
        )
