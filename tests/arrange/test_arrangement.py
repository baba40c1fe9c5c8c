"""Whole arrangements: what every style promises of any song."""

import io
import itertools
import time
from dataclasses import replace

import mido
import numpy as np
import pretty_midi
import pytest

from tests.arrange.songs import EVERY, FAST, JAZZ, POP, RESTS, Song, song
from vmt import chords
from vmt.arrange.arrangement import arrange, midi_bytes, style_names
from vmt.arrange.grid import Grid
from vmt.arrange.lead import scale_of
from vmt.arrange.styles import load_style
from vmt.errors import GenerationError

STYLES = style_names()


def notes(midi: pretty_midi.PrettyMIDI, *, drums: bool = True) -> list[pretty_midi.Note]:
    return [note for each in midi.instruments if drums or not each.is_drum for note in each.notes]


def tempo_of(midi: pretty_midi.PrettyMIDI) -> float:
    return float(midi.get_tempo_changes()[1][0])


def label_at(midi: pretty_midi.PrettyMIDI, time_s: float) -> str:
    symbols = [text for text in midi.text_events if not text.text.startswith("section: ")]
    return [text.text for text in symbols if text.time <= time_s + 0.05][-1]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("each", [POP, RESTS, EVERY], ids=["pop", "rests", "every"])
def test_notes_are_the_tones_of_their_chord(style: str, each: Song) -> None:
    midi = each.arranged(style, tempo_bpm=107.0)
    roles = {track.name: track.role for track in load_style(style).tracks}
    for instrument in midi.instruments:
        if instrument.is_drum:
            continue
        wrong = 0
        for note in instrument.notes:
            tones = chords.pitch_classes(chords.token(label_at(midi, note.start)))
            assert tones, "a note in a rest"
            if note.pitch % 12 not in tones:
                assert roles[instrument.name] in ("bass", "lead")
                assert note.pitch % 12 in scale_of(each.key) | {
                    tone for tone in range(12) if tone in tones
                }
                wrong += 1
        assert wrong <= 0.34 * len(instrument.notes)


@pytest.mark.parametrize("style", STYLES)
def test_a_root_lies_under_every_new_chord(style: str) -> None:
    midi = EVERY.arranged(style, tempo_bpm=97.0)
    symbols = [text for text in midi.text_events if not text.text.startswith("section: ")]
    for symbol in symbols:
        starting = [
            note for note in notes(midi, drums=False) if abs(note.start - symbol.time) < 0.02
        ]
        root = chords.pitch_classes(chords.token(symbol.text))[0]
        assert min(note.pitch for note in starting) % 12 == root, symbol.text


@pytest.mark.parametrize("style", STYLES)
def test_ranges_velocities_and_lengths_are_playable(style: str) -> None:
    midi = JAZZ.arranged(style, accents=1.0, cuts_s=[3.0, 3.5, 8.1])
    tracks = {track.name: track for track in load_style(style).tracks}
    for instrument in midi.instruments:
        assert all(1 <= note.velocity <= 127 and note.end > note.start for note in instrument.notes)
        if not instrument.is_drum and not tracks[instrument.name].rooted:
            track = tracks[instrument.name]
            highest = track.highest + (
                24 if track.role == "harmony" else 0
            )  # voices counted beyond the chord
            assert all(track.lowest <= note.pitch <= highest for note in instrument.notes)
        by_pitch = itertools.groupby(
            sorted(instrument.notes, key=lambda n: (n.pitch, n.start)), lambda n: n.pitch
        )
        for _, same in by_pitch:
            assert all(one.end <= other.start for one, other in itertools.pairwise(same))


@pytest.mark.parametrize("style", STYLES)
def test_nothing_sounds_in_a_rest(style: str) -> None:
    midi = RESTS.arranged(style, tempo_bpm=120.0)
    for second in (0.5, 2.5, 14.5):
        assert not [note for note in notes(midi) if note.start < second < note.end]
        assert not [note for note in notes(midi) if second - 0.4 < note.start < second + 0.4]


@pytest.mark.parametrize("tempo_bpm", [80.0, 97.3, 140.0])
@pytest.mark.parametrize("style", ["piano", "band", "lofi"])
def test_tempo_is_exact_and_chords_change_on_beats(style: str, tempo_bpm: float) -> None:
    midi = FAST.arranged(style, tempo_bpm=tempo_bpm)
    assert tempo_of(midi) == pytest.approx(tempo_bpm, rel=1e-5)
    beat_s = 60 / tempo_of(midi)
    symbols = [text for text in midi.text_events if not text.text.startswith("section: ")]
    for symbol in symbols:
        assert symbol.time / beat_s == pytest.approx(round(symbol.time / beat_s), abs=1e-6)
    for second, label in enumerate(FAST.labels[:-1]):
        assert label_at(midi, round(second / beat_s) * beat_s + 0.01) == label
    grid = Grid(tempo_of(midi), load_style(style).swing)
    steps = np.array([grid.seconds(step) for step in range(400)])
    strum_s = 0.05 if style == "lofi" else 1e-6
    for note in notes(midi):
        late = note.start - steps[np.searchsorted(steps, note.start + 1e-9) - 1]
        assert late <= strum_s


