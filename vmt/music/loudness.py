"""Integrated loudness (ITU-R BS.1770-4) and true peak, in constant memory for sound of any length.

Everything is measured on blocks of about a millisecond: a gain that changes from block to block then changes
loudness and peak by a product, so that a limiter can be tried without touching the samples again.

Sources: ITU-R BS.1770-4 (gating, annex 2 for true peak); pyloudnorm's K-weighting filters.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyloudnorm
import scipy.signal
from jaxtyping import Float, Float32, Float64

HOPS_PER_SECOND = 10  # gating blocks are 400 ms long and start every 100 ms
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OVERSAMPLING = 4
_TAPS = 12  # of the interpolation filter, for each of the four phases
_CHUNK_S = 10


@dataclass(frozen=True)
class Blocks:
    """A sound, measured.

    Attributes:
        size: samples in a block; divides the 100 ms hop.
        energy: sum of the K-weighted squares over both channels.
        peak: highest absolute value between the samples, full scale = 1.
    """

    sample_rate: int
    samples: int
    size: int
    energy: Float64[np.ndarray, " blocks"]
    peak: Float64[np.ndarray, " blocks"]


def measure(sound: Float32[np.ndarray, "channels samples"], sample_rate: int) -> Blocks:
    """Energy and true peak of each block; the last block may be short.

    Args:
        sound: full scale = 1; one or two channels.
        sample_rate: in Hz, a multiple of ten from 8000 on.
    """
    size = block_size(sample_rate)
    samples = sound.shape[1]
    sections = _k_weighting(sample_rate)
    state = np.zeros((len(sections), len(sound), 2))
    taps = _interpolation_filter()
    energies, peaks = [], []
    step = size * (_CHUNK_S * sample_rate // size)
    for start in range(0, samples, step):
        chunk = sound[:, start : start + step].astype(np.float64)
        weighted, state = scipy.signal.sosfilt(sections, chunk, axis=1, zi=state)
        energies.append(_blocks(np.square(weighted).sum(axis=0), size).sum(axis=1))
        fine = _between_samples(sound, start, min(start + step, samples), taps)
        peaks.append(_blocks(fine, OVERSAMPLING * size).max(axis=1).astype(np.float64))
    empty = np.zeros(0)
    return Blocks(sample_rate, samples, size, np.concatenate([empty, *energies]), np.concatenate([empty, *peaks]))


def block_size(sample_rate: int) -> int:
    """The largest divisor of the 100 ms hop that is at most a millisecond long."""
    hop = sample_rate // HOPS_PER_SECOND
    return max(size for size in range(1, sample_rate // 1000 + 1) if hop % size == 0)


def gated_lufs(blocks: Blocks, energy: Float64[np.ndarray, " blocks"] | None = None) -> float:
    """Integrated loudness in LUFS; -inf for silence. What is shorter than 400 ms counts as one gating block.

    Args:
        blocks: of `measure`.
        energy: instead of the blocks' own, for instance after a gain.
    """
    energy = blocks.energy if energy is None else energy
    per_hop = blocks.sample_rate // HOPS_PER_SECOND // blocks.size
    hops = energy[: len(energy) // per_hop * per_hop].reshape(-1, per_hop).sum(axis=1)
    if len(hops) >= 4:
        power = np.convolve(hops, np.ones(4), mode="valid") / (0.4 * blocks.sample_rate)
    else:
        power = np.array([energy.sum() / max(blocks.samples, 1)])
    heard = power[power > _power(ABSOLUTE_GATE_LUFS)]
    if len(heard) == 0:
        return -math.inf
    gate = _lufs(float(heard.mean())) + RELATIVE_GATE_LU
    return _lufs(float(heard[heard > _power(gate)].mean()))


def integrated_lufs(sound: Float32[np.ndarray, "channels samples"], sample_rate: int) -> float:
    """Integrated loudness in LUFS; -inf for silence."""
    return gated_lufs(measure(sound, sample_rate))


def true_peak_dbtp(sound: Float32[np.ndarray, "channels samples"], sample_rate: int) -> float:
    """Highest value between the samples in dB full scale, by 4x oversampling; -inf for silence."""
    peak = measure(sound, sample_rate).peak.max(initial=0.0)
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _k_weighting(sample_rate: int) -> Float64[np.ndarray, "sections 6"]:
    stages = list(pyloudnorm.Meter(sample_rate)._filters.values())
    sections = np.empty((len(stages), 6))
    for row, stage in zip(sections, stages, strict=True):
        # passband_gain is the one factor that IIRfilter applies beside its coefficients
        row[:3] = stage.passband_gain * stage.b / stage.a[0]
        row[3:] = stage.a / stage.a[0]
    return sections


def _interpolation_filter() -> Float32[np.ndarray, " taps"]:
    taps = scipy.signal.firwin(OVERSAMPLING * _TAPS + 1, 1 / OVERSAMPLING, window=("kaiser", 7.0))
    return np.asarray(taps, dtype=np.float32)


def _between_samples(
    sound: Float32[np.ndarray, "channels samples"], start: int, end: int, taps: Float32[np.ndarray, " taps"]
) -> Float32[np.ndarray, " fine"]:
    """Samples `start` to `end` at four times the rate: the highest absolute value of any channel."""
    reach = _TAPS
    first = max(0, start - reach)
    fine = scipy.signal.resample_poly(sound[:, first : end + reach], OVERSAMPLING, 1, axis=1, window=taps)
    wanted = np.abs(fine[:, OVERSAMPLING * (start - first) : OVERSAMPLING * (end - first)])
    return np.asarray(wanted.max(axis=0), dtype=np.float32)


def _blocks(values: Float[np.ndarray, " part"], size: int) -> Float[np.ndarray, "blocks size"]:
    """Cut into blocks, the last one filled with zeros."""
    return np.pad(values, (0, -len(values) % size)).reshape(-1, size)
