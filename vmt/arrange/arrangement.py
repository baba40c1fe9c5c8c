"""Arrangement: chords, curves, cuts and a key become a song for several instruments.

The steps, each a file: `tempo` and `grid` (where beats fall), `form` (phrases, sections, ending),
`plan` (energy, accents), `voicing`, `harmony`, `bass`, `lead`, `drums` (the parts), `score` (MIDI).
What instruments there are and what patterns they know is data: `styles`.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pretty_midi
from jaxtyping import Float

from vmt import chords
from vmt.arrange.bass import play_bass
from vmt.arrange.density import Part, follow, single
from vmt.arrange.drums import play_drums
from vmt.arrange.form import change_times, make_form
from vmt.arrange.grid import TEMPO_RANGE_BPM, Grid, exact_tempo
from vmt.arrange.harmony import play_harmony
from vmt.arrange.lead import play_lead
from vmt.arrange.midi import make_midi, midi_bytes
from vmt.arrange.plan import Event, Plan, make_plan, wanted_loudness
from vmt.arrange.styles import Kit, Style, Track, load_style, style_names
from vmt.arrange.tempo import choose_tempo, fit_tempo
from vmt.errors import GenerationError

__all__ = ["arrange", "midi_bytes", "style_names", "suit_tempo"]


def arrange(
    labels: Sequence[str],
    key: chords.Key,
    *,
    note_density: Float[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    duration_s: float,
    cuts_s: Sequence[float] = (),
    emotion: Float[np.ndarray, "time 6"] | None = None,
    style: str | Style = "band",
    tempo_bpm: float | None = None,
    accents: float = 0.5,
    seed: int = 0,
) -> pretty_midi.PrettyMIDI:
    """Write the music for a sequence of chords.

    The tempo never changes; each chord change falls on the nearest beat; nothing sounds where the
    chord is N; the last chord is struck on the last downbeat that leaves it room, and let go before
    the video ends. The same arguments give the same song.

    Args:
        labels: one chord a second, in the sounding key.
        key: that key.
        note_density: notes wanted in each second; chooses how busy the patterns are.
        loudness: RMS wanted in each second, full scale = 1; sets velocity and expression.
        duration_s: length of the video; `labels` and the curves have one value for each second of
            it, a part counting as one.
        cuts_s: times of hard cuts, rising.
        emotion: shares of the six emotions in each second; a jump starts a section.
        style: a style, or the name of one.
        tempo_bpm: 40 to 240; chosen from `note_density`, within what suits the style, where None.
        accents: how strongly hard cuts are marked, 0 (not at all) to 1.
        seed: of everything that chance decides.

    Raises:
        GenerationError: if an argument is not as said.
    """
    style = load_style(style) if isinstance(style, str) else style
    _check(labels, note_density, loudness, duration_s, tempo_bpm, accents)
    if tempo_bpm is None:
        tempo_bpm = suit_tempo(labels, style, motion=None, note_density=note_density)
    grid = Grid(exact_tempo(tempo_bpm), style.swing)
    form = make_form(labels, grid, duration_s, cuts_s, emotion)
    plan = make_plan(grid, form, key, note_density, loudness, cuts_s, accents)
    plan, parts = follow(plan, partial(_parts, style=style, seed=seed), note_density)
    return make_midi(parts, plan, style, wanted_loudness(loudness), _streams(style, seed)[0])


def _parts(plan: Plan, style: Style, seed: int) -> list[Part]:
    """What each track of a style plays."""
    players: list[Track | Kit] = [*style.tracks, *([style.drums] if style.drums else [])]
    streams = _streams(style, seed)[1:]
    return [(each, _play(each, plan, rng)) for each, rng in zip(players, streams, strict=True)]


def _streams(style: Style, seed: int) -> list[np.random.Generator]:
    """Of chance: one for the whole, then one for each track and for the drums."""
    return list(np.random.default_rng(seed).spawn(1 + len(style.tracks) + bool(style.drums)))


def suit_tempo(
    labels: Sequence[str],
    style: Style,
    *,
    motion: Float[np.ndarray, " time"] | None,
    note_density: Float[np.ndarray, " time"] | None,
) -> float:
    """The tempo that a video asks for, in beats a minute: near it, the one whose beats the chord
    changes fall on.

    Args:
        labels: one chord a second.
        style: what it plays well is the range.
        motion: of the picture, in each second.
        note_density: notes wanted in each second.
    """
    wish = fit_tempo(choose_tempo(motion, note_density), change_times(labels))
    return float(np.clip(wish, *style.tempo_bpm))


def _play(track: Track | Kit, plan: Plan, rng: np.random.Generator) -> list[Event]:
    if plan.form.final is None:
        return []
    if isinstance(track, Kit):
        return play_drums(track, plan, rng)
    if track.role == "bass":
        return single(play_bass(track, plan))
    if track.role == "lead":
        return single(play_lead(track, plan, rng))
    return single(play_harmony(track, plan))


def _check(
    labels: Sequence[str],
    note_density: Float[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    duration_s: float,
    tempo_bpm: float | None,
    accents: float,
) -> None:
    seconds = max(1, math.ceil(duration_s - 1e-3))
    for name, values in (
        ("chords", labels),
        ("note_density", note_density),
        ("loudness", loudness),
    ):
        if len(values) != seconds:
            raise GenerationError(
                f"arrangement: {len(values)} values of {name} for {duration_s:g} s; give one a "
                f"second, {seconds}"
            )
    low, high = TEMPO_RANGE_BPM
    if tempo_bpm is not None and not low <= tempo_bpm <= high:
        raise GenerationError(
            f"tempo {tempo_bpm:g} bpm is out of range; choose {low:g} to {high:g}"
        )
    if not 0 <= accents <= 1:
        raise GenerationError(f"accents {accents:g} is out of range; choose 0 (none) to 1 (strong)")
