"""Mastering: loudness, true peak, and the fader."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from jaxtyping import Float32

from tests.arrange.songs import POP
from vmt.audio import synthesis
from vmt.audio.loudness import integrated_lufs, measure, true_peak_dbtp
from vmt.audio.mastering import RIDE_DB, master, ride
from vmt.features.curves import loudness

RATE = synthesis.SAMPLE_RATE


def noise(seconds: float, seed: int = 0) -> Float32[np.ndarray, "2 samples"]:
    return (0.1 * np.random.default_rng(seed).normal(size=(2, round(seconds * RATE)))).astype(
        np.float32
    )


def rms(sound: Float32[np.ndarray, "2 samples"]) -> Float32[np.ndarray, " time"]:
    return loudness(sound.mean(axis=0), RATE, -(-sound.shape[1] // RATE))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fader_makes_the_seconds_follow_a_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = 0.4 + 0.3 * np.sin(np.arange(20) / 3)
    drift = np.interp(np.arange(20 * RATE) / RATE, np.arange(20), rng.uniform(0.5, 1.5, 20)).astype(
        np.float32
    )
    out = master(noise(19.6) * drift[: round(19.6 * RATE)], RATE, level=level)
    assert np.corrcoef(rms(out), level)[0, 1] >= 0.97
    assert integrated_lufs(out, RATE) == pytest.approx(-14, abs=0.5)
    assert true_peak_dbtp(out, RATE) <= -1


def test_the_fader_leaves_rests_alone_and_moves_no_further_than_it_may() -> None:
    sound = noise(12.0)
    sound[:, 4 * RATE : 6 * RATE] *= 1e-4
    blocks = measure(sound, RATE)
    gain = ride(blocks, np.geomspace(0.001, 1, 12))
    assert 20 * np.log10(gain.min()) >= RIDE_DB[0] - 1e-6
    assert 20 * np.log10(gain.max()) <= RIDE_DB[1] + 1e-6
    resting = gain[round(4.5 * RATE) // blocks.size : round(5.5 * RATE) // blocks.size]
    np.testing.assert_allclose(resting, 1)


@pytest.mark.parametrize("style", ["piano", "band"])
def test_mastered_music_meets_loudness_and_peak_by_ffmpegs_measure(
    style: str, tmp_path: Path
) -> None:
    sound = synthesis.synthesize(POP.arranged(style), duration_s=POP.duration_s)
    path = tmp_path / "sound.flac"
    synthesis.write_flac(master(sound, RATE), RATE, path)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-i",
        str(path),
        "-af",
        "ebur128=peak=true",
    ]
    report = subprocess.run(
        [*command, "-f", "null", "-"], capture_output=True, text=True, timeout=60, check=True
    ).stderr
    summary = report[report.rindex("Summary:") :]
    found = re.search(r"I:\s+(\S+) LUFS.*True peak:\s+Peak:\s+(\S+) dBFS", summary, re.DOTALL)
    assert found is not None
    assert float(found[1]) == pytest.approx(-14, abs=0.5)
    assert float(found[2]) <= -1


def test_master_holds_the_peak_of_sound_that_needs_much_limiting() -> None:
    sound = noise(6.0) * np.geomspace(0.01, 30, 6 * RATE).astype(np.float32)
    out = master(sound, RATE)
    assert integrated_lufs(out, RATE) == pytest.approx(-14, abs=0.5)
    assert true_peak_dbtp(out, RATE) <= -1


def test_master_takes_other_targets() -> None:
    out = master(noise(2.0), RATE, lufs=-23.0, peak_dbtp=-6.0)
    assert integrated_lufs(out, RATE) == pytest.approx(-23, abs=0.5)
    assert true_peak_dbtp(out, RATE) <= -6


@pytest.mark.parametrize("samples", [0, 1, 47, 4800, 15000])
def test_master_takes_sound_of_any_length(samples: int) -> None:
    out = master(noise(1.0)[:, :samples], RATE)
    assert out.shape == (2, samples)
    assert np.isfinite(out).all()
    assert true_peak_dbtp(out, RATE) <= -1
    if samples >= 4800:
        assert integrated_lufs(out, RATE) == pytest.approx(-14, abs=0.5)


def test_silence_stays_silent() -> None:
    silence = np.zeros((2, RATE), np.float32)
    np.testing.assert_array_equal(master(silence, RATE), silence)


def test_a_gain_before_mastering_changes_nothing() -> None:
    sound = noise(3.0)
    np.testing.assert_allclose(master(sound, RATE), master(4 * sound, RATE), atol=2e-3)
