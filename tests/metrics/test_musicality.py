"""Measures of music, on music whose measures are known."""

import io
import math

import mido
import numpy as np
import pretty_midi
import pytest

from vmt.metrics.musicality import (
    attack_times,
    groove_scores,
    lead_notes,
    metre_scores,
    motif_scores,
    read_marked,
    share_on,
    silence_and_dynamics,
)

RATE = 48000
HEAD, OTHER = ((0, 72), (6, 76), (8, 74), (12, 71)), ((0, 76), (4, 72), (10, 79), (14, 77))


def song(
    tune: list[tuple[int, int]],
    *,
    late_s: float = 0.0,
    changes: tuple[int, ...] = (),
    bars: int = 16,
) -> bytes:
    """A tune on sixteenths at 120 bpm over a low drone, with chord changes, phrases of four bars
    and a last stroke at the last bar.
    """
    midi = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=120.0)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(4, 4, 0.0))
    lead, low = pretty_midi.Instrument(0), pretty_midi.Instrument(32)
    for step, pitch in tune:
        start = step / 8 + late_s * (1 + step % 3) / 2
        lead.notes.append(pretty_midi.Note(80, pitch, start, start + 0.1))
    low.notes = [pretty_midi.Note(80, 40, 2.0 * bar, 2.0 * bar + 1.9) for bar in range(bars + 1)]
    midi.instruments = [lead, low]
    names = ("C", "G")
    midi.text_events = [
        pretty_midi.Text(names[number % 2], step / 8) for number, step in enumerate((0, *changes))
    ]
    file = io.BytesIO()
    midi.write(file)
    written = mido.MidiFile(file=io.BytesIO(file.getvalue()))
    marks = mido.MidiTrack()
    tick = 0
    for bar in range(0, bars, 4):
        marks.append(mido.MetaMessage("cue_marker", text="4 bars", time=bar * 1920 - tick))
        tick = bar * 1920
    marks.append(mido.MetaMessage("marker", text="Ending", time=bars * 1920 - tick))
    written.tracks.append(marks)
    out = io.BytesIO()
    written.save(file=out)
    return out.getvalue()


def tune_of(bars: list[tuple[tuple[int, int], ...]]) -> list[tuple[int, int]]:
    return [(16 * bar + step, pitch) for bar, notes in enumerate(bars) for step, pitch in notes]


def test_metre_by_hand() -> None:
    on = metre_scores(read_marked(song([], changes=(16, 24, 40))))
    assert on == {"changes_on_half_bars": 1, "phrases_whole": 1, "ends_on_downbeat": 1}
    off = metre_scores(read_marked(song([], changes=(16, 28, 36))))
    assert off["changes_on_half_bars"] == pytest.approx(1 / 3)


def test_the_tune_is_the_higher_line_and_a_drone_is_none() -> None:
    tune = tune_of([HEAD, OTHER] * 8)
    assert {note.pitch for note in lead_notes(read_marked(song(tune)).midi)} == {
        pitch for _, pitch in tune
    }
    assert lead_notes(read_marked(song([])).midi) == []


def test_a_tune_that_repeats_itself_is_told_from_one_that_does_not() -> None:
    moved = tuple((step, pitch + 2) for step, pitch in HEAD)
    repeated = motif_scores(read_marked(song(tune_of([HEAD, OTHER, moved, OTHER] * 4))))
    assert repeated["motif_repeat"] == 1
    assert repeated["tune_share"] > 0.9
    rng = np.random.default_rng(0)
    wild = [
        tuple((int(step), int(rng.integers(67, 75))) for step in np.sort(rng.choice(16, 5, False)))
        for _ in range(16)
    ]
    random = motif_scores(read_marked(song(tune_of(wild))))
    assert random["motif_repeat"] < 0.5
    assert random["motif_longest_without"] > repeated["motif_longest_without"]


def test_groove_by_hand() -> None:
    tune = tune_of([HEAD, OTHER] * 8)
    assert groove_scores(read_marked(song(tune)))["groove_ms"] < 0.6  # ticks
    late = groove_scores(read_marked(song(tune, late_s=0.01)))
    assert 4 < late["groove_ms"] < 15
    assert late["groove_patterned"] < 0.9  # the lateness goes by threes, the bar by sixteen


def test_silence_and_dynamics_by_hand() -> None:
    tone = np.sin(np.arange(10 * RATE) * 0.05).astype(np.float32)
    level = np.repeat([0.5, 0.5, 0.0, 0.05, 0.05, 0.0, 0.5, 0.5, 0.5, 0.0], RATE)
    sound = np.stack([tone * level] * 2).astype(np.float32)
    scores = silence_and_dynamics(sound, RATE)
    assert scores["silence"] == pytest.approx(2 / 8)
    assert scores["longest_silence_s"] == 1
    assert scores["dynamics_db"] == pytest.approx(np.std([0, 0, 20, 20, 0, 0]), abs=0.1)
    assert silence_and_dynamics(sound, RATE, [(5.0, 5.5)])["silence"] == pytest.approx(1 / 6)


def test_attacks_are_heard_within_some_milliseconds() -> None:
    rng = np.random.default_rng(1)
    times = np.array([0.5, 1.13, 1.9, 2.6, 3.37])
    sound = 0.001 * rng.normal(size=(2, 5 * RATE))
    for time_s in times:
        start, length = round(time_s * RATE), RATE // 4
        decay = np.exp(-np.arange(length) / (0.05 * RATE))
        sound[:, start : start + length] += 0.4 * decay * np.sin(np.arange(length) * 0.08)
    attacks = attack_times(sound.astype(np.float32), RATE)
    for time_s in times:
        assert np.abs(attacks - time_s).min() < 0.006


def test_points_with_an_onset_and_chance() -> None:
    onsets = [1.0, 2.0, 3.0, 4.0]
    met, chance = share_on(onsets, [1.01, 2.5, 4.0], 5.0, within_s=0.02)
    assert met == pytest.approx(2 / 3)
    assert 0 < chance < 0.1
    assert math.isnan(share_on(onsets, [], 5.0, within_s=0.02)[0])
    assert share_on([], [1.0], 5.0, within_s=0.02) == (0.0, 0.0)