@pytest.mark.parametrize("style", STYLES)
def test_it_ends_on_the_last_chord_and_lets_it_go_before_the_end(style: str) -> None:
    each = song("C G A:min F C G F F F")
    midi = each.arranged(style)
    last = max(note.start for note in notes(midi))
    final = [note for note in notes(midi, drums=False) if note.start > last - 0.06]
    tones = set(chords.pitch_classes(chords.token(each.labels[-1])))
    assert {note.pitch % 12 for note in final} == tones
    assert each.duration_s - last >= 1.5
    assert max(note.end for note in notes(midi)) < each.duration_s - 0.2
    bar_s = 240 / tempo_of(midi)
    first = min(note.start for note in final)
    assert first / bar_s == pytest.approx(round(first / bar_s), abs=1e-6)


def test_density_drives_the_rhythm() -> None:
    for style in STYLES:
        counts = [len(notes(song("C A:min F G " * 2, density=density, swell=0).arranged(style, tempo_bpm=120.0)))  # noqa: E501
                  for density in (1.0, 8.0, 14.0, 22.0)]  # fmt: skip
        assert counts == sorted(set(counts)), style


@pytest.mark.parametrize("style", STYLES)
def test_notes_follow_the_density_curve(style: str) -> None:
    wave = np.cumsum(np.random.default_rng(4).normal(size=90))
    wave = np.convolve(np.pad(wave, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    density = (10 + 4 * (wave - wave.mean()) / wave.std()).clip(0).astype(np.float32)
    labels = song("C G A:min F C G F F " * 6).labels[:90]
    midi = arrange(
        labels,
        chords.Key(0, False),
        note_density=density,
        loudness=np.full(90, 0.2, np.float32),
        duration_s=90.0,
        style=style,
    )
    sounding = [
        sum(note.start < k + 1 and note.end > k for note in notes(midi, drums=False))
        for k in range(87)
    ]
    assert np.corrcoef(sounding, density[:87])[0, 1] >= 0.8


def test_loudness_drives_velocity_and_expression() -> None:
    each = replace(POP, note_density=np.full(len(POP.labels), 12, np.float32))
    midi = each.arranged("band", tempo_bpm=120.0)
    loud, quiet = int(POP.loudness.argmax()), int(POP.loudness.argmin())

    def velocity(second: int) -> float:
        return float(
            np.mean([n.velocity for n in midi.instruments[0].notes if abs(n.start - second) < 3])
        )

    assert velocity(loud) > 1.1 * velocity(quiet)
    for instrument in midi.instruments:
        expression = [change for change in instrument.control_changes if change.number == 11]
        at = [
            next(c.value for c in reversed(expression) if c.time <= second)
            for second in (loud, quiet)
        ]
        assert at[0] > 1.2 * at[1]


def test_drums_enter_and_leave_with_energy() -> None:
    density = np.repeat([2.0, 22.0, 2.0], 32).astype(np.float32)
    labels = song("C G A:min F " * 12).labels
    midi = arrange(
        labels,
        chords.Key(0, False),
        note_density=density,
        loudness=density / 60,
        duration_s=96.0,
        style="band",
        tempo_bpm=120.0,
    )
    (drums,) = [each for each in midi.instruments if each.is_drum]
    struck = np.histogram([note.start for note in drums.notes], bins=12, range=(0, 96))[0]
    assert struck[4:8].min() > 20
    assert struck[:3].max() == 0
    assert struck[-3:-1].max() == 0


def test_accents_mark_hard_cuts() -> None:
    cuts = [4.03, 9.62, 17.3, 22.91]

    def weight(accents: float) -> float:
        midi = POP.arranged("band", tempo_bpm=97.0, cuts_s=cuts, accents=accents)
        return sum(n.velocity for n in notes(midi) for cut in cuts if abs(n.start - cut) <= 0.1)

    assert weight(0.0) < weight(0.4) < weight(1.0)
    midi = POP.arranged("band", tempo_bpm=97.0, cuts_s=cuts, accents=1.0)
    for cut in cuts:
        assert any(abs(note.start - cut) <= 0.1 for note in notes(midi))


def test_phrases_that_come_again_are_varied() -> None:
    midi = song("C A:min F G " * 4).arranged("band", tempo_bpm=120.0)
    keys = midi.instruments[0]
    onsets = [round(note.start * 8) for note in keys.notes]
    phrases = [
        {onset - 64 * k for onset in onsets if 64 * k <= onset < 64 * (k + 1)} for k in range(4)
    ]
    assert len({frozenset(each) for each in phrases}) > 1


@pytest.mark.parametrize("style", STYLES)
def test_the_same_arguments_give_the_same_bytes(style: str) -> None:
    first, second = (midi_bytes(POP.arranged(style, seed=7)) for _ in range(2))
    assert first == second
    if style not in ("amt",):
        assert midi_bytes(POP.arranged(style, seed=8)) != first


def test_the_file_says_tempo_metre_key_chords_sections_and_names() -> None:
    midi = JAZZ.arranged("orchestra", tempo_bpm=92.0)
    data = midi_bytes(midi)
    back = pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert tempo_of(back) == pytest.approx(92.0, rel=1e-6)
    assert [(each.numerator, each.denominator) for each in back.time_signature_changes] == [(4, 4)]
    assert [each.key_number for each in back.key_signature_changes] == [0]
    assert [each.name for each in back.instruments] == [each.name for each in midi.instruments]
    assert [each.program for each in back.instruments] == [
        each.program for each in midi.instruments
    ]
    assert len(notes(back)) == len(notes(midi))
    ordered = [
        sorted(notes(each), key=lambda n: (round(n.start, 2), n.pitch, n.velocity))
        for each in (back, midi)
    ]
    for one, other in zip(*ordered, strict=True):
        assert one.start == pytest.approx(other.start, abs=2e-3)
    assert [text.text for text in back.text_events] == list(dict.fromkeys(JAZZ.labels))
    messages = [
        message for track in mido.MidiFile(file=io.BytesIO(data)).tracks for message in track
    ]
    markers = [message.text for message in messages if message.type == "marker"]
    assert markers[-1] == "Ending"
    assert len(markers) >= 2
    assert [message.tempo for message in messages if message.type == "set_tempo"] == [
        round(6e7 / 92)
    ]


@pytest.mark.parametrize("style", ["piano", "band", "amt"])
@pytest.mark.parametrize(
    ("labels", "duration_s"),
    [
        (["C"], 1.0),
        (["C"], 0.4),
        (["N"], 1.0),
        (["C", "G"], 1.1),
        (["N"] * 5, 4.5),
        (["N", "C", "N"], 3.0),
    ],
)
def test_very_short_songs_and_rests(style: str, labels: list[str], duration_s: float) -> None:
    flat = np.full(len(labels), 5.0, np.float32)
    midi = arrange(
        labels,
        chords.Key(0, False),
        note_density=flat,
        loudness=flat / 50,
        duration_s=duration_s,
        style=style,
    )
    assert bool(notes(midi)) == (set(labels) != {"N"})
    assert all(note.end < duration_s for note in notes(midi))
    pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(midi)))


