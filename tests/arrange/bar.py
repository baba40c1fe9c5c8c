"""The bar that music must pass: measures of a set of pieces, and which of them fall short.

`test_bar.py` holds the music to it, and `test_faults.py` shows that each of seventeen faults is
noticed by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pretty_midi

from tests.arrange.songs import Film, film
from vmt import chords
from vmt.arrange.arrangement import Score, midi_bytes
from vmt.arrange.form import BREAKDOWN, CLIMAX
from vmt.arrange.spotting import SECTION_SCENE_S
from vmt.arrange.styles import DRUMS, load_style
from vmt.metrics.musicality import (
    MarkedMidi,
    groove_scores,
    lead_notes,
    metre_scores,
    motif_scores,
    read_marked,
    share_on,
)

FRAME_S = 1 / 50
HITS = ((9.48, "hit"), (21.12, "section"), (33.36, "hit"))


@dataclass(frozen=True)
class Piece:
    """One arranged film."""

    film: Film
    style: str
    score: Score
    song: MarkedMidi

    @property
    def duration_s(self) -> float:
        return self.film.duration_s

    def onsets(self) -> np.ndarray:
        """Of all notes."""
        return np.sort([note.start for one in self.song.midi.instruments for note in one.notes])


Cast = tuple[tuple[str, int, bool], ...]
"""Styles, numbers of films, and whether a person gave hits."""

CAST: Cast = (
    ("band", 3, False),
    ("piano", 4, True),
    ("lofi", 5, False),
    ("orchestra", 6, True),
    ("synthwave", 7, False),
)


def pieces(cast: Cast = CAST) -> list[Piece]:
    """Films of 64 s with their music."""
    made = []
    for style, number, has_hits in cast:
        wanted = film(number, 64.0)
        hits = HITS if has_hits else ()
        score = wanted.scored(style, hits=hits)
        made.append(Piece(wanted, style, score, read_marked(midi_bytes(score.midi))))
    return made


def measures(made: Sequence[Piece]) -> dict[str, float]:
    """All measures, in the mean over the pieces."""
    rows = [_measures(piece) for piece in made]
    means = {}
    for name in sorted({name for row in rows for name in row}):
        values = [row[name] for row in rows if name in row and np.isfinite(row[name])]
        means[name] = float(np.mean(values)) if values else 0.0
    return means


BAR: dict[str, tuple[float, float]] = {
    "changes_on_half_bars": (0.98, 1.0),
    "phrases_whole": (0.9, 1.0),
    "ends_on_downbeat": (1.0, 1.0),
    "ends_on_tonic": (1.0, 1.0),
    "longest_gap_s": (0.0, 1.6),
    "cuts_met": (0.7, 1.0),
    "cuts_over_chance": (0.35, 1.0),
    "hits_met": (0.95, 1.0),
    "sections_on_points": (0.45, 1.0),
    "tune_share": (0.4, 1.0),
    "motif_repeat": (0.6, 1.0),
    "themes_return": (0.65, 1.0),
    "tune_steps": (0.65, 1.0),
    "tune_chord_tones": (0.85, 1.0),
    "groove_ms": (4.0, 20.0),
    "groove_patterned": (0.5, 0.98),
    "dynamics_db": (3.0, 12.0),
    "stress": (1.04, 1.6),
    "crashes": (0.5, 1.0),
    "fills": (0.6, 1.0),
    "roots": (0.95, 1.0),
    "contrast": (1.25, 40.0),
    "swing_ms": (32.0, 90.0),
    "ghosts": (0.05, 0.8),
}
"""Lowest and highest value of each measure."""


def shortfalls(values: dict[str, float]) -> list[str]:
    """Measures outside the bar."""
    return [
        f"{name} {values.get(name, 0.0):.3f} is not {low:g} to {high:g}"
        for name, (low, high) in BAR.items()
        if not low - 1e-9 <= values.get(name, 0.0) <= high + 1e-9
    ]


def _measures(piece: Piece) -> dict[str, float]:
    song, score = piece.song, piece.score
    groove = groove_scores(song)
    found = {
        **metre_scores(song),
        "ends_on_tonic": _ends_on_tonic(piece),
        "longest_gap_s": _longest_gap(piece),
        **_hits(piece),
        **{k: v for k, v in motif_scores(song).items() if k in ("tune_share", "motif_repeat")},
        "themes_return": _themes_return(piece),
        **_tune(piece),
        "groove_ms": groove["groove_ms"],
        "groove_patterned": groove["groove_patterned"],
        "dynamics_db": symbolic_dynamics(song.midi, piece.duration_s),
        "stress": _stress(song),
        "roots": _roots(piece),
        "contrast": _contrast(piece),
        **_drums(piece),
    }
    if load_style(piece.style).swing != 0.5:
        found["swing_ms"] = _swing(piece)
    del score
    return found


def _ends_on_tonic(piece: Piece) -> float:
    """Whether the last bass note is the tonic, and the last stroke a whole chord of it."""
    final_s = piece.score.plan.grid.straight(piece.score.plan.form.final)
    last = [
        note.pitch
        for one in piece.song.midi.instruments
        if not one.is_drum
        for note in one.notes
        if note.start > final_s - 0.06
    ]
    tonic = piece.film.key.tonic
    return float(
        bool(last) and min(last) % 12 == tonic and (tonic + 7) % 12 in {p % 12 for p in last}
    )


def _longest_gap(piece: Piece) -> float:
    """Longest stretch in which no pitched note sounds and no drum is struck, before the end."""
    spans = sorted(
        (note.start, note.start + 0.2 if one.is_drum else note.end)
        for one in piece.song.midi.instruments
        for note in one.notes
    )
    reached, gap = 0.0, 0.0
    for start, end in spans:
        gap = max(gap, start - reached)
        reached = max(reached, end)
    return gap


def _hits(piece: Piece) -> dict[str, float]:
    points = piece.score.points
    cuts = [point.time_s for point in points if point.kind == "cut"]
    asked = [point.time_s for point in points if point.kind != "cut"]
    onsets = piece.onsets()
    found: dict[str, float] = {}
    if cuts:
        met, chance = share_on(onsets, cuts, piece.duration_s, within_s=FRAME_S)
        found |= {"cuts_met": met, "cuts_over_chance": met - chance}
    if asked:
        found["hits_met"] = share_on(onsets, asked, piece.duration_s, within_s=FRAME_S)[0]
    starts = [
        piece.song.midi.tick_to_time(tick) for tick, name in piece.song.sections if name != "Ending"
    ]
    scenes = [after for one, after in pairwise([0.0, *piece.film.cuts_s])
              if after - one >= SECTION_SCENE_S and after < piece.duration_s - 4]  # fmt: skip
    scenes += [time_s for time_s in asked if (time_s, "section") in HITS]
    if scenes:
        found["sections_on_points"] = share_on(starts, scenes, piece.duration_s, within_s=FRAME_S)[
            0
        ]
    return found


def _themes_return(piece: Piece) -> float:
    """Share of the onsets, by place, of a tune's first two bars that two sections with the same
    theme share.
    """
    plan = piece.score.plan
    bars: dict[int, set[int]] = {}
    for note in lead_notes(piece.song.midi):
        step = round(plan.grid.step_at(note.start))
        if step < plan.form.final:
            bars.setdefault(plan.grid.bar_of(step), set()).add(plan.grid.place(step))
    heads: dict[int, set[int]] = {}
    for index, section in enumerate(plan.form.sections):
        first = plan.grid.bar_of(section.start)
        sung = [bars[bar] for bar in range(first, plan.grid.bar_of(section.end - 1)) if bar in bars]
        if sung and section.kind != BREAKDOWN:
            heads[index] = sung[0] | {place + 16 for place in (sung[1:2] or [set()])[0]}
    same = [
        len(heads[one] & heads[other]) / len(heads[one] | heads[other])
        for one in heads
        for other in heads
        if one < other and plan.form.sections[one].theme == plan.form.sections[other].theme
    ]
    return float(np.mean(same)) if same else np.nan


def _tune(piece: Piece) -> dict[str, float]:
    """Share of a tune's moves of at most a fourth, and of its long notes that the chord holds."""
    notes = lead_notes(piece.song.midi)
    if len(notes) < 8:
        return {"tune_steps": 0.0, "tune_chord_tones": 0.0}
    moves = np.abs(np.diff([note.pitch for note in notes]))
    spans = piece.score.plan.form.spans
    times = [piece.score.plan.grid.straight(span.start) - 0.03 for span in spans]
    inside = []
    for note in notes:
        if note.end - note.start >= 0.4:
            label = spans[int(np.searchsorted(times, note.start, side="right")) - 1].label
            inside.append(note.pitch % 12 in chords.pitch_classes(chords.token(label)))
    return {
        "tune_steps": float(np.mean(moves <= 5)),
        "tune_chord_tones": float(np.mean(inside)) if inside else np.nan,
    }


