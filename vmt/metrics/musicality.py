"""Measures of music as music: silence, metre, hits, motifs, groove, dynamics.

Those of notes read a standard MIDI file alone: its tempo map and time signatures say where bars
are, its texts where chords change, its markers and cue points where sections and phrases start.
Those of sound read the rendered music. A measure that has nothing to go by is NaN.
"""

import bisect
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import mido
import numpy as np
import pretty_midi
from jaxtyping import Float32, Float64

SILENT_DBFS = -60.0
RELEASE_S = 2.0  # at a piece's end, in which it may die away
PHRASE_BARS = (2, 4, 8)
NEAR_BEAT = 0.13  # quarter notes: a sixteenth's half
MOTIF_BARS = 2
SECTION_BARS = 8
SAME_RHYTHM, SAME_CONTOUR = 0.7, 0.6
LARGEST_GROOVE_S = 0.022
HOP_S = 0.002
LOWEST_TUNE = 57.0  # mean pitch under which a single line is a bass
NO_SCORES = math.nan


@dataclass(frozen=True, eq=False)
class MarkedMidi:
    """A MIDI file with its marks, in ticks.

    Attributes:
        midi: its notes.
        chords: where chord symbols stand, and what they say.
        sections, phrases: where markers and cue points stand, and what they say.
    """

    midi: pretty_midi.PrettyMIDI
    chords: tuple[tuple[int, str], ...]
    sections: tuple[tuple[int, str], ...]
    phrases: tuple[tuple[int, str], ...]

    @cached_property
    def downbeats(self) -> list[int]:
        """The tick of each bar, up to two bars after the last note."""
        end = self.tick(self.midi.get_end_time()) + 8 * self.midi.resolution
        changes = [
            (self.tick(change.time), change.numerator * 4 / change.denominator)
            for change in self.midi.time_signature_changes
        ] or [(0, 4.0)]
        ticks: list[int] = []
        for number, (start, quarters) in enumerate(changes):
            stop = changes[number + 1][0] if number + 1 < len(changes) else end
            length = round(quarters * self.midi.resolution)
            ticks += range(start, stop, length)
        return ticks

    def tick(self, time_s: float) -> int:
        """The tick nearest to a time."""
        return int(self.midi.time_to_tick(time_s))

    def quarters_in_bar(self, tick: int | float) -> float:
        """Quarter notes from the last downbeat."""
        index = max(0, bisect.bisect_right(self.downbeats, tick) - 1)
        return float((tick - self.downbeats[index]) / self.midi.resolution)

    def bar_length(self, tick: int | float) -> float:
        """Length, in quarter notes, of the bar that a tick is in."""
        index = min(max(0, bisect.bisect_right(self.downbeats, tick) - 1), len(self.downbeats) - 2)
        return float((self.downbeats[index + 1] - self.downbeats[index]) / self.midi.resolution)

    def bars_between(self, start: int, end: int) -> float:
        """Bars from one tick to another, a shortened one counting as what it is of a whole one."""
        whole = max(later - earlier for earlier, later in pairwise(self.downbeats))
        inside = [bar for bar in self.downbeats if start <= bar < end]
        on_bars = start in self.downbeats and end in self.downbeats
        return float(len(inside)) if on_bars else (end - start) / whole


def read_marked(data: bytes) -> MarkedMidi:
    """A MIDI file's notes and marks.

    Args:
        data: a standard MIDI file.
    """
    midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
    marks: dict[str, list[tuple[int, str]]] = {"text": [], "marker": [], "cue_marker": []}
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type in marks:
                marks[message.type].append((tick, message.text))
    return MarkedMidi(
        midi, tuple(marks["text"]), tuple(marks["marker"]), tuple(marks["cue_marker"])
    )


def metre_scores(song: MarkedMidi) -> dict[str, float]:
    """How well harmony and form agree with the bars.

    Returns:
        changes_on_half_bars: share of chord changes on a downbeat or half a bar after it (in 3/4:
        on a downbeat). phrases_whole: share of phrases of 2, 4 or 8 bars. ends_on_downbeat: 1 or 0,
        whether the last pitched stroke is on a downbeat.
    """
    changes = [tick for (tick, label), (_, before) in zip(
        song.chords[1:], song.chords, strict=False) if label != before]  # fmt: skip
    on = [_on_half_bar(song, tick) for tick in changes]
    starts = [tick for tick, _ in song.phrases]
    ending = [tick for tick, name in song.sections if name == "Ending"]
    lengths = [song.bars_between(one, after) for one, after in pairwise([*starts, *ending])]
    return {
        "changes_on_half_bars": float(np.mean(on)) if on else NO_SCORES,
        "phrases_whole": float(np.mean([length in PHRASE_BARS for length in lengths]))
        if lengths
        else NO_SCORES,
        "ends_on_downbeat": _ends_on_downbeat(song),
    }


