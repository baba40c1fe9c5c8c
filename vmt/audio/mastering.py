"""Mastering: loudness and true peak, by one gain that moves.

The gain has one value for each block of `loudness.measure`, about a millisecond, and is the same
for both channels. It is found once, on the whole music, and then put on the music or on each of its
stems: the stems' sum is then the mastered music. No fader rides here: what becomes louder and
softer is written in the MIDI (velocity and CC11), so that every program that reads it has it too,
and a last chord dies away as its instruments let it.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Float32, Float64

from vmt.audio import loudness

LOOK_AHEAD_S = 0.015
TOLERANCE_LU = 0.05
MARGIN_DB = 0.1  # for what a gain that moves adds between the samples, and for 16 bits


@dataclass(frozen=True, eq=False)
class MasterGain:
    """The gain that masters a sound.

    Attributes:
        values: one for each block, a factor.
        block: samples in a block; the gain goes straight from the middle of one to the next.
    """

    values: Float64[np.ndarray, " blocks"]
    block: int

    def on(
        self, sound: Float32[np.ndarray, "channels part"], start: int = 0
    ) -> Float32[np.ndarray, "channels part"]:
        """A sound, or the part of it that begins at the sample `start`, under the gain."""
        out = np.empty_like(sound)
        middles = (np.arange(len(self.values)) + 0.5) * self.block
        step = 10000 * self.block
        for first in range(0, sound.shape[1], step):
            last = min(first + step, sound.shape[1])
            at = np.arange(start + first, start + last)
            curve = np.interp(at, middles, self.values).astype(np.float32)
            out[:, first:last] = sound[:, first:last] * curve
        return out


def master(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    *,
    lufs: float = -14.0,
    peak_dbtp: float = -1.0,
) -> Float32[np.ndarray, "2 samples"]:
    """Bring `sound` to a loudness, with a look-ahead limiter that holds the true peak.

    Args:
        sound: full scale = 1.
        sample_rate: in Hz.
        lufs: integrated loudness to reach, within 0.5.
        peak_dbtp: highest true peak, in dB full scale.

    Returns:
        As long as `sound`. Silence (nothing over -70 LUFS) stays as it is.
    """
    out, _ = master_with_gain(sound, sample_rate, lufs=lufs, peak_dbtp=peak_dbtp)
    return out


def master_with_gain(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    *,
    lufs: float = -14.0,
    peak_dbtp: float = -1.0,
) -> tuple[Float32[np.ndarray, "2 samples"], MasterGain]:
    """What `master` gives, and the gain that it was: the same on each stem gives stems that sum to
    it.

    Args:
        sound: full scale = 1.
        sample_rate: in Hz.
        lufs: integrated loudness to reach, within 0.5.
        peak_dbtp: highest true peak, in dB full scale.
    """
    blocks = loudness.measure(sound, sample_rate)
    if loudness.gated_lufs(blocks) == -math.inf:
        return sound, MasterGain(np.ones(max(len(blocks.peak), 1)), blocks.size)
    ceiling_db = peak_dbtp - MARGIN_DB
    for _ in range(4):
        gain = MasterGain(_gain(blocks, lufs, ceiling_db), blocks.size)
        out = gain.on(sound)
        over_db = loudness.true_peak_dbtp(out, sample_rate) - (peak_dbtp - MARGIN_DB / 2)
        if over_db <= 0:
            break
        ceiling_db -= over_db
    return out, gain


def _gain(
    blocks: loudness.Blocks, lufs: float, ceiling_db: float
) -> Float64[np.ndarray, " blocks"]:
    """The limiter's gain for each block, driven (found by trial) so that the loudness comes out
    right.
    """
    drive_db = lufs - loudness.gated_lufs(blocks)
    for _ in range(30):
        gain = _limit(blocks, 10 ** (drive_db / 20), 10 ** (ceiling_db / 20))
        missing = lufs - loudness.gated_lufs(blocks, blocks.energy * gain**2)
        if abs(missing) < TOLERANCE_LU:
            break
        drive_db += missing
    return gain


def _limit(blocks: loudness.Blocks, drive: float, ceiling: float) -> Float64[np.ndarray, " blocks"]:
    """`drive` times a smooth gain under which no block passes the ceiling.

    The lowest gain asked for within reach of a block, then the mean of these over the same reach,
    is never above what the block itself asks for; one block more of reach covers the straight line
    that is drawn between blocks.
    """
    asked = np.minimum(1.0, ceiling / np.maximum(drive * blocks.peak, 1e-12))
    reach = max(1, round(LOOK_AHEAD_S * blocks.sample_rate / blocks.size))
    lowest = scipy.ndimage.minimum_filter1d(asked, 2 * (2 * reach + 1) + 1, mode="nearest")
    smooth = scipy.ndimage.uniform_filter1d(lowest, 2 * reach + 1, mode="nearest")
    twice: Float64[np.ndarray, " blocks"] = scipy.ndimage.uniform_filter1d(
        smooth, 2 * reach + 1, mode="nearest"
    )
    return drive * twice
