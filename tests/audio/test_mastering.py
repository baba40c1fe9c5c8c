"""Mastering: loudness, true peak, and one gain for the music and its stems."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from jaxtyping import Float32

from tests.arrange.songs import POP
from vmt.audio import synthesis
from vmt.audio.loudness import integrated_lufs, true_peak_dbtp
from vmt.audio.mastering import master, master_with_gain

RATE = synthesis.SAMPLE_RATE


def noise(seconds: float, seed: int = 0) -> Float32[np.ndarray, "2 samples"]:
    return (0.1 * np.random.default_rng(seed).normal(size=(2, round(seconds * RATE)))).astype(
        np.float32
    )


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


def test_the_gain_on_parts_of_a_sound_gives_the_mastered_sound() -> None:
    sound = noise(3.0) * np.geomspace(0.05, 10, 3 * RATE).astype(np.float32)
    out, gain = master_with_gain(sound, RATE)
    starts = (0, 1001, 70000)
    parts = [
        gain.on(sound[:, start:end], start)
        for start, end in zip(starts, (*starts[1:], sound.shape[1]), strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), out)


def test_a_last_note_that_dies_away_is_not_lifted() -> None:
    sound = noise(8.0)
    decay = 10 ** (-np.linspace(0, 40, 3 * RATE) / 20)
    sound[:, 5 * RATE :] *= decay.astype(np.float32)
    _, gain = master_with_gain(sound, RATE)
    ending = gain.values[5 * RATE // gain.block :]
    assert 20 * np.log10(ending.max() / np.median(gain.values)) <= 0.5
