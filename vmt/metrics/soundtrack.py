"""Scores of what was made: of the notes, of the sound against what was asked, and of accents on
cuts.

What the notes are scored by has MusPy's definitions (Dong et al. 2020, ISMIR, arXiv 2008.01951) on
a grid of 24 steps a beat: drums count in groove and empty beats alone. A score that has nothing to
go by is NaN.
"""

import math
from collections.abc import Callable, Sequence

import librosa
import numpy as np
import pretty_midi
from jaxtyping import Bool, Float, Float32, Float64, Int64

from vmt import chords
from vmt.audio.loudness import integrated_lufs, true_peak_dbtp
from vmt.features import curves
from vmt.features.recognisers.numba_warmup import compile_librosa
from vmt.features.recognisers.protocol import SAMPLE_RATE as RECOGNISED
from vmt.metrics.bootstrap import bootstrap
from vmt.metrics.tempo_and_key import hear_key, hear_tempo, tempo_apart

STEPS = 24  # in a beat
MEASURE = 4 * STEPS
NEAR_TEMPO = 0.01
NEAR_S = 0.1  # an onset this close to a cut is heard with it

Hear = Callable[[Float32[np.ndarray, " samples"], int], tuple[str, ...]]
"""A chord recogniser: a mono sound at `recognise.SAMPLE_RATE` and a length in seconds to one label
a second.
"""


def note_scores(midi: pretty_midi.PrettyMIDI) -> dict[str, float]:
    """Pitch-class entropy (bits), groove consistency, scale consistency, polyphony and empty-beat
    rate.
    """
    notes = _on_grid(midi, drums=False)
    every = _on_grid(midi, drums=True)
    return {
        "pitch_class_entropy": _entropy(notes[:, 2] % 12),
        "groove_consistency": _groove(every),
        "scale_consistency": _scale(notes[:, 2] % 12),
        "polyphony": _polyphony(notes),
        "empty_beat_rate": _empty_beats(every),
    }


def _on_grid(midi: pretty_midi.PrettyMIDI, *, drums: bool) -> Int64[np.ndarray, "notes 3"]:
    """Start and end in steps, and pitch, of each note."""
    scale = STEPS / midi.resolution
    rows = [
        (
            round(midi.time_to_tick(note.start) * scale),
            round(midi.time_to_tick(note.end) * scale),
            note.pitch,
        )
        for instrument in midi.instruments
        if drums or not instrument.is_drum
        for note in instrument.notes
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _entropy(classes: Int64[np.ndarray, " notes"]) -> float:
    if not len(classes):
        return math.nan
    share = np.bincount(classes, minlength=12) / len(classes)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0


def _scale(classes: Int64[np.ndarray, " notes"]) -> float:
    """Share of notes in the major or minor scale that holds most of them."""
    if not len(classes):
        return math.nan
    count = np.bincount(classes, minlength=12)
    scales = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))
    inside = [
        count[[(root + step) % 12 for step in scale]].sum()
        for root in range(12)
        for scale in scales
    ]
    return float(max(inside) / len(classes))


def _groove(notes: Int64[np.ndarray, "notes 3"]) -> float:
    """1 less the share of a bar's places at which neighbouring bars differ in whether a note
    starts.
    """
    measures = int(notes[:, 1].max(initial=0)) // MEASURE + 1
    if measures < 2:
        return math.nan
    starts = np.zeros(measures * MEASURE, dtype=bool)
    starts[notes[:, 0]] = True
    grid = starts.reshape(measures, MEASURE)
    return float(1 - (grid[1:] != grid[:-1]).mean())


def _polyphony(notes: Int64[np.ndarray, "notes 3"]) -> float:
    """Pitches that sound at once, in the mean over the steps at which any does."""
    roll = np.zeros((int(notes[:, 1].max(initial=0)), 128), dtype=bool)
    for start, end, pitch in notes.tolist():
        roll[start:end, pitch] = True
    sounding = np.count_nonzero(roll.any(axis=1))
    return float(roll.sum() / sounding) if sounding else math.nan


