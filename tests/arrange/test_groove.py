"""Groove: a pattern by instrument and place, not noise; nothing that must be exact is moved."""

import numpy as np
import pytest

from tests.arrange.songs import film
from vmt.arrange.arrangement import midi_bytes
from vmt.arrange.groove import late_seconds
from vmt.arrange.plan import Event
from vmt.arrange.styles import load_style, style_names
from vmt.metrics.musicality import groove_scores, read_marked


@pytest.mark.parametrize("style", [name for name in style_names() if name != "amt"])
def test_every_styles_groove_is_a_pattern_of_some_milliseconds(style: str) -> None:
    scores = groove_scores(read_marked(midi_bytes(film(9, 40.0).scored(style).midi)))
    assert 4 <= scores["groove_ms"] <= 20
    assert scores["groove_patterned"] >= 0.4


def test_the_same_place_is_late_by_the_same_in_every_bar() -> None:
    plan = film(2, 40.0).scored("band").plan
    bass = next(track for track in load_style("band").tracks if track.role == "bass")
    places = range(plan.grid.bars[2], plan.grid.bars[10], 2)
    events = [Event(step, step + 2, 40, 1.0) for step in places]
    late = np.array(late_seconds(bass, events, plan, (1, 2)))
    by_place = late.reshape(8, 8)
    assert by_place.mean(axis=0).std() > 2 * by_place.std(axis=0).mean() * 0.6
    assert late_seconds(bass, events, plan, (1, 2)) == late.tolist()


def test_hits_section_starts_and_the_last_stroke_are_exact() -> None:
    score = film(9, 48.0).scored("band", hits=[(12.4, "hit")])
    plan = score.plan
    exact = [12.4, *(plan.grid.straight(s.start) for s in plan.form.sections[1:])]
    for time_s in [*exact, plan.grid.straight(plan.form.final)]:
        near = [
            note.start - time_s
            for instrument in score.midi.instruments
            for note in instrument.notes
            if abs(note.start - time_s) < 0.05
        ]
        assert near
        assert np.mean(np.abs(near) < 0.019) > 0.7  # a strum goes on after its first note
        assert min(np.abs(near)) < 1e-3
