import numpy as np
import pytest

from vmt import chords
from vmt.synthetic.song_midi import note_density, write_score
from vmt.synthetic.songs import compose


@pytest.mark.parametrize("index", range(8))
def test_every_song_is_played_by_a_band_and_ends_with_its_video(index: int) -> None:
    song = compose(index, 0)
    midi = write_score(song)
    assert [track.name for track in midi.instruments] == ["pad", "keys", "bass", "lead", "drums"]
    assert all(track.notes for track in midi.instruments)
    assert all(
        {change.number for change in track.control_changes} == {7, 10, 91}
        for track in midi.instruments
    )
    notes = [note for track in midi.instruments for note in track.notes]
    assert all(
        0 <= note.start < note.end <= song.score_start_s + song.duration_s + 1e-6 for note in notes
    )
    assert all(1 <= note.velocity <= 127 for note in notes)


@pytest.mark.parametrize("index", range(8))
def test_pad_and_bass_play_the_chord_and_its_root(index: int) -> None:
    song = compose(index, 0)
    tracks = {track.name: track.notes for track in write_score(song).instruments}
    for index, chord in enumerate(song.chords):
        start_s = (index + 1) * song.mood.chord_s
        middle = start_s + song.mood.chord_s / 2
        tones = chords.pitch_classes(chords.token(chord.label))
        pad = {note.pitch % 12 for note in tracks["pad"] if note.start <= middle < note.end}
        assert pad == set(tones)
        bass = [
            note for note in tracks["bass"] if start_s <= note.start < start_s + song.mood.chord_s
        ]
        assert [note.pitch % 12 for note in bass[:1]] == list(tones[:1])


def test_the_same_song_has_the_same_notes() -> None:
    first, second = (write_score(compose(3, 0)) for _ in range(2))
    for one, other in zip(first.instruments, second.instruments, strict=True):
        assert [str(note) for note in one.notes] == [str(note) for note in other.notes]


def test_density_counts_pitched_notes_of_each_second() -> None:
    song = compose(5, 0)
    density = note_density(song)
    parts = [
        next(chord.part for chord in song.chords if chord.start_s <= k < chord.end_s)
        for k in range(len(density))
    ]
    assert parts[0] == "intro"
    assert density[0] == 0
    assert density[4:].min() >= 4
    chorus = np.mean(
        [value for value, part in zip(density, parts, strict=True) if part == "chorus"]
    )
    verse = np.mean([value for value, part in zip(density, parts, strict=True) if part == "verse"])
    assert chorus > verse
