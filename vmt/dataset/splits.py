"""Which side a video trains: decided once, by the hash of its bytes, and copied forward
for ever.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_TRAIN_SHARE, _VALIDATION_SHARE = 0.8, 0.1


def position(sha256: str) -> float:
    """Where a hash falls in 0 to 1."""
    return int(sha256[:12], 16) / 16**12


def _by_hash(sha256: str) -> Split:
    if position(sha256) < _TRAIN_SHARE:
        return "train"
    return "validation" if position(sha256) < _TRAIN_SHARE + _VALIDATION_SHARE else "test"


def assign(
    known: Mapping[str, Split],
    sha256s: Iterable[str],
    *,
    min_validation: int = 1,
    min_test: int = 1,
) -> dict[str, Split]:
    """The side of each video: 80/10/10 by hash, known videos where they were.

    A side with fewer than its minimum is filled with the new training videos of lowest hash,
    validation first, as long as one is left to train.

    Args:
        known: sides of earlier versions, by sha256.
        sha256s: the videos of this version.
    """
    wanted = sorted(set(sha256s), key=position)
    sides: dict[str, Split] = {each: known.get(each) or _by_hash(each) for each in wanted}
    minimums: tuple[tuple[Split, int], ...] = (("validation", min_validation), ("test", min_test))
    for side, minimum in minimums:
        free = [each for each in wanted if sides[each] == "train" and each not in known]
        training = sum(each == "train" for each in sides.values())
        missing = minimum - sum(each == side for each in sides.values())
        for each in free[: max(0, min(missing, training - 1))]:
            sides[each] = side
    return sides
