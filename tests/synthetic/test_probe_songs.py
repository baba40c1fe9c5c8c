"""Songs of known truth: the notes say what the truth says."""

import numpy as np
import pytest

from vmt import chords
from vmt.chords import Key
from vmt.features import curves
from vmt.synthetic.probe_songs import SONGS, KnownSong, write_song


@pytest.fixture(scope="module")
def songs() -> list[KnownSong]:
    return [write_song(number) for number in range(SONGS)]


def test_one_in_each_key(songs: list[KnownSong]) -> None:
    keys = [song.truth.key for song in songs]
    assert keys == [Key(tonic, minor) for minor in (False, True) for tonic in range(12)]
    assert [song.name for song in songs] == [str(key) for key in keys]


def test_the_band_plays_the_chords_that_the_truth_names(songs: list[KnownSong]) -> None:
    for song in songs:
        pitched = [
            note for track in song.midi.instruments if not track.is_drum for note in track.notes
        ]
        for (start_s, end_s), label in zip(song.truth.intervals, song.truth.labels, strict=True):
            middle_s = (start_s + end_s) / 2
            struck = {
                note.pitch % 12 for note in pitched if start_s - 1e-6 <= note.start < end_s - 1e-6
            }
            assert struck == set(chords.pitch_classes(chords.token(label))), (song.name, middle_s)
        assert song.truth.labels[0] == "N"
        assert 25 < song.duration_s < 50


def test_truth_has_no_gap_and_density_varies(songs: list[KnownSong]) -> None:
    for song in songs:
        np.testing.assert_array_equal(song.truth.intervals[1:, 0], song.truth.intervals[:-1, 1])
        density = curves.note_density(song.truth.notes, int(song.duration_s))
        assert density.std() > 2
        changes = song.truth.intervals[1:, 0] % 1
        assert changes.std() > 0.05  # whole seconds are no favour to the grid


def test_qualities_are_many(songs: list[KnownSong]) -> None:
    kinds = {label.partition(":")[2] for song in songs for label in song.truth.labels}
    assert kinds >= {"", "min", "7", "maj7", "min7", "sus4", "dim"}


def test_a_lead_line_adds_notes_that_are_not_of_the_chord() -> None:
    plain, led = write_song(3), write_song(3, lead=True)
    assert plain.truth.labels == led.truth.labels
    (line,) = (track.notes for track in led.midi.instruments if track.name == "lead")
    steps = {0, 2, 4, 5, 7, 9, 11}
    assert {(note.pitch - 3) % 12 for note in line} <= steps
    foreign = 0
    for (start_s, end_s), label in zip(led.truth.intervals, led.truth.labels, strict=True):
        tones = chords.pitch_classes(chords.token(label))
        foreign += sum(
            note.pitch % 12 not in tones for note in line if start_s <= note.start < end_s
        )
    assert foreign > 0.2 * len(line)


def test_detuning_bends_every_instrument() -> None:
    song = write_song(0, cents=-30.0)
    assert {bend.pitch for track in song.midi.instruments for bend in track.pitch_bends} == {-1229}
    assert all(track.pitch_bends for track in song.midi.instruments)
