"""Stems: each instrument in a file of its own, under the music's own master gain."""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float32

from vmt.audio.mastering import MasterGain

_log = logging.getLogger(__name__)


def write_stems(
    parts: Iterable[Float32[np.ndarray, "instruments 2 part"]],
    gain: MasterGain,
    paths: Sequence[Path],
    sample_rate: int,
    *,
    bits: Literal[16, 24] = 16,
) -> None:
    """Write FLAC files that sum to the mastered music, to the rounding of their bits.

    Memory holds one part at a time, however long the music is.

    Args:
        parts: of `synthesize_stems`: the instruments' sound, one stretch after the other.
        gain: of `master_with_gain`, on the music that the instruments are.
        paths: one for each instrument.
        sample_rate: in Hz.
        bits: of the files, 16 or 24.
    """
    start, highest = 0, np.zeros(len(paths))
    with contextlib.ExitStack() as opened:
        files = [
            opened.enter_context(
                soundfile.SoundFile(path, "w", sample_rate, 2, f"PCM_{bits}", format="FLAC")
            )
            for path in paths
        ]
        for part in parts:
            for number, (file, sound) in enumerate(zip(files, part, strict=True)):
                out = gain.on(sound, start)
                highest[number] = max(highest[number], float(np.abs(out).max(initial=0.0)))
                file.write(np.clip(out, -1, 1).T)
            start += part.shape[2]
    for path, peak in zip(paths, highest.tolist(), strict=True):
        if peak > 1:  # the other instruments cancel it in the music, which the limiter holds
            _log.warning(
                "%s passes full scale by %.1f dB and is clipped; the stems no longer sum to the "
                "music there: ask for a lower loudness",
                path.name,
                20 * np.log10(peak),
            )
