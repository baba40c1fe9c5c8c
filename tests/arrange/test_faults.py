"""The bar notices faults: each of these, put into the arranger, makes a measure fall short.

Seven of them passed every test of an earlier arranger: no tune, a random tune, sections that ignore
the film, no crash, no fills, no metric stress, no cadence.
"""

import dataclasses
import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.arrange.bar import Cast, measures, pieces, shortfalls
from vmt.arrange import (
    arrangement,
    bass,
    chart,
    drums,
    form,
    groove,
    harmony,
    midi,
    plan,
    spotting,
    theme,
)
from vmt.arrange.grid import Grid
from vmt.arrange.styles import DRUMS

Patch = pytest.MonkeyPatch
FAULTS: dict[str, tuple[str, Callable[[Patch], None]]] = {}


CASTS: dict[str, Cast] = {
    "odd_phrases": (("band", 4, True),),
    "cuts_are_not_tied_to_the_grid": (("band", 4, True),),
    "swing_is_lost": (("lofi", 4, True),),
    "a_new_theme_for_every_section": (("band", 9, True), ("band", 7, False), ("lofi", 8, True)),
    "no_cadence": (("band", 9, True), ("band", 5, False)),
}


def fault(measure: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """A fault, and the measure that has to notice it."""

    def note(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
        FAULTS[put.__name__] = (measure, put)
        return put

    return note


@fault("tune_share")
def no_tune(patch: Patch) -> None:
    patch.setattr(arrangement, "play_lead", lambda *_: [])


@fault("motif_repeat")
def random_tune(patch: Patch) -> None:
    rng = np.random.default_rng(0)

    def motifs(_: Any, phrase: Any, __: Any) -> list[Any]:
        bars = []
        for _ in range(phrase.bars):
            rhythm = "".join(rng.choice(["x", "-"], p=[0.4, 0.6]) for _ in range(16))
            contour = tuple(rng.integers(-4, 5, 16).tolist())
            bars.append((theme.Motif(rhythm, contour), False))
        return bars

    patch.setattr(theme, "bar_motifs", motifs)


@fault("sections_on_points")
def sections_ignore_the_film(patch: Patch) -> None:
    real = spotting.film_points
    patch.setattr(
        arrangement,
        "film_points",
        lambda *args, **names: [
            dataclasses.replace(point, section=False) for point in real(*args, **names)
        ],
    )


@fault("crashes")
def no_crash(patch: Patch) -> None:
    real = drums.play_drums
    patch.setattr(
        arrangement,
        "play_drums",
        lambda kit, *rest: [event for event in real(kit, *rest) if event.pitch != DRUMS[kit.crash]],
    )


@fault("fills")
def no_fills(patch: Patch) -> None:
    patch.setattr(drums, "_leads_on", lambda *_: False)


@fault("stress")
def no_metric_stress(patch: Patch) -> None:
    for module in (harmony, bass, drums):
        patch.setattr(module, "stress", lambda *_: 1.0)
    patch.setattr(harmony, "_WEIGHTS", dict.fromkeys("Xxho", 1.0))


@fault("ends_on_tonic")
def no_cadence(patch: Patch) -> None:
    patch.setattr(chart, "_with_cadence", lambda chosen, *_: list(chosen))


@fault("longest_gap_s")
def silence_under_n(patch: Patch) -> None:
    real = arrangement._parts

    def parts(piece: plan.Plan, *rest: Any) -> list[Any]:
        return [
            (track, [event for event in events if not piece.span_at[event.step].open])
            for track, events in real(piece, *rest)
        ]

    patch.setattr(arrangement, "_parts", parts)
    patch.setattr(Grid, "seconds", lambda self, step: self.straight(step))


@fault("changes_on_half_bars")
def chords_change_on_any_beat(patch: Patch) -> None:
    patch.setattr(
        Grid, "units", lambda _, last: [(step, min(step + 4, last)) for step in range(0, last, 4)]
    )
    patch.setattr(chart, "CHANGE_S", (0.0, 0.0, 0.0))


@fault("ends_on_downbeat")
def last_stroke_beside_the_downbeat(patch: Patch) -> None:
    real = arrangement.spot

    def spot(*args: Any, **names: Any) -> Any:
        spotted = real(*args, **names)
        return dataclasses.replace(spotted, final=spotted.final - 4)

    patch.setattr(arrangement, "spot", spot)


@fault("phrases_whole")
def odd_phrases(patch: Patch) -> None:
    patch.setattr(
        form, "phrase_lengths", lambda bars: [3] * (bars // 3) + [bars % 3] * (bars % 3 > 0)
    )


@fault("dynamics_db")
def flat_dynamics(patch: Patch) -> None:
    patch.setattr(plan, "_levels", lambda _, __, loudness, ___: np.zeros(len(loudness)))
    patch.setattr(plan, "_drive", lambda *_: 0.7)


@fault("groove_ms")
def notes_on_the_grid(patch: Patch) -> None:
    patch.setattr(midi, "late_seconds", lambda _, events, *__: [0.0] * len(events))


@fault("groove_patterned")
def noise_for_a_groove(patch: Patch) -> None:
    rng = np.random.default_rng(0)
    patch.setattr(
        midi, "late_seconds", lambda _, events, *__: rng.normal(0, 0.01, len(events)).tolist()
    )


@fault("cuts_met")
def cuts_are_not_tied_to_the_grid(patch: Patch) -> None:
    patch.setattr(spotting, "_tied", lambda *_: [])
    patch.setattr(plan, "STRONG_SHIFT_S", 0.0)


@fault("hits_met")
def hits_are_rounded_to_the_beat(patch: Patch) -> None:
    patch.setattr(spotting, "_tied", lambda *_: [])
    patch.setattr(plan, "HIT_SHIFT_S", 0.0)


@fault("themes_return")
def a_new_theme_for_every_section(patch: Patch) -> None:
    real = theme._Singer.__init__

    def init(self: Any, track: Any, piece: Any, _: Any, phrase: Any, section: Any) -> None:
        steps = piece.grid.metre.steps
        own = theme.make_theme([section.start + 1], steps, track.family)
        real(self, track, piece, own, phrase, section)

    patch.setattr(theme._Singer, "__init__", init)


@fault("contrast")
def everybody_plays_always(patch: Patch) -> None:
    patch.setattr(
        arrangement,
        "players",
        lambda style, piece: {
            player.name: [True] * len(piece.form.phrases) for player in style.players
        },
    )
    patch.setattr(plan.Plan, "busyness_at", lambda *_: 0.6)


@fault("roots")
def bass_on_the_third(patch: Patch) -> None:
    real = bass._bass_tone
    patch.setattr(bass, "_bass_tone", lambda _, *rest: real("3", *rest))


@fault("swing_ms")
def swing_is_lost(patch: Patch) -> None:
    patch.setattr(Grid, "seconds", lambda self, step: self.straight(step))


@fault("tune_steps")
def a_tune_of_leaps(patch: Patch) -> None:
    wild = tuple(tuple(3 * degree for degree in contour) for contour in theme.CONTOURS)
    patch.setattr(theme, "CONTOURS", wild)


@fault("tune_chord_tones")
def a_tune_that_ignores_the_chords(patch: Patch) -> None:
    patch.setattr(theme._Singer, "_chord_tone", lambda _, pitch, __, **___: pitch)


@fault("ghosts")
def ghost_notes_as_loud_as_all(patch: Patch) -> None:
    patch.setattr(drums, "_WEIGHTS", dict.fromkeys("Xxo", 1.0))


@fault("groove_patterned")
def groove_drifts_without_a_pattern(patch: Patch) -> None:
    patch.setattr(groove, "_template", lambda *_: 0.0)
    patch.setattr(groove, "SCATTER_MS", 8.0)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, put = FAULTS[name]
    cast = CASTS.get(name, (("band", 9, True),))
    assert measure not in _short(cast)
    put(monkeypatch)
    assert measure in {line.split()[0] for line in shortfalls(measures(pieces(cast)))}


@lru_cache
def _short(cast: Cast) -> set[str]:
    """Measures that fall short without a fault."""
    return {line.split()[0] for line in shortfalls(measures(pieces(cast)))}


def test_there_are_seventeen_faults_and_more() -> None:
    assert len(FAULTS) >= 17
    assert len(set(FAULTS)) == len(FAULTS)
    assert list(itertools.islice(FAULTS, 7))[-1] == "no_cadence"