def test_silent_curves_still_give_music() -> None:
    zeros = np.zeros(16, np.float32)
    midi = arrange(POP.labels[:16], POP.key, note_density=zeros, loudness=zeros, duration_s=16.0)
    assert len(notes(midi)) > 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tempo_bpm": 300.0}, "tempo 300 bpm is out of range; choose 40 to 240"),
        ({"accents": 1.5}, "accents 1.5 is out of range"),
        ({"style": "polka"}, "there is none; choose one of"),
        ({"duration_s": 99.0}, "32 values of chords for 99 s; give one a second, 99"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(
    change: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {
        "note_density": POP.note_density,
        "loudness": POP.loudness,
        "duration_s": POP.duration_s,
    }
    with pytest.raises(GenerationError, match=message):
        arrange(POP.labels, POP.key, **{**arguments, **change})  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_three_hours_are_arranged_in_linear_time_and_hold_together() -> None:
    spent = []
    for seconds in (900, 10800):
        wave = np.sin(np.arange(seconds) / 40).astype(np.float32)
        labels = song("C G A:min F C G F F " * (seconds // 16 + 1)).labels[:seconds]
        start = time.process_time()
        midi = arrange(
            labels,
            chords.Key(0, minor=False),
            note_density=10 + 3 * wave,
            loudness=0.1 + 0.02 * wave,
            duration_s=float(seconds),
            cuts_s=np.arange(9.0, seconds - 3, 11).tolist(),
            style="band",
            tempo_bpm=100.0,
        )
        midi_bytes(midi)
        spent.append(time.process_time() - start)
    assert spent[1] <= 1.5 * 12 * spent[0]
    struck = np.histogram([note.start for note in notes(midi)], bins=18, range=(0, 10800))[0]
    assert struck.min() > 0.8 * struck.max()
    late = {text.text for text in midi.text_events if text.time > 10000}
    assert late >= {"C", "G", "A:min", "F"}
    assert any(text.startswith("section: ") for text in late)