def _on_half_bar(song: MarkedMidi, tick: int) -> bool:
    place, length = song.quarters_in_bar(tick), song.bar_length(tick)
    half = length if round(length * 2) == 6 and _is_waltz(song) else length / 2
    return abs(place - half * round(place / half)) < 0.02


def _is_waltz(song: MarkedMidi) -> bool:
    return any(
        (change.numerator, change.denominator) == (3, 4)
        for change in song.midi.time_signature_changes
    )


def _ends_on_downbeat(song: MarkedMidi) -> float:
    """Whether the first note of the last stroke lies on a downbeat; notes within 60 ms are one."""
    starts = sorted(
        note.start
        for instrument in song.midi.instruments
        if not instrument.is_drum
        for note in instrument.notes
    )
    if not starts:
        return NO_SCORES
    first = starts[-1]
    for start in reversed(starts):
        if first - start > 0.06:
            break
        first = start
    tick = song.tick(first)
    nearest = min(song.downbeats, key=lambda bar: abs(bar - tick))
    return float(abs(nearest - tick) / song.midi.resolution < NEAR_BEAT)


def lead_notes(midi: pretty_midi.PrettyMIDI) -> list[pretty_midi.Note]:
    """The tune: notes of the instrument whose notes lie highest among those that play one at a
    time, longer than a fifth of the piece; none where nothing does.
    """
    best: tuple[float, list[pretty_midi.Note]] = (LOWEST_TUNE, [])
    end_s = midi.get_end_time()
    for instrument in midi.instruments:
        notes = sorted(instrument.notes, key=lambda note: note.start)
        if instrument.is_drum or len(notes) < 4 or notes[-1].start - notes[0].start < 0.2 * end_s:
            continue
        onsets = [note.start for note in notes]
        apart = np.diff(onsets)
        overlap = [one.end - after.start > 0.06 for one, after in pairwise(notes)]
        steps = np.abs(np.diff([note.pitch for note in notes]))
        single = np.mean(apart > 0.04) > 0.9 and np.mean(overlap) < 0.1
        varied = len({note.pitch for note in notes}) >= 4 or len(notes) < 12
        sung = float(np.mean(steps <= 4)) > 0.35
        height = float(np.mean([note.pitch for note in notes]))
        if single and varied and sung and height > best[0]:
            best = (height, notes)
    return best[1]


