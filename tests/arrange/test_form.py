"""Spans, phrases, sections and endings."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmt.arrange.form import INTRO, Form, Span, chord_spans, make_form, mood_jumps
from vmt.arrange.grid import STEPS_PER_BAR, STEPS_PER_BEAT, Grid, exact_tempo


def form_of(
    names: str, each_s: int = 2, tempo_bpm: float = 120.0, cuts_s: tuple[float, ...] = ()
) -> Form:
    labels = [name for name in names.split() for _ in range(each_s)]
    return make_form(labels, Grid(tempo_bpm), float(len(labels)), cuts_s)


@given(
    labels=st.lists(
        st.sampled_from(["N", "C", "A:min", "G:7", "F#:dim7"]), min_size=1, max_size=40
    ),
    tempo_bpm=st.floats(40, 240),
    rest=st.floats(0.0, 0.9),
)
@settings(max_examples=150, deadline=None)
def test_spans_tile_the_piece_and_changes_fall_on_the_nearest_beat(
    labels: list[str], tempo_bpm: float, rest: float
) -> None:
    grid = Grid(exact_tempo(tempo_bpm))
    duration_s = len(labels) - rest
    form = make_form(labels, grid, duration_s)
    assert form.spans[0].start == 0
    assert all(one.end == other.start for one, other in itertools.pairwise(form.spans))
    assert all(span.start < span.end for span in form.spans)
    assert grid.seconds(form.steps) > duration_s - grid.step_s
    for span in form.spans:
        assert span.start % STEPS_PER_BEAT == 0
        near = [
            k
            for k, label in enumerate(labels)
            if label == span.label and grid.beat(float(k)) == span.start
        ]
        assert near or span.start == 0
    assert form.end_s < duration_s
    if form.final is not None:
        assert form.final % STEPS_PER_BEAT == 0
        assert grid.seconds(form.final) < form.end_s
    for phrase in form.phrases:
        assert all(
            span.label != "N" for span in form.spans if phrase.start <= span.start < phrase.end
        )


def test_at_120_beats_every_second_keeps_its_chord() -> None:
    assert chord_spans(["C", "C", "F", "G"], Grid(120.0), 4.0) == [
        Span(0, 16, "C"),
        Span(16, 24, "F"),
        Span(24, 33, "G"),
    ]


def test_of_two_changes_on_one_beat_the_later_counts() -> None:
    spans = chord_spans(["C", "F", "G", "C"], Grid(40.0), 4.0)
    assert [span.label for span in spans] == ["C", "G", "C"]


def test_spellings_of_a_chord_are_one_chord() -> None:
    assert [span.label for span in chord_spans(["Db", "C#:maj", "C#"], Grid(120.0), 3.0)] == ["C#"]


def test_phrases_have_four_chords_and_sections_two_phrases() -> None:
    form = form_of("C A:min F G " * 6)
    assert {phrase.end - phrase.start for phrase in form.phrases[:-1]} == {4 * STEPS_PER_BAR}
    assert [phrase.opens for phrase in form.phrases] == [True, True, False, True, False, True]
    assert [phrase.section for phrase in form.phrases] == [INTRO, "A", "A", "A", "A", "A"]
    assert [phrase.turn for phrase in form.phrases[1:4]] == [0, 1, 2]


def test_sections_with_other_chords_have_other_letters() -> None:
    form = form_of("C G " * 2 + "C A:min F G " * 2 + "D:min G E:min A:min " * 2)
    assert [phrase.section for phrase in form.phrases] == [INTRO, "A", "A", "B", "B"]


def test_the_end_of_a_long_scene_starts_a_section() -> None:
    plain, cut = form_of("C A:min F G " * 6), form_of("C A:min F G " * 6, cuts_s=(1.0, 24.1))
    assert not plain.phrases[2].opens or plain.phrases[2].start != 24 * 8
    assert any(phrase.opens and phrase.start == 24 * 8 for phrase in cut.phrases)


def test_a_rest_parts_sections() -> None:
    form = form_of("C F N N C F")
    assert [phrase.opens for phrase in form.phrases] == [True, True]


def test_one_long_chord_is_cut_at_bar_lines() -> None:
    form = form_of("C " * 60)
    assert len(form.phrases) > 3
    assert all(phrase.start % STEPS_PER_BAR == 0 for phrase in form.phrases)


@pytest.mark.parametrize("tempo_bpm", [80.0, 97.0, 120.0, 140.0])
def test_the_piece_ends_on_the_last_downbeat_that_leaves_room(tempo_bpm: float) -> None:
    form = form_of("C F G " * 3 + "C C C", tempo_bpm=tempo_bpm)
    grid = Grid(tempo_bpm)
    assert form.final is not None
    assert form.final % STEPS_PER_BAR == 0
    ring_s = form.end_s - grid.seconds(form.final)
    assert 1.5 <= ring_s <= 1.5 + 5 * 60 / tempo_bpm


def test_a_last_chord_too_short_to_sound_gives_way() -> None:
    form = make_form(["C", "C", "C", "G"], Grid(120.0), 3.2)
    assert [span.label for span in form.spans] == ["C"]


def test_a_piece_of_rests_has_no_last_stroke() -> None:
    form = form_of("N N N")
    assert form.final is None
    assert form.phrases == ()


def test_before_a_rest_at_the_end_the_last_chord_stops() -> None:
    form = form_of("C F N")
    assert form.end_s == pytest.approx(4.0)


def moods(*names_and_seconds: tuple[int, int]) -> np.ndarray:
    return np.repeat(
        np.eye(6)[[each for each, _ in names_and_seconds]],
        [n for _, n in names_and_seconds],
        axis=0,
    )


def test_a_jump_in_emotion_starts_a_section() -> None:
    labels = [name for name in ["C", "A:min", "F", "G"] * 8 for _ in range(2)]
    emotion = moods((0, 20), (3, 44)).astype(np.float32)
    plain, jumped = (make_form(labels, Grid(120.0), 64.0, (), each) for each in (None, emotion))
    opens = [
        [phrase.start / 8 for phrase in form.phrases if phrase.opens] for form in (plain, jumped)
    ]
    assert 20 not in opens[0]
    assert 20 in opens[1]


def test_jumps_are_found_where_they_are_and_drifts_are_none() -> None:
    assert mood_jumps(moods((0, 10), (3, 12), (4, 9))) == [10, 22]
    assert mood_jumps(moods((0, 3), (3, 3))) == []
    drift = np.linspace(0, 1, 60)
    assert mood_jumps(np.stack([drift, 1 - drift, *np.zeros((4, 60))], axis=1)) == []
