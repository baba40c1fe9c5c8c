"""The parts of librosa that numba compiles, compiled by one process at a time.

In a new installation the first process that needs them compiles them, and numba keeps the result
beside librosa. Of processes that do so at once, what is kept may not fit together, and every
process from then on is killed by it (SIGSEGV in a gufunc; in two of four attempts with three
processes, numba 0.68.1, librosa 0.11.0).
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
    """Use each of them once under a lock that all processes of a user share; the next call costs
    nothing.
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