def motif_scores(song: MarkedMidi) -> dict[str, float]:
    """How far a tune repeats itself, varied.

    From each bar on, two bars of tune are compared with all two bars before them: they are a
    varied repeat where at least 70 % of their onsets agree (on sixteenths) and 60 % of their moves
    go the same way, or all the other way (an inversion).

    Returns:
        motif_repeat: share of 8-bar parts with a tune, the first left out, that hold such a window.
        motif_longest_without: bars of the longest stretch of tune without any.
        tune_share: share of bars with a tune in them.
    """
    notes = lead_notes(song.midi)
    bars = [bar for bar in song.downbeats if bar < song.tick(song.midi.get_end_time())]
    windows = _windows(song, notes, bars)
    sung = [index for index, window in enumerate(windows) if len(window) >= 3]
    share = _tune_share(song, notes, bars)
    if len(sung) < 2 or sung[-1] - sung[0] < MOTIF_BARS:
        return {"motif_repeat": NO_SCORES, "motif_longest_without": NO_SCORES, "tune_share": share}
    repeats = {
        index: any(
            _varied_repeat(windows[before], windows[index])
            for before in sung[:number]
            if index - before >= MOTIF_BARS
        )
        for number, index in enumerate(sung)
    }
    parts: dict[int, list[bool]] = {}
    for index, repeat in repeats.items():
        parts.setdefault(index // SECTION_BARS, []).append(repeat)
    later = [any(values) for part, values in sorted(parts.items())[1:]] or [
        any(values) for values in parts.values()
    ]
    return {
        "motif_repeat": float(np.mean(later)),
        "motif_longest_without": float(_longest_without(repeats, len(windows))),
        "tune_share": share,
    }


def _longest_without(repeats: dict[int, bool], bars: int) -> int:
    """Bars of tune in a row that belong to no window which repeats an earlier one."""
    longest = run = 0
    for bar in range(bars):
        if repeats.get(bar) or any(repeats.get(bar - back) for back in range(1, MOTIF_BARS)):
            run = 0
        elif bar in repeats:
            run += 1
            longest = max(longest, run)
    return longest


def _tune_share(song: MarkedMidi, notes: Sequence[pretty_midi.Note], bars: Sequence[int]) -> float:
    if not bars:
        return NO_SCORES
    sounding = {bisect.bisect_right(bars, song.tick(note.start) + 60) for note in notes}
    return len(sounding) / len(bars)


Window = dict[int, int]
"""Pitch by sixteenth from a window's start."""


def _windows(
    song: MarkedMidi, notes: Sequence[pretty_midi.Note], bars: Sequence[int]
) -> list[Window]:
    """The tune in windows of two bars, one from each bar on."""
    windows: list[Window] = [{} for _ in bars]
    sixteenth = song.midi.resolution / 4
    for note in notes:
        tick = song.tick(note.start)
        last = bisect.bisect_right(bars, tick + sixteenth / 2) - 1
        for index in range(max(0, last - MOTIF_BARS + 1), last + 1):
            windows[index][round((tick - bars[index]) / sixteenth)] = note.pitch
    return windows


def _varied_repeat(earlier: Window, later: Window) -> bool:
    shared = sorted(set(earlier) & set(later))
    if len(shared) < 3 or len(shared) < SAME_RHYTHM * max(len(earlier), len(later)):
        return False
    one, other = (
        np.sign(np.diff([window[place] for place in shared])) for window in (earlier, later)
    )
    same = float(np.mean(one == other))
    turned = float(np.mean(one == -other))
    return same >= SAME_CONTOUR or turned == 1.0


def groove_scores(song: MarkedMidi) -> dict[str, float]:
    """How far onsets lie off the sixteenths, and how much of that is a pattern.

    A place of the bar whose onsets lie 22 ms or more off in the mean is swung; what its onsets
    differ from that mean is counted there.

    Returns:
        groove_ms: root mean square over the notes. groove_patterned: share of its variance that
        instrument and place in the bar explain. groove_least_ms, groove_most_ms: of the instruments
        with 20 notes or more.
    """
    rows = [
        row for number, one in enumerate(song.midi.instruments) for row in _late(song, number, one)
    ]
    if not rows:
        return dict.fromkeys(
            ("groove_ms", "groove_patterned", "groove_least_ms", "groove_most_ms"), NO_SCORES
        )
    groups: dict[tuple[int, int], list[float]] = {}
    for part, place, late in rows:
        groups.setdefault((part, place), []).append(late)
    late_all: list[float] = []
    noise: list[float] = []
    parts: dict[int, list[float]] = {}
    for (part, _), values in groups.items():
        mean = float(np.mean(values))
        own = np.array(values) - (mean if abs(mean) > LARGEST_GROOVE_S else 0.0)
        late_all += own.tolist()
        noise += (np.array(values) - mean).tolist()
        parts.setdefault(part // 1000, []).extend(own.tolist())
    by_part = [float(np.sqrt(np.mean(np.square(own)))) for own in parts.values() if len(own) >= 20]
    total = float(np.sqrt(np.mean(np.square(late_all))))
    return {
        "groove_ms": 1000 * total,
        "groove_patterned": 1 - float(np.mean(np.square(noise))) / max(total**2, 1e-12),
        "groove_least_ms": 1000 * min(by_part, default=NO_SCORES),
        "groove_most_ms": 1000 * max(by_part, default=NO_SCORES),
    }


def _late(
    song: MarkedMidi, number: int, instrument: pretty_midi.Instrument
) -> list[tuple[int, int, float]]:
    """Part, place in the bar (in sixteenths) and seconds off it of each stroke; of a chord that is
    strummed the first note counts, and each drum is a part of its own.
    """
    first: dict[tuple[int, int, int], float] = {}
    resolution = song.midi.resolution
    for note in instrument.notes:
        tick = song.tick(note.start)
        place = song.quarters_in_bar(tick + resolution / 8) - 1 / 8
        nearest = round(place * 4)
        exact = max(0, round(tick - (place - nearest / 4) * resolution))
        part = number * 1000 + (note.pitch if instrument.is_drum else 0)
        late_s = note.start - song.midi.tick_to_time(exact)
        key = (part, exact, nearest)
        first[key] = min(late_s, first.get(key, math.inf))
    return [(part, place, late_s) for (part, _, place), late_s in first.items()]


def second_levels(
    sound: Float32[np.ndarray, "2 samples"], sample_rate: int
) -> Float64[np.ndarray, " seconds"]:
    """Root mean square of each whole second, in dB full scale, both channels together."""
    seconds = sound.shape[1] // sample_rate
    whole = sound[:, : seconds * sample_rate].astype(np.float64)
    power = np.square(whole).mean(axis=0).reshape(seconds, sample_rate).mean(axis=1)
    return np.asarray(10 * np.log10(power + 1e-20), dtype=np.float64)


def silence_and_dynamics(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    asked: Sequence[tuple[float, float]] = (),
) -> dict[str, float]:
    """Seconds without sound, and how far the level of the others moves.

    Args:
        sound: the music alone, full scale = 1.
        sample_rate: in Hz.
        asked: stretches, in seconds, in which silence was asked for.

    Returns:
        silence: share of seconds under -60 dBFS, the last two and those asked for left out.
        longest_silence_s: of these. dynamics_db: standard deviation of the levels of the seconds
        that sound, the last two left out.
    """
    levels = second_levels(sound, sample_rate)
    counted = np.ones(len(levels), dtype=bool)
    counted[max(1, len(levels) - round(RELEASE_S)) :] = False
    for start_s, end_s in asked:
        counted[int(start_s) : math.ceil(end_s) + 1] = False
    if not counted.any():
        return dict.fromkeys(("silence", "longest_silence_s", "dynamics_db"), NO_SCORES)
    silent = (levels < SILENT_DBFS) & counted
    longest = run = 0
    for value in silent.tolist():
        run = run + 1 if value else 0
        longest = max(longest, run)
    audible = counted & ~silent
    return {
        "silence": float(silent.sum() / counted.sum()),
        "longest_silence_s": float(longest),
        "dynamics_db": float(levels[audible].std()) if audible.any() else NO_SCORES,
    }


def attack_times(
    sound: Float32[np.ndarray, "2 samples"], sample_rate: int
) -> Float64[np.ndarray, " attacks"]:
    """Times, in seconds, at which the energy of the sound rises: the steepest point of each attack,
    on a hop of 2 ms.

    Energy is taken in octave bands, so that a soft stroke over a loud chord is an attack as well.
    """
    hop = round(HOP_S * sample_rate)
    size = 1 << (2 * hop * 4 - 1).bit_length()
    mono = sound.mean(axis=0)
    if mono.shape[0] < 2 * size:
        return np.zeros(0)
    padded = np.pad(mono, (size // 2, size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size).astype(np.float32)
    edges = np.unique(np.geomspace(2, size // 2, 9).astype(int))
    bands = np.empty((len(frames), len(edges) - 1))
    for start in range(0, len(frames), 4096):
        power = np.square(np.abs(np.fft.rfft(frames[start : start + 4096] * window, axis=1)))
        bands[start : start + 4096] = np.add.reduceat(power, edges, axis=1)[:, :-1]
    level = np.log10(bands + 1e-4 * np.median(bands, axis=0) + 1e-9)
    rise = np.maximum(level[2:] - level[:-2], 0).mean(axis=1)
    smooth = np.convolve(rise, np.hanning(7) / np.hanning(7).sum(), mode="same")
    floor = np.median(smooth) + 1.2 * smooth.std()
    reach = round(0.02 / HOP_S)
    peaks = [
        index
        for index in np.flatnonzero(smooth > floor).tolist()
        if smooth[index] == smooth[max(0, index - reach) : index + reach + 1].max()
    ]
    # rise[k] compares frames k and k + 2: its middle is frame k + 1. A window's front edge is the
    # first to meet an attack: its level rises most about a quarter of the window too early.
    times = (np.array(peaks, dtype=np.float64) + 1) * hop + 0.25 * size
    return np.asarray(times / sample_rate, dtype=np.float64)


def share_on(
    onsets_s: Sequence[float] | Float64[np.ndarray, " onsets"],
    points_s: Sequence[float],
    duration_s: float,
    *,
    within_s: float,
    shifts: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """Share of points with an onset within a distance, and the same for music that is moved.

    Args:
        onsets_s: of the music.
        points_s: of the film.
        duration_s: of the film; music that is moved goes round.
        within_s: such as one frame.
        shifts: how many random times the music is moved by.
        seed: of these times.
    """
    onsets, points = np.sort(np.asarray(onsets_s, dtype=float)), np.asarray(points_s, dtype=float)
    if not len(points):
        return NO_SCORES, NO_SCORES
    if not len(onsets):
        return 0.0, 0.0
    moves = np.random.default_rng(seed).uniform(0, duration_s, shifts)
    moved = [_near(np.sort((onsets + move) % duration_s), points, within_s) for move in moves]
    return _near(onsets, points, within_s), float(np.mean(moved))


def _near(
    onsets: Float64[np.ndarray, " onsets"], points: Float64[np.ndarray, " points"], within_s: float
) -> float:
    after = np.searchsorted(onsets, points)
    left = np.abs(points - onsets[np.maximum(after - 1, 0)])
    right = np.abs(onsets[np.minimum(after, len(onsets) - 1)] - points)
    return float(np.mean(np.minimum(left, right) <= within_s))
