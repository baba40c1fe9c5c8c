"""The cadence that ends a piece: the dominant, then the tonic, in place of the last chords that
were written.
"""

from collections.abc import Sequence

from vmt import chords
from vmt.chords import Key

DOMINANT_S = 2
TONIC_S = 3
SHORTEST_S = 12  # of music before the end; what is shorter has no room for an ending of its own


def with_cadence(labels: Sequence[str], key: Key, *, given: int = 0) -> tuple[str, ...]:
    """Chords that end on the key's dominant and tonic, over the last five seconds that sound.

    A chord there that has the right root and third is left as it is, such as C:maj7 or G:7 in C
    major. Music that does not sound for the last twelve seconds before it ends stays as it is.

    Args:
        labels: one chord a second, in the sounding key.
        key: that key.
        given: how many seconds at the start a person wrote; they stay.
    """
    found = list(labels)
    end = len(found)
    while end > 0 and found[end - 1] == "N":
        end -= 1
    start = end - DOMINANT_S - TONIC_S
    if start < given or "N" in found[max(0, end - SHORTEST_S) : end] or end < SHORTEST_S:
        return tuple(found)
    tonic, dominant = (
        chords.transpose(chords.tokens(pair), key.tonic)[0] for pair in (["C"], ["G"])
    )
    if key.minor:
        tonic = chords.transpose(chords.tokens(["C:min"]), key.tonic)[0]
    for second in range(start, end):
        wanted = dominant if second < start + DOMINANT_S else tonic
        if chords.REDUCE_25[chords.token(found[second])] != chords.REDUCE_25[wanted]:
            found[second] = chords.label(int(wanted))
    return tuple(found)