def _empty_beats(notes: Int64[np.ndarray, "notes 3"]) -> float:
    if not len(notes):
        return math.nan
    full = np.zeros(int(notes[:, 1].max()) // STEPS + 1, dtype=bool)
    for start, end, _ in notes.tolist():
        full[start // STEPS : end // STEPS + 1] = True
    return float(1 - full.mean())


def chord_scores(labels: Sequence[str]) -> dict[str, float]:
    """Mean seconds that a chord lasts, share of seconds without a chord, and repetition: the share
    of groups of four chords that were played before.
    """
    runs = [
        label for second, label in enumerate(labels) if second == 0 or label != labels[second - 1]
    ]
    groups = [tuple(runs[start : start + 4]) for start in range(len(runs) - 3)]
    return {
        "chord_duration_s": len(labels) / len(runs) if runs else math.nan,
        "no_chord": sum(label == "N" for label in labels) / len(labels) if labels else math.nan,
        "chord_repetition": 1 - len(set(groups)) / len(groups) if groups else math.nan,
    }


def sound_scores(
    sound: Float32[np.ndarray, "2 samples"],
    sample_rate: int,
    midi: pretty_midi.PrettyMIDI,
    *,
    labels: Sequence[str],
    key: chords.Key,
    tempo_bpm: float,
    note_density: Float[np.ndarray, " time"],
    loudness: Float[np.ndarray, " time"],
    hear: Hear,
) -> dict[str, float]:
    """What is heard and written against what was asked.

    Args:
        sound: the music alone, full scale = 1.
        midi: its notes.
        labels: chords asked for, one a second, in the sounding key.
        key: asked for.
        tempo_bpm: asked for.
        note_density: asked for, in each second.
        loudness: asked for, in each second.
        hear: a chord recogniser.

    Returns:
        chords_heard: share of seconds whose chord is heard, by 25 labels. tempo_error: of the
        MIDI's mean tempo, a share of what was asked. tempo_heard: 1 or 0, the tempo found from the
        onsets within 1 %, octaves apart. key_right: 1 or 0, the key that the MIDI says. key_heard:
        1 or 0, the key found from the heard chords. density_correlation, loudness_correlation: with
        the curves, over seconds. lufs, true_peak_dbtp.
    """
    compile_librosa()
    mono = librosa.resample(sound.mean(axis=0), orig_sr=sample_rate, target_sr=RECOGNISED)
    heard = hear(mono, len(labels))
    same = chords.REDUCE_25[chords.tokens(heard)] == chords.REDUCE_25[chords.tokens(labels)]
    seconds = len(labels)
    signatures = {
        (each.key_number % 12, each.key_number >= 12) for each in midi.key_signature_changes
    }
    return {
        "chords_heard": float(same.mean()),
        "tempo_error": abs(mean_tempo(midi) / tempo_bpm - 1),
        "tempo_heard": float(tempo_apart(hear_tempo(mono, RECOGNISED), tempo_bpm) <= NEAR_TEMPO),
        "key_right": float(signatures == {(key.tonic, key.minor)}),
        "key_heard": float(hear_key(heard) == key),
        "density_correlation": correlation(
            curves.note_density(curves.midi_notes(midi), seconds), note_density
        ),
        "loudness_correlation": correlation(
            curves.loudness(sound.mean(axis=0), sample_rate, seconds), loudness
        ),
    } | level_scores(sound, sample_rate)


def mean_tempo(midi: pretty_midi.PrettyMIDI) -> float:
    """Quarter notes a minute in the mean from the start to the last onset, NaN where no note starts
    after the start. A soundtrack's tempo follows the film by some percent from section to section.
    """
    last_s = max((note.start for part in midi.instruments for note in part.notes), default=0.0)
    if last_s <= 0:
        return math.nan
    return float(60 * midi.time_to_tick(last_s) / midi.resolution / last_s)


def level_scores(sound: Float32[np.ndarray, "2 samples"], sample_rate: int) -> dict[str, float]:
    """lufs: integrated loudness; true_peak_dbtp. Minus infinity for silence."""
    return {
        "lufs": integrated_lufs(sound, sample_rate),
        "true_peak_dbtp": true_peak_dbtp(sound, sample_rate),
    }


def correlation(one: Float[np.ndarray, " time"], other: Float[np.ndarray, " time"]) -> float:
    """Pearson's, NaN where one of both is flat."""
    if len(one) < 2 or one.std() < 1e-9 or other.std() < 1e-9:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def cut_hits(
    midi: pretty_midi.PrettyMIDI,
    cuts_s: Sequence[float],
    duration_s: float,
    *,
    shifts: int = 200,
    seed: int = 0,
) -> Float64[np.ndarray, "cuts 2"]:
    """For each cut, whether a note starts within 100 ms of it, and how often one does when the
    music is moved.

    Args:
        midi: the music.
        cuts_s: of the picture.
        duration_s: of the video; music that is moved goes round.
        shifts: how many random times the music is moved by.
        seed: of these times.

    Returns:
        Two columns: 1 or 0, and the share of the shifts.
    """
    onsets = np.array(sorted({note.start for each in midi.instruments for note in each.notes}))
    cuts = np.asarray(cuts_s, dtype=np.float64)
    moves = np.random.default_rng(seed).uniform(0, duration_s, shifts)
    hit = _near(onsets, cuts)
    chance = np.mean([_near(np.sort((onsets + move) % duration_s), cuts) for move in moves], axis=0)
    return np.stack([hit, chance], axis=1).astype(np.float64).reshape(-1, 2)


def _near(
    onsets: Float64[np.ndarray, " onsets"], cuts: Float64[np.ndarray, " cuts"]
) -> Bool[np.ndarray, " cuts"]:
    if not len(onsets):
        return np.zeros(len(cuts), dtype=bool)
    after = np.searchsorted(onsets, cuts).clip(1, max(1, len(onsets) - 1))
    nearest = np.minimum(
        np.abs(onsets[after - 1] - cuts), np.abs(onsets[np.minimum(after, len(onsets) - 1)] - cuts)
    )
    return np.asarray(nearest <= NEAR_S)


def accents_heard(
    hits: Sequence[Float64[np.ndarray, "_ 2"]], *, resamples: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Share of cuts with an onset, less the same for moved music, with a 95 % bootstrap interval
    over videos.

    Args:
        hits: `cut_hits` of each video; videos without a cut do not count.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        share, chance, gain = share - chance, low and high (of the gain), cuts, videos.
    """
    cut = [each for each in hits if len(each)]
    every = np.concatenate([np.zeros((0, 2)), *cut])
    found = {"cuts": float(len(every)), "videos": float(len(cut))}
    if not cut:
        return found | dict.fromkeys(("share", "chance", "gain", "low", "high"), math.nan)
    share, chance = every.mean(axis=0).tolist()
    gains = np.array([(each[:, 0] - each[:, 1]).sum() for each in cut])
    sizes = np.array([len(each) for each in cut])
    gain = bootstrap(
        lambda draw: float(gains[draw].sum() / sizes[draw].sum()),
        len(cut),
        resamples=resamples,
        seed=seed,
    )
    return found | {
        "share": share,
        "chance": chance,
        "gain": share - chance,
        "low": gain.low,
        "high": gain.high,
    }
