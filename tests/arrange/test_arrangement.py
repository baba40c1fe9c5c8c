"""Whole arrangements: what every style promises of any song."""

import io
import itertools
import time

import mido
import numpy as np
import pretty_midi
import pytest

from tests.arrange.songs import EVERY, JAZZ, POP, RESTS, Song, film, song
from vmt import chords
from vmt.arrange.arrangement import Score, arrange, midi_bytes, style_names
from vmt.arrange.plan import local_scale
from vmt.arrange.styles import load_style
from vmt.errors import GenerationError

STYLES = style_names()
MARKS = ("section: ", "phrase: ")


def notes(midi: pretty_midi.PrettyMIDI, *, drums: bool = True) -> list[pretty_midi.Note]:
    return [note for one in midi.instruments if drums or not one.is_drum for note in one.notes]


def label_at(score: Score, time_s: float) -> str:
    grid, spans = score.plan.grid, score.plan.form.spans
    return [span.label for span in spans if grid.straight(span.start) <= time_s + 0.06][-1]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("wanted", [RESTS, EVERY], ids=["rests", "every"])
def test_notes_belong_to_their_chord_and_scale(style: str, wanted: Song) -> None:
    score = wanted.scored(style, tempo_bpm=100.0)
    roles = {track.name: track.role for track in load_style(style).tracks}
    for instrument in score.midi.instruments:
        if instrument.is_drum:
            continue
        outside = 0
        for note in instrument.notes:
            tones = chords.pitch_classes(chords.token(label_at(score, note.start)))
            if note.pitch % 12 not in tones:
                assert roles[instrument.name] in ("bass", "lead")
                outside += note.pitch % 12 not in local_scale(wanted.key, tones)
        # A bass that leads to a next chord outside the key steps on that chord's scale.
        assert outside <= 0.1 * len(instrument.notes)


@pytest.mark.parametrize("style", STYLES)
def test_ranges_velocities_and_lengths_are_playable(style: str) -> None:
    midi = JAZZ.arranged(style, accents=1.0, cuts_s=[3.0, 3.5, 8.1])
    tracks = {track.name: track for track in load_style(style).tracks}
    for instrument in midi.instruments:
        assert all(1 <= note.velocity <= 127 and note.end > note.start for note in instrument.notes)
        if not instrument.is_drum and not tracks[instrument.name].rooted:
            track = tracks[instrument.name]
            above = {"harmony": 24, "pad": 12, "lead": 4, "bass": 0}[track.role]
            assert all(track.lowest <= n.pitch <= track.highest + above for n in instrument.notes)
        by_pitch = itertools.groupby(
            sorted(instrument.notes, key=lambda n: (n.pitch, n.start)), lambda n: n.pitch
        )
        for _, same in by_pitch:
            assert all(one.end <= other.start for one, other in itertools.pairwise(same))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_music_goes_on_under_n(style: str, share: float) -> None:
    """Half of the seconds N, in one run of 20, or all of them."""
    labels = list(song("C G A:min F " * 5).labels)
    first = 10 if share < 1 else 0
    labels[first : first + round(len(labels) * share)] = ["N"] * round(len(labels) * share)
    curve = np.full(40, 9.0, np.float32)
    score = arrange(
        labels, chords.Key(0, minor=False), note_density=curve, loudness=curve / 90,
        duration_s=40.0, style=style,
    )  # fmt: skip
    sounding = np.zeros(3800, dtype=bool)
    for note in notes(score.midi, drums=False):
        sounding[int(note.start * 100) : int(note.end * 100) + 1] = True
    silent = np.flatnonzero(~sounding)
    longest = max((len(list(run)) for _, run in itertools.groupby(silent - np.arange(len(silent)))),
                  default=0)  # fmt: skip
    assert longest <= 150
    assert "N" not in score.labels
    for second in range(36):
        assert [n for n in notes(score.midi) if second - 1 <= n.start < second + 3]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seconds", [3, 5, 10, 16])
