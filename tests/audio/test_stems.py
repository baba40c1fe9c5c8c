"""Stems sum to the music, at its loudness and peak."""

import io
import logging
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
from jaxtyping import Float32

from tests.arrange.songs import film
from vmt.arrange.midi import midi_bytes
from vmt.audio.loudness import integrated_lufs, true_peak_dbtp
from vmt.audio.mastering import MasterGain, master_with_gain
from vmt.audio.stems import write_stems
from vmt.audio.synthesis import (
    SAMPLE_RATE,
    read_sound,
    synthesize,
    synthesize_stems,
    write_flac,
)


def level_db(sound: Float32[np.ndarray, "2 samples"]) -> float:
    return float(10 * np.log10(np.square(sound, dtype=np.float64).mean() + 1e-20))


@pytest.mark.parametrize("style", ["piano", "band", "orchestra"])
def test_stems_sum_to_the_mastered_music(style: str, tmp_path: Path) -> None:
    score = film(2, 14.0, rests=False).scored(style, hits=((7.3, "stop"),))
    raw = synthesize(score.midi, duration_s=14.0)
    music, gain = master_with_gain(raw, SAMPLE_RATE)
    write_flac(music, SAMPLE_RATE, tmp_path / "music.flac")
    paths = [tmp_path / f"{number}.flac" for number in range(len(score.midi.instruments))]
    write_stems(synthesize_stems(score.midi, duration_s=14.0), gain, paths, SAMPLE_RATE)

    music = read_sound(tmp_path / "music.flac")
    stems = [read_sound(path) for path in paths]
    assert level_db(sum(stems) - music) <= level_db(music) - 50
    assert len(stems) >= 3
    assert all(level_db(stem) > level_db(music) - 50 for stem in stems), "a stem is empty"
    assert integrated_lufs(music, SAMPLE_RATE) == pytest.approx(-14, abs=0.5)
    assert true_peak_dbtp(music, SAMPLE_RATE) <= -1


def test_a_stem_that_passes_full_scale_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [np.full((1, 2, 480), 1.5, np.float32)]
    with caplog.at_level(logging.WARNING):
        write_stems(parts, MasterGain(np.ones(1), 48), [tmp_path / "bass.flac"], SAMPLE_RATE)
    assert "bass.flac passes full scale by 3.5 dB" in caplog.text
    assert soundfile.info(tmp_path / "bass.flac").frames == 480


def test_volume_moves_are_in_the_midi() -> None:
    """A DAW that imports the file has them: every instrument's expression follows the level."""
    score = film(2, 40.0).scored("band")
    song = pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(score.midi)))
    wanted_db = 20 * np.log10(score.level)
    assert np.ptp(wanted_db) > 6
    for instrument in song.instruments:
        moves = [change for change in instrument.control_changes if change.number == 11]
        at = np.searchsorted([move.time for move in moves], np.arange(40) + 0.5, "right") - 1
        values = np.array([moves[index].value for index in at])
        assert np.corrcoef(40 * np.log10(values), wanted_db)[0, 1] > 0.98, instrument.name
