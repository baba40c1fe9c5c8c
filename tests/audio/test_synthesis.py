"""Synthesis, mastering and FLAC."""

import io
import logging
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
from jaxtyping import Float32

from tests.arrange.songs import POP
from vmt.audio import synthesis
from vmt.audio.loudness import integrated_lufs
from vmt.audio.soundfont import default_soundfont
from vmt.errors import GenerationError

RATE = synthesis.SAMPLE_RATE


def one_note(
    program: int = 0, *, pan: int = 64, reverb: int = 0, end: float = 0.5
) -> pretty_midi.PrettyMIDI:
    midi = pretty_midi.PrettyMIDI()
    instrument = pretty_midi.Instrument(program)
    instrument.control_changes = [
        pretty_midi.ControlChange(10, pan, 0.0),
        pretty_midi.ControlChange(91, reverb, 0.0),
    ]
    instrument.notes = [pretty_midi.Note(100, 60, 0.0, end)]
    midi.instruments = [instrument]
    return midi


def noise(seconds: float, seed: int = 0) -> Float32[np.ndarray, "2 samples"]:
    return (0.1 * np.random.default_rng(seed).normal(size=(2, round(seconds * RATE)))).astype(
        np.float32
    )


@pytest.mark.parametrize("duration_s", [0.0, 0.01, 1.0, 2.34567])
def test_sound_is_exactly_as_long_as_asked(duration_s: float) -> None:
    assert synthesis.synthesize(one_note(), duration_s=duration_s).shape == (
        2,
        round(duration_s * RATE),
    )


def test_the_same_song_gives_the_same_sound() -> None:
    midi = POP.arranged("orchestra")
    first, second = (synthesis.synthesize(midi, duration_s=4.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_pan_and_reverb_are_heard() -> None:
    left = synthesis.synthesize(one_note(pan=0), duration_s=1.0)
    assert np.square(left[0]).sum() > 100 * np.square(left[1]).sum()
    dry, wet = (
        synthesis.synthesize(one_note(reverb=amount), duration_s=2.0) for amount in (0, 127)
    )
    after = slice(round(1.2 * RATE), round(1.6 * RATE))
    assert np.square(wet[:, after]).sum() > 4 * np.square(dry[:, after]).sum()


def test_sound_ends_in_silence_though_a_note_goes_on() -> None:
    sound = synthesis.synthesize(one_note(program=19, end=9.0), duration_s=2.0)
    assert np.abs(sound[:, RATE : RATE + 4800]).max() > 0.01
    assert np.abs(sound[:, -1]).max() < 1e-6
    # the fade is smooth: no step between samples is larger than those of the note itself
    assert (
        np.abs(np.diff(sound[:, -RATE // 4 :])).max()
        <= np.abs(np.diff(sound[:, RATE : 3 * RATE // 2])).max()
    )


def test_other_sample_rates_sound_alike() -> None:
    at_48, at_32 = (
        synthesis.synthesize(one_note(), duration_s=1.0, sample_rate=rate)
        for rate in (48000, 32000)
    )
    loud = [integrated_lufs(at_48, 48000), integrated_lufs(at_32, 32000)]
    assert loud[0] == pytest.approx(loud[1], abs=0.5)


def test_missing_instrument_is_played_by_a_relative_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    midi = one_note()
    midi.instruments[0].is_drum, midi.instruments[0].program = True, 77  # TimGM6mb has no such kit
    midi.instruments[0].notes[0].pitch = 38
    with caplog.at_level(logging.WARNING):
        sound = synthesis.synthesize(midi, duration_s=0.5)
    assert "lacks program 77" in caplog.text
    assert np.abs(sound).max() > 0.01


def test_a_soundfont_can_be_chosen(tmp_path: Path) -> None:
    copy = tmp_path / "other.sf2"
    copy.write_bytes(default_soundfont().read_bytes())
    chosen = synthesis.synthesize(one_note(), duration_s=0.5, soundfont=copy)
    np.testing.assert_array_equal(chosen, synthesis.synthesize(one_note(), duration_s=0.5))


def test_wrong_soundfonts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"none\.sf2: No such file.*VMT_SOUNDFONT"):
        synthesis.synthesize(one_note(), duration_s=0.1, soundfont=tmp_path / "none.sf2")
    text = tmp_path / "text.sf2"
    text.write_text("hello")
    with pytest.raises(GenerationError, match=r"text\.sf2: not a SoundFont"):
        synthesis.synthesize(one_note(), duration_s=0.1, soundfont=text)
    cut = tmp_path / "cut.sf2"
    cut.write_bytes(default_soundfont().read_bytes()[:4096])
    with pytest.raises(GenerationError, match=r"cut\.sf2: FluidSynth cannot read it"):
        synthesis.synthesize(one_note(), duration_s=0.1, soundfont=cut)


@pytest.mark.parametrize(("bits", "step"), [(16, 2**-15), (24, 2**-23)])
def test_flac_holds_the_sound(bits: int, step: float, tmp_path: Path) -> None:
    sound = noise(0.5)
    path = tmp_path / "sound.flac"
    synthesis.write_flac(sound, RATE, path, bits=bits)  # type: ignore[arg-type]
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (
        RATE,
        2,
        RATE // 2,
        f"PCM_{bits}",
    )
    np.testing.assert_allclose(soundfile.read(path)[0].T, sound, atol=step)
    assert path.read_bytes() == synthesis.flac_bytes(sound, RATE, bits=bits)  # type: ignore[arg-type]
    assert soundfile.read(io.BytesIO(path.read_bytes()))[1] == RATE


def test_reverb_falls_silent_where_all_expression_is_zero() -> None:
    midi = one_note(reverb=127, end=0.4)
    midi.instruments.append(one_note(program=48, reverb=127, end=0.4).instruments[0])
    open_ended = synthesis.synthesize(midi, duration_s=2.0)
    for instrument, time_s in zip(midi.instruments, (0.5, 0.6), strict=True):
        instrument.control_changes.append(pretty_midi.ControlChange(11, 0, time_s))
        instrument.control_changes.append(pretty_midi.ControlChange(11, 100, 1.2))
    sound = synthesis.synthesize(midi, duration_s=2.0)
    np.testing.assert_array_equal(sound[:, : RATE // 2], open_ended[:, : RATE // 2])
    assert np.abs(sound[:, round(0.58 * RATE)]).max() > 0
    assert not sound[:, round(0.71 * RATE) : round(1.19 * RATE)].any()