def symbolic_dynamics(midi: pretty_midi.PrettyMIDI, duration_s: float) -> float:
    """Deviation, in dB, of how loud the seconds are: the powers of all notes that start, by
    velocity, volume and expression (General MIDI's squares).
    """
    power = np.zeros(int(duration_s) + 1)
    for one in midi.instruments:
        expression = sorted((c.time, c.value) for c in one.control_changes if c.number == 11)
        volume = next((c.value for c in one.control_changes if c.number == 7), 100)
        times = [time_s for time_s, _ in expression]
        for note in one.notes:
            place = int(np.searchsorted(times, note.start, side="right")) - 1
            value = expression[max(place, 0)][1] if expression else 127
            amplitude = (note.velocity * value * volume / 127**3) ** 2
            last = note.start + 0.1 if one.is_drum else note.end
            power[int(note.start) : int(last) + 1] += amplitude**2
    audible = power[: max(1, int(duration_s) - 2)]
    audible = audible[audible > 0]
    return float(np.std(10 * np.log10(audible))) if len(audible) else 0.0


def _stress(song: MarkedMidi) -> float:
    """How much louder notes on beats are than those between, within each instrument."""
    ratios = []
    for one in song.midi.instruments:
        if one.is_drum:
            continue
        strong, weak = [], []
        for note in one.notes:
            place = song.quarters_in_bar(song.tick(note.start) + 40) - 40 / 480
            (strong if abs(place - round(place)) < 0.12 else weak).append(note.velocity)
        if len(strong) > 8 and len(weak) > 8:
            ratios.append(np.mean(strong) / np.mean(weak))
    return float(np.mean(ratios)) if ratios else np.nan