@pytest.mark.parametrize("key", ["C minor", "E major"])
def test_clips_from_three_seconds_on_end_on_the_tonic(style: str, seconds: int, key: str) -> None:
    wanted = chords.parse_key(key)
    score = arrange(
        ["D#", "G#"] * (seconds // 2) + ["D#"] * (seconds % 2),
        wanted,
        note_density=np.full(seconds, 8, np.float32),
        loudness=np.full(seconds, 0.1, np.float32),
        duration_s=float(seconds),
        style=style,
    )
    last = max(note.start for note in notes(score.midi, drums=False))
    final = [note for note in notes(score.midi, drums=False) if note.start > last - 0.08]
    assert max(note.end for note in final) < seconds
    assert seconds - last >= min(1.2, 0.3 * seconds)
    if style != "amt":
        assert score.labels[-1] == chords.label(
            int(
                chords.transpose(chords.tokens(["C:min" if wanted.minor else "C"]), wanted.tonic)[0]
            )
        )
        assert min(note.pitch for note in final) % 12 == wanted.tonic


@pytest.mark.parametrize("style", STYLES)
def test_the_same_arguments_give_the_same_bytes(style: str) -> None:
    first, second = (midi_bytes(POP.arranged(style, seed=7)) for _ in range(2))
    assert first == second
    if style != "amt":
        assert midi_bytes(POP.arranged(style, seed=8)) != first


def test_the_file_says_tempi_metre_key_chords_sections_phrases_and_names() -> None:
    score = film(3, 50.0).scored("band")
    midi, grid = score.midi, score.plan.grid
    data = midi_bytes(midi)
    back = pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert [one.name for one in back.instruments] == [one.name for one in midi.instruments]
    assert len(notes(back)) == len(notes(midi))
    ordered = [
        sorted(notes(one), key=lambda note: (note.pitch, note.velocity, note.start))
        for one in (back, midi)
    ]
    for one, other in zip(*ordered, strict=True):
        assert one.start == pytest.approx(other.start, abs=2.5e-3)
    messages = [m for track in mido.MidiFile(file=io.BytesIO(data)).tracks for m in track]
    tempi = [message.tempo for message in messages if message.type == "set_tempo"]
    assert tempi == [microseconds for _, microseconds in grid.tempi]
    downbeats = back.get_downbeats()
    for bar in grid.bars[: grid.bars.index(score.plan.form.final) + 1]:
        assert np.abs(downbeats - grid.straight(bar)).min() < 2e-3
    markers = [message.text for message in messages if message.type == "marker"]
    assert markers == [*(section.name for section in score.sections), "Ending"]
    assert len([m for m in messages if m.type == "cue_marker"]) == len(score.plan.form.phrases)
    assert not [text for text in back.text_events if text.text.startswith(MARKS)]


def test_a_waltz_and_a_six_eight_say_so() -> None:
    for style, metre in (("orchestra", (3, 4)), ("folk", (6, 8))):
        changes = POP.arranged(style).time_signature_changes
        assert metre in [(change.numerator, change.denominator) for change in changes]


@pytest.mark.parametrize("fps", [23.976, 25.0, 29.97, 60.0])
@pytest.mark.parametrize("style", ["band", "piano", "folk", "ambient"])
def test_points_that_were_asked_for_have_an_onset_within_a_frame(style: str, fps: float) -> None:
    rng = np.random.default_rng(int(fps))
    times = np.round(np.cumsum(rng.uniform(1.7, 7, 9)) * fps) / fps
    hits = [(float(time_s), "section" if n % 4 == 2 else "hit") for n, time_s in enumerate(times)]
    hits = [(time_s, kind) for time_s, kind in hits if time_s < 44]
    score = film(2, 48.0, fps).scored(style, hits=hits)
    onsets = np.array([note.start for note in notes(score.midi)])
    for time_s, _ in hits:
        assert np.abs(onsets - time_s).min() <= 0.5 / fps
    named = [point for point in score.points if point.kind != "cut"]
    assert [(point.time_s, point.kind) for point in named] == hits
    assert all(point.met for point in named)


def test_a_stop_stops_everything_until_the_music_comes_back() -> None:
    score = film(4, 48.0).scored("band", hits=[(17.3, "stop"), (19.04, "hit")])
    for note in notes(score.midi):
        assert not (note.start < 17.29 and note.end > 17.31)
        assert not 17.31 < note.start < 19.03
    assert min(abs(note.start - 19.04) for note in notes(score.midi)) < 0.01
    for instrument in score.midi.instruments:
        values = [c.value for c in instrument.control_changes if c.number == 11 and c.time < 18]
        assert values[-1] == 0


def test_accents_mark_hard_cuts() -> None:
    cuts = [4.03, 9.62, 17.3, 22.91]

    def weight(accents: float) -> float:
        midi = POP.arranged("band", cuts_s=cuts, accents=accents, tempo_bpm=97.0)
        return sum(n.velocity for n in notes(midi) for cut in cuts if abs(n.start - cut) <= 0.02)

    assert weight(0.0) < weight(0.4) < weight(1.0)


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
def test_very_short_songs(style: str, labels: list[str], duration_s: float) -> None:
    flat = np.full(len(labels), 5.0, np.float32)
    midi = arrange(
        labels, chords.Key(0, minor=False), note_density=flat, loudness=flat / 50,
        duration_s=duration_s, style=style,
    ).midi  # fmt: skip
    assert notes(midi)
    assert all(note.end < duration_s for note in notes(midi))
    pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(midi)))


def test_silent_curves_still_give_music() -> None:
    zeros = np.zeros(16, np.float32)
    score = arrange(POP.labels[:16], POP.key, note_density=zeros, loudness=zeros, duration_s=16.0)
    assert len(notes(score.midi)) > 16


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
        ).midi
        midi_bytes(midi)
        spent.append(time.process_time() - start)
    assert spent[1] <= 1.6 * 12 * spent[0]
    struck = np.histogram([note.start for note in notes(midi)], bins=18, range=(0, 10800))[0]
    assert struck.min() > 0.6 * struck.max()
    late = {text.text for text in midi.text_events if text.time > 10000}
    assert late >= {"C", "G", "A:min", "F"}
    assert any(text.startswith("section: ") for text in late)
