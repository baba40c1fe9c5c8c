"""How well the recognisers do on songs whose chords, key, notes and cuts are known.

Conventions: chord scores are mir_eval's, 0 to 1, weighted by duration; per-second agreement reads
both sides on the grid of features.

Sources: Raffel et al. 2014, ISMIR (mir_eval); MIREX (majmin, sevenths).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np
from jaxtyping import Float32, Float64, Int64

from vmt import chords
from vmt.chords import Key
from vmt.features import curves, frames
from vmt.features.recognisers import ChordRecogniser, NoteTranscriber
from vmt.features.recognisers.protocol import SAMPLE_RATE


@dataclass(frozen=True)
class Truth:
    """What is known about a song.

    Attributes:
        intervals: start and end (seconds) of each chord, rising, without gaps.
        labels: a chord for each interval.
        key: of the song.
        notes: start and end (seconds) of every pitched note.
    """

    intervals: Float64[np.ndarray, "n 2"]
    labels: tuple[str, ...]
    key: Key
    notes: tuple[tuple[float, float], ...]

    def each_second(self, length: int) -> tuple[str, ...]:
        """The chord at each of the seconds 0 to `length` - 1; N outside."""
        end_s = float(self.intervals[-1, 1])
        # A change that tempo arithmetic put a hair after its second belongs to it.
        onsets = tuple(float(onset) - 1e-6 for onset in self.intervals[:, 0])
        return chords.Annotation(onsets, self.labels, end_s, self.key).each_second(length)


@dataclass(frozen=True)
class SongScore:
    """Scores of one song.

    Attributes:
        name: of the song.
        seconds: its length.
        majmin: chords as major, minor or none.
        sevenths: chords with their sevenths.
        per_second_25: share of seconds whose label is right, of 25.
        per_second_157: the same of AMT's 157.
        key_right: whether the key is exactly right.
        density_correlation: Pearson's, over the song's seconds; NaN where one side does not change.
        density_bias: mean of heard minus true, in notes.
    """

    name: str
    seconds: int
    majmin: float
    sevenths: float
    per_second_25: float
    per_second_157: float
    key_right: bool
    density_correlation: float
    density_bias: float


def score_song(
    name: str,
    sound: Float32[np.ndarray, " samples"],
    truth: Truth,
    recogniser: ChordRecogniser,
    transcriber: NoteTranscriber,
) -> SongScore:
    """Hear `sound` (mono at `SAMPLE_RATE`) as an extractor would, and compare with `truth`."""
    length = frames.grid_length(len(sound) / SAMPLE_RATE)
    heard = recogniser.each_second(sound, length)
    recognised, known = _tokens(heard), _tokens(truth.each_second(length))
    intervals, labels = recogniser.intervals(sound)
    # Without gaps to the last bit: tempo arithmetic makes starts and ends that differ by a rounding
    # error.
    known_intervals = np.stack(
        [truth.intervals[:, 0], np.append(truth.intervals[1:, 0], truth.intervals[-1, 1])], axis=1
    )
    scores = mir_eval.chord.evaluate(known_intervals, list(truth.labels), intervals, list(labels))
    density = curves.note_density(
        ((note.start_s, note.end_s) for note in transcriber.notes(sound)), length
    )
    true_density = curves.note_density(truth.notes, length)
    return SongScore(
        name=name,
        seconds=length,
        majmin=float(scores["majmin"]),
        sevenths=float(scores["sevenths"]),
        per_second_25=float(np.mean(chords.REDUCE_25[recognised] == chords.REDUCE_25[known])),
        per_second_157=float(np.mean(recognised == known)),
        key_right=curves.find_key(heard) == truth.key,
        density_correlation=_correlation(density, true_density),
        density_bias=float(np.mean(density - true_density)),
    )


def _tokens(labels: Sequence[str]) -> Int64[np.ndarray, " time"]:
    return np.array([chords.token(label) for label in labels], dtype=np.int64)


def _correlation(a: Float32[np.ndarray, " time"], b: Float32[np.ndarray, " time"]) -> float:
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


@dataclass(frozen=True)
class CutScore:
    """Hard cuts of one video: how many were right, missed and invented."""

    right: int
    missed: int
    invented: int


def score_cuts(
    found_s: Sequence[float], true_s: Sequence[float], *, tolerance_s: float = 0.05
) -> CutScore:
    """Match found to true cuts, each at most once, in order, within `tolerance_s` seconds."""
    right, waiting = 0, sorted(true_s)
    for cut_s in sorted(found_s):
        while waiting and waiting[0] < cut_s - tolerance_s:
            waiting.pop(0)
        if waiting and abs(waiting[0] - cut_s) <= tolerance_s:
            waiting.pop(0)
            right += 1
    return CutScore(right, len(true_s) - right, len(found_s) - right)


def summarise(scores: Sequence[SongScore]) -> dict[str, float]:
    """Means over songs, weighted by seconds for chords; keys as a count; correlations over the
    songs that have one.

    Returns:
        `songs`, `majmin`, `sevenths`, `per_second_25`, `per_second_157`, `keys_right`,
        `density_correlation` and `density_bias`.
    """
    weights = np.array([score.seconds for score in scores], dtype=np.float64)
    correlations = [
        score.density_correlation for score in scores if not np.isnan(score.density_correlation)
    ]
    weighted = ("majmin", "sevenths", "per_second_25", "per_second_157")
    return {
        "songs": float(len(scores)),
        **{
            field: float(np.average([getattr(score, field) for score in scores], weights=weights))
            for field in weighted
        },
        "keys_right": float(sum(score.key_right for score in scores)),
        "density_correlation": float(np.mean(correlations)) if correlations else float("nan"),
        "density_bias": float(np.mean([score.density_bias for score in scores])),
    }
