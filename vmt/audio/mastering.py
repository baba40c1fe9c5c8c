"""Mastering: a fader that follows the loudness curve, loudness and true peak.

Every gain is one value for each block of `loudness.measure`, about a millisecond; their product is
applied once, at the end.
"""

import math

import numpy as np
import scipy.ndimage
from jaxtyping import Float, Float32, Float64

from vmt.audio import loudness

LOOK_AHEAD_S = 0.015
TOLERANCE_LU = 0.05
MARGIN_DB = 0.1  # for what a gain that moves adds between the samples, and for 16 bits
RIDE_DB = (
    -9.0,
    18.0,
)  # how far the fader goes down and up: up far enough for a last chord that dies away
SILENT_DB = -45.0  # against the loudest second; what is quieter is a rest, and stays one
_RIDE_ROUNDS = 12


def master(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    *,
    lufs: float = -14.0,
    peak_dbtp: float = -1.0,
    level: Float[np.ndarray, " time"] | None = None,
) -> Float32[np.ndarray, "2 samples"]:
    """Bring `sound` to a loudness, with a look-ahead limiter that holds the true peak.

    Args:
        sound: full scale = 1.
        sample_rate: in Hz.
        lufs: integrated loudness to reach, within 0.5.
        peak_dbtp: highest true peak, in dB full scale.
        level: amplitude wanted in each second, up to a scale, which a fader follows; None leaves
            the swells as they are.

    Returns:
        As long as `sound`. Silence (nothing over -70 LUFS) stays as it is.
    """
    blocks = loudness.measure(sound, sample_rate)
    if loudness.gated_lufs(blocks) == -math.inf:
        return sound
    fader = np.ones(len(blocks.peak)) if level is None else ride(blocks, level)
    blocks = blocks.under(fader)
    ceiling_db = peak_dbtp - MARGIN_DB
    for _ in range(4):
        out = apply_gain(sound, fader * _gain(blocks, lufs, ceiling_db), blocks.size)
        over_db = loudness.true_peak_dbtp(out, sample_rate) - (peak_dbtp - MARGIN_DB / 2)
        if over_db <= 0:
            break
        ceiling_db -= over_db
    return out


def ride(
    blocks: loudness.Blocks, level: Float[np.ndarray, " time"]
) -> Float64[np.ndarray, " blocks"]:
    """The gain of a fader, moved slowly, that makes the RMS of each second follow a curve as far as
    it reaches.

    Args:
        blocks: of the sound.
        level: amplitude wanted in each second, up to a scale.
    """
    second = blocks.sample_rate // blocks.size
    seconds = -(-len(blocks.power) // second)
    wanted = np.maximum(np.interp(np.arange(seconds), np.arange(len(level)), level), 1e-3)
    middles = (np.arange(len(blocks.power)) + 0.5) / second - 0.5
    fader_db = np.zeros(seconds)
    gain = np.ones(len(blocks.power))
    heard = _rms_db(blocks.power, blocks, second)
    audible = heard > heard.max() + SILENT_DB
    for _ in range(_RIDE_ROUNDS):
        missing = 20 * np.log10(wanted) - _rms_db(blocks.power * gain**2, blocks, second)
        missing -= np.median(missing[audible])
        fader_db = np.where(audible, np.clip(fader_db + 0.7 * missing, *RIDE_DB), 0.0)
        gain = 10 ** (np.interp(middles, np.arange(seconds), fader_db) / 20)
    return gain


def _rms_db(
    power: Float64[np.ndarray, " blocks"], blocks: loudness.Blocks, second: int
) -> Float64[np.ndarray, " seconds"]:
    """Of each second, the last of which may be short."""
    starts = np.arange(0, len(power), second)
    samples = np.minimum(second * blocks.size, blocks.samples - starts * blocks.size)
    return np.asarray(
        10 * np.log10(np.add.reduceat(power, starts) / samples + 1e-12), dtype=np.float64
    )


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


def apply_gain(
    sound: Float32[np.ndarray, "2 samples"], gain: Float64[np.ndarray, " blocks"], size: int
) -> Float32[np.ndarray, "2 samples"]:
    """`sound` under a gain that goes straight from the middle of one block to the next."""
    out = np.empty_like(sound)
    middles = (np.arange(len(gain)) + 0.5) * size
    step = 10000 * size
    for start in range(0, sound.shape[1], step):
        end = min(start + step, sound.shape[1])
        out[:, start:end] = sound[:, start:end] * np.interp(
            np.arange(start, end), middles, gain
        ).astype(np.float32)
    return out
