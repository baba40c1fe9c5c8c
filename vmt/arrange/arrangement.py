"""Arrangement: chords, curves, cuts and a key become a score for several instruments.

An arranger's order of work, a file a step: time (`spotting`, `grid`, `tempo`), harmony on the bars
(`chart`), form (`form`), what each moment asks for (`plan`), themes (`theme`), texture (`texture`,
`harmony`, `bass`, `drums`), groove (`groove`), and the file (`midi`). What instruments there are
and what patterns they know is data: `styles`.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pretty_midi
from jaxtyping import Float, Float32

from vmt import chords
from vmt.arrange.bass import play_bass
from vmt.arrange.chart import chords_each_second, make_chart
from vmt.arrange.drums import kick_steps, play_drums
from vmt.arrange.form import Section, layout, make_form
from vmt.arrange.grid import TEMPO_RANGE_BPM
from vmt.arrange.harmony import play_harmony
from vmt.arrange.midi import Part, make_midi, midi_bytes
from vmt.arrange.plan import (
    Plan,
    arousal,
    busyness_curve,
    energy_curve,
    energy_reader,
    make_plan,
)
from vmt.arrange.spotting import EXACT_S, film_points, spot
from vmt.arrange.styles import Kit, Style, load_style, style_names
from vmt.arrange.tempo import choose_tempo
from vmt.arrange.texture import players
from vmt.arrange.theme import play_lead
from vmt.errors import GenerationError

__all__ = ["Score", "SpottedPoint", "arrange", "midi_bytes", "style_names"]

RELEASE_S = 0.25


@dataclass(frozen=True)
class SpottedPoint:
    """A point that a person gave, or a strong cut, and whether the music stands on it.

    Attributes:
        kind: hit, section, stop or cut.
        met: whether an onset lies on it (a stop: whether the music stops there).
        off_s: what the nearest onset is off it where it is not met, in seconds.
    """

    time_s: float
    kind: str
    met: bool
    off_s: float


@dataclass(frozen=True, eq=False)
class Score:
    """A piece.

    Attributes:
        midi: its notes, controls, tempo map, chord symbols and sections.
        tempo_bpm: mean tempo, in quarter notes a minute.
        labels: the chord that sounds in each second.
        level: amplitude wanted in each second, 1 the loudest.
        sections: its form.
        form: which form was chosen: aaba, verse or build.
        points: those that a person gave, and the film's strong cuts.
        plan: what all parts were played from.
    """

    midi: pretty_midi.PrettyMIDI
    tempo_bpm: float
    labels: tuple[str, ...]
    level: Float32[np.ndarray, " time"]
    sections: tuple[Section, ...]
    form: str
    points: tuple[SpottedPoint, ...]
    plan: Plan


def arrange(
    labels: Sequence[str],
    key: chords.Key,
    *,
    note_density: Float[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    duration_s: float,
    cuts_s: Sequence[float] = (),
    emotion: Float[np.ndarray, "time 6"] | None = None,
    motion: Float[np.ndarray, " time"] | None = None,
    hits: Sequence[tuple[float, str]] = (),
    style: str | Style = "band",
    tempo_bpm: float | None = None,
    accents: float = 0.5,
    given: int = 0,
    seed: int = 0,
) -> Score:
    """Write the music for a sequence of chords.

    Bars are laid on the film (`spotting`), chords on half bars (`chart`); the piece ends on its
    tonic on a downbeat, and is let go before the film ends. The same arguments give the same score.

    Args:
        labels: one chord a second, in the sounding key; under N the music goes on.
        key: that key.
        note_density: notes wanted in each second; chooses how busy the patterns are.
        loudness: RMS wanted in each second, full scale = 1; sets velocity and expression.
        duration_s: length of the video; `labels` and the curves have one value for each second of
            it, a part counting as one.
        cuts_s: times of hard cuts, rising.
        emotion: shares of the six emotions in each second.
        motion: of the picture in each second.
        hits: points that a person gave: times in seconds and kinds, hit, section or stop.
        style: a style, or the name of one.
        tempo_bpm: 40 to 240, kept within 1.5 %; chosen from motion, density and mood, within what
            suits the style, where None.
        accents: how strongly hard cuts are marked, 0 (bars ignore them) to 1.
        given: how many of the first labels a person wrote; no cadence replaces them.
        seed: of everything that chance decides.

    Raises:
        GenerationError: if an argument is not as said.
    """
    style = load_style(style) if isinstance(style, str) else style
    _check(labels, note_density, loudness, duration_s, tempo_bpm, accents)
    spotted_film = style.spotted
    points = film_points(
        cuts_s if spotted_film else (), duration_s, emotion=emotion if spotted_film else None,
        hits=hits, accents=accents,
    )  # fmt: skip
    mood = arousal(emotion)
    wish = tempo_bpm or choose_tempo(motion, note_density, style.tempo_bpm, arousal=mood)
    named = [chords.label(chords.token(label)) for label in labels]
    spotted = spot(
        points,
        style.metre,
        duration_s,
        tempo_bpm=wish,
        tempo_range=style.tempo_bpm,
        changes_s=[float(second) for second, (a, b) in enumerate(pairwise(named), 1) if a != b],
        fixed=tempo_bpm is not None or not spotted_film,
        swing=style.swing,
        swing_unit=style.swing_unit,
    )
    spans = make_chart(
        named,
        key,
        spotted.grid,
        final=spotted.final,
        phrase_starts=[start for start, _, _, _ in layout(spotted)[1]],
        cadence=style.cadence,
        given=given,
    )
    busyness = busyness_curve(note_density)
    energy = energy_curve(busyness, loudness, motion, emotion)
    release_s = duration_s - min(RELEASE_S, 0.2 * duration_s)
    form = make_form(spotted, spans, energy_reader(energy), release_s, style.form)
    plan = make_plan(
        spotted,
        form,
        key,
        busyness=busyness,
        loudness=loudness,
        emotion=emotion,
        accents=accents,
        dynamics=style.dynamics,
    )
    midi = make_midi(_parts(plan, style, seed), plan, style, (seed, 1))
    return Score(
        midi,
        spotted.grid.tempo_bpm,
        chords_each_second(spans, spotted.grid, len(named)),
        np.asarray(10 ** (plan.level_db / 20), dtype=np.float32),
        form.sections,
        form.name,
        _points(plan, midi),
        plan,
    )


def _parts(plan: Plan, style: Style, seed: int) -> list[Part]:
    """What each player of a style plays."""
    if not plan.form.phrases:
        return []
    plays = players(style, plan)
    kicks: frozenset[int] = frozenset()
    if style.drums:
        kicks = kick_steps(style.drums, plan, plays[style.drums.name])
    parts: list[Part] = []
    for player in style.players:
        own = plays[player.name]
        stream = (seed, zlib.crc32(player.name.encode()))
        if isinstance(player, Kit):
            events = play_drums(player, plan, own, np.random.default_rng(stream))
        elif player.role == "bass":
            events = play_bass(player, plan, own, kicks)
        elif player.role == "lead":
            events = play_lead(player, plan, own, (seed, 7))
        else:
            events = play_harmony(player, plan, own)
        parts.append((player, events))
    return parts


def _points(plan: Plan, midi: pretty_midi.PrettyMIDI) -> tuple[SpottedPoint, ...]:
    """Whether an onset lies on each point that was asked for, and on each strong cut."""
    onsets = np.array(
        sorted({note.start for instrument in midi.instruments for note in instrument.notes})
    )
    found = []
    for point in plan.points:
        if point.kind == "mood" or not point.strong:
            continue
        if point.kind == "stop":
            found.append(SpottedPoint(point.time_s, "stop", True, 0.0))
            continue
        off = onsets - point.time_s
        nearest = float(off[np.abs(off).argmin()]) if len(off) else math.inf
        found.append(SpottedPoint(point.time_s, point.kind, abs(nearest) <= EXACT_S, nearest))
    return tuple(found)


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
