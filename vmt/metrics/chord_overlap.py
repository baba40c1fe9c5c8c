"""How much of a chord sequence stands in a training song: the longest stretch that both share.

Chords are normalised to C major or A minor, so that a song in another key counts as itself.
Repeated seconds of a chord are one chord: what is compared is the order of the changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from vmt.metrics.chords import finite


@dataclass(frozen=True)
class Overlap:
    """The longest stretch of chords that a sequence shares with a song.

    Attributes:
        chords: in a row, each counted once however long it lasts.
        different: how many of them are different; a loop of few chords belongs to no
            song in particular.
        song: the song it stands in; empty where nothing is shared.
    """

    chords: int
    different: int
    song: str


def longest_overlap(
    tokens: Int64[np.ndarray, " _"], songs: Sequence[tuple[str, Int64[np.ndarray, " _"]]]
) -> Overlap:
    """The longest stretch of the chords of `tokens` that stands in one of the songs, which are
    given by name and chords a second.
    """
    own = merged(tokens)
    best = Overlap(0, 0, "")
    for name, other in songs:
        length, last = _longest_common(own, merged(other))
        if length > best.chords:
            stretch = own[last + 1 - length : last + 1]
            best = Overlap(length, len(np.unique(stretch)), name)
    return best


def merged(tokens: Int64[np.ndarray, " time"]) -> Int64[np.ndarray, " chords"]:
    """The chords in a row, each once however long it lasts."""
    return tokens[np.append(True, tokens[1:] != tokens[:-1])] if len(tokens) else tokens


def _longest_common(
    one: Int64[np.ndarray, " chords"], other: Int64[np.ndarray, " chords_2"]
) -> tuple[int, int]:
    """Length of the longest common stretch, and where it ends in `one`."""
    length, last = 0, -1
    run = np.zeros(len(other) + 1, dtype=np.int64)  # of the stretch that ends at each place
    for place, chord in enumerate(one):
        run[1:] = (run[:-1] + 1) * (other == chord)
        if (longest := int(run.max())) > length:
            length, last = longest, place
    return length, last


def overlap_summary(overlaps: Sequence[Overlap]) -> dict[str, float | None]:
    """Median, 90th percentile and largest of the overlaps of several sequences, in chords."""
    lengths = np.array([overlap.chords for overlap in overlaps], dtype=float)
    if not len(lengths):
        return {"median": None, "p90": None, "max": None}
    median, high = np.quantile(lengths, (0.5, 0.9))
    return {"median": finite(median), "p90": finite(high), "max": finite(lengths.max())}
