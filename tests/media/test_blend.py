"""A video's own sound with music: mixed, or with the music taken down under it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.clips import Clips
from vmt import media

RATE = 48_000
SPEECH_FROM_S = 3.0


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of grey, silent for three and then loud with noise."""
    folder = tmp_path_factory.mktemp("talk")
    sound = np.zeros(6 * RATE, dtype=np.float32)
    start = round(SPEECH_FROM_S * RATE)
    sound[start:] = 0.2 * np.random.default_rng(0).normal(size=len(sound) - start).clip(-3, 3)
    soundfile.write(folder / "talk.wav", sound, RATE)
    frames = (np.full((64, 64, 3), 100, dtype=np.uint8) for _ in range(150))
    media.encode_video(frames, 25, (64, 64), folder / "talk.mp4", folder / "talk.wav")
    return folder / "talk.mp4"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone of 440 Hz."""
    path = tmp_path_factory.mktemp("music") / "music.flac"
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(6 * RATE) / RATE)
    soundfile.write(path, np.stack([tone, tone], axis=1), RATE)
    return path


def tone_db(sound: np.ndarray, start_s: float, end_s: float) -> float:
    part = sound[round(start_s * RATE) : round(end_s * RATE), 0]
    wave = np.exp(-2j * np.pi * 440 * np.arange(len(part)) / RATE)
    return float(20 * np.log10(2 * np.abs(np.mean(part * wave))))


@pytest.mark.parametrize(("duck", "least_db", "most_db"), [(False, -0.5, 0.5), (True, 8, 16)])
def test_music_goes_down_under_the_videos_own_sound(
    talk: Path, music: Path, tmp_path: Path, duck: bool, least_db: float, most_db: float
) -> None:
    out = tmp_path / "out.wav"
    assert media.blend(talk, music, out, duration_s=6.0, duck=duck)
    sound, rate = soundfile.read(out)
    assert (rate, sound.shape) == (RATE, (6 * RATE, 2))
    alone, under = tone_db(sound, 1, 2.8), tone_db(sound, 4, 6)
    assert alone == pytest.approx(20 * np.log10(0.3), abs=0.3)
    assert least_db <= alone - under <= most_db
    # the noise begins where it did in the video
    other = np.abs(np.diff(sound[:, 0], n=2))
    assert np.argmax(other > 0.1) / RATE == pytest.approx(SPEECH_FROM_S, abs=0.03)


def test_a_silent_video_has_nothing_to_blend(clips: Clips, music: Path, tmp_path: Path) -> None:
    assert not media.blend(
        clips.get("silent"), music, tmp_path / "out.wav", duration_s=1.0, duck=True
    )
    assert list(tmp_path.iterdir()) == []
