"""Loudness and true peak."""

import math

import numpy as np
import pyloudnorm
import pytest

from vmt.audio.loudness import block_size, gated_lufs, integrated_lufs, measure, true_peak_dbtp


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.5, 7.0, 23.4])
def test_loudness_is_pyloudnorms(rate: int, seconds: float) -> None:
    rng = np.random.default_rng(0)
    swell = np.square(np.sin(np.arange(round(seconds * rate)) / rate))  # quiet parts, for the gates
    sound = (0.3 * swell * rng.normal(size=(2, len(swell)))).astype(np.float32)
    whole = sound[
        :, : sound.shape[1] // (rate // 10) * (rate // 10)
    ]  # pyloudnorm counts a begun hop differently
    assert integrated_lufs(whole, rate) == pytest.approx(
        pyloudnorm.Meter(rate).integrated_loudness(whole.T.astype(np.float64)), abs=0.05
    )


def test_full_scale_sine_has_the_loudness_of_the_standard() -> None:
    # BS.1770: a 997 Hz sine at 0 dB full scale in one channel reads -3.01 LKFS
    time = np.arange(5 * 48000) / 48000
    sound = np.stack([np.sin(2 * np.pi * 997 * time), np.zeros_like(time)]).astype(np.float32)
    assert integrated_lufs(sound, 48000) == pytest.approx(
        -3.01, abs=0.05
    )  # pyloudnorm's filters are not quite the standard's


def test_peak_between_the_samples_is_found() -> None:
    # a sine at a quarter of the rate, sampled 45 degrees off its crest, never shows its peak
    time = np.arange(48000)
    sound = np.sin(np.pi / 2 * time + np.pi / 4).astype(np.float32)[None] * 0.5
    assert np.abs(sound).max() == pytest.approx(0.5 / math.sqrt(2), abs=1e-6)
    # away from its ends, where a sine that starts at once overshoots
    inner = measure(sound, 48000).peak[10:-10].max()
    assert 20 * math.log10(inner) == pytest.approx(20 * math.log10(0.5), abs=0.05)


def test_long_sound_is_measured_as_if_in_one_piece() -> None:
    rng = np.random.default_rng(1)
    sound = (0.1 * rng.normal(size=(2, 25 * 8000))).astype(np.float32)
    blocks = measure(sound, 8000)
    assert blocks.peak.max() >= np.abs(sound).max()
    assert blocks.energy.sum() == pytest.approx(
        sum(measure(np.ascontiguousarray(each[None]), 8000).energy.sum() for each in sound),
        rel=1e-9,
    )
    np.testing.assert_allclose(
        measure(sound[:, : 12 * 8000], 8000).energy, blocks.energy[: 12 * 8000 // 8], rtol=1e-9
    )


def test_silence_and_nothing_have_no_loudness() -> None:
    for samples in (0, 100, 48000):
        sound = np.zeros((2, samples), np.float32)
        assert integrated_lufs(sound, 48000) == -math.inf
        assert true_peak_dbtp(sound, 48000) == -math.inf


def test_a_gain_on_blocks_shifts_loudness_by_as_much() -> None:
    sound = (0.1 * np.random.default_rng(2).normal(size=(2, 48000))).astype(np.float32)
    blocks = measure(sound, 48000)
    assert gated_lufs(blocks, blocks.energy / 4) == pytest.approx(
        gated_lufs(blocks) - 6.0206, abs=1e-3
    )


@pytest.mark.parametrize(("rate", "size"), [(48000, 48), (44100, 42), (22050, 21), (8000, 8)])
def test_blocks_divide_the_hop(rate: int, size: int) -> None:
    assert block_size(rate) == size
    assert (rate // 10) % block_size(rate) == 0