def _roots(piece: Piece) -> float:
    """Share of chords whose root is the lowest note that starts with them, where a bass plays."""
    plan = piece.score.plan
    basses = {track.name for track in load_style(piece.style).tracks if track.role == "bass"}
    low = [note for one in piece.song.midi.instruments if one.name in basses for note in one.notes]
    right = []
    for span in plan.form.spans[1:]:
        ends_s = plan.grid.straight(span.end) - 0.1
        if not any(
            note.start < ends_s and note.end > plan.grid.straight(span.start) for note in low
        ):
            continue  # the texture has no bass here
        start = plan.grid.straight(span.start)
        near = [
            note.pitch
            for one in piece.song.midi.instruments
            if not one.is_drum
            for note in one.notes
            if abs(note.start - start) < 0.06
        ]
        root = chords.pitch_classes(chords.token(span.label))[0]
        right.append(bool(near) and min(near) % 12 == root)
    return float(np.mean(right)) if right else np.nan


def _contrast(piece: Piece) -> float:
    """Notes a second in the climax against those in the quietest section."""
    plan, onsets = piece.score.plan, piece.onsets()
    rates, climax = [], []
    for section in plan.form.sections:
        start, end = plan.grid.straight(section.start), plan.grid.straight(section.end)
        rate = float(((onsets >= start - 0.03) & (onsets < end - 0.03)).sum() / (end - start))
        rates.append(rate)
        if section.kind == CLIMAX:
            climax.append(rate)
    if len(rates) < 3 or not climax:
        return np.nan
    return max(climax) / max(min(rates), 0.1)


def _drums(piece: Piece) -> dict[str, float]:
    """Crashes on sections, fills before them, ghost notes."""
    kit = load_style(piece.style).drums
    drums = [one for one in piece.song.midi.instruments if one.is_drum]
    if kit is None or not drums:
        return {}
    notes = drums[0].notes
    plan = piece.score.plan
    crash = DRUMS[kit.crash]
    crashed, filled = [], []
    for section in plan.form.sections[1:]:
        start = plan.grid.straight(section.start)
        after = [note for note in notes if start - 0.03 <= note.start < start + 4]
        if len(after) < 6:
            continue
        if section.kind in (CLIMAX, "statement") and section.energy >= 0.42:
            crashed.append(any(abs(n.start - start) < 0.03 and n.pitch == crash for n in after))
        filled.append(_leads_in(piece, notes, section.start))
    velocities = [note.velocity for note in notes]
    ghosts = float(np.mean(np.array(velocities) < 0.7 * np.percentile(velocities, 75)))
    return {
        "crashes": float(np.mean(crashed)) if crashed else np.nan,
        "fills": float(np.mean(filled)) if filled else np.nan,
        "ghosts": ghosts,
    }


def _leads_in(piece: Piece, notes: Sequence[pretty_midi.Note], start: int) -> bool:
    """Whether the half bar before a section is drummed otherwise than the half bar one bar before,
    and grows.
    """
    grid = piece.score.plan.grid
    half, bar = grid.metre.steps // 2, grid.metre.steps

    def struck(first: int, last: int) -> list[tuple[int, int, int]]:
        steps = [(round(grid.step_at(note.start)), note.pitch, note.velocity) for note in notes]
        return [
            (step - first, pitch, force) for step, pitch, force in steps if first <= step < last
        ]

    lead, before = struck(start - half, start), struck(start - half - bar, start - bar)
    kinds = [{(step, pitch) for step, pitch, _ in strokes} for strokes in (lead, before)]
    if len(lead) < 2 or kinds[0] == kinds[1]:
        return False
    rolled = [(step, force) for step, pitch, force in lead if pitch not in (35, 36, 49, 57)]
    late = [force for step, force in rolled if step >= half // 2]
    early = [force for step, force in rolled if step < half // 2]
    return not early or (bool(late) and float(np.mean(late)) >= float(np.mean(early)) - 4)


def _swing(piece: Piece) -> float:
    """Milliseconds by which the offbeats that swing lie behind the straight grid."""
    plan, style = piece.score.plan, load_style(piece.style)
    late = []
    for time_s in piece.onsets():
        step = plan.grid.step_at(float(time_s))
        nearest = round(step / style.swing_unit) * style.swing_unit
        if nearest // style.swing_unit % 2 and abs(step - nearest) < 0.8 * style.swing_unit:
            late.append(time_s - plan.grid.straight(nearest))
    return 1000 * float(np.mean(late)) if late else 0.0
