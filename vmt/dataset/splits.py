"""Which side a video trains: decided once, by a hash, and copied forward for ever."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SplitBy: TypeAlias = Literal["bytes", "id"]
SPLIT_BY: SplitBy = "bytes"
_TRAIN_SHARE, _VALIDATION_SHARE = 0.8, 0.1


def position(digest: str) -> float:
    """Where a hash, in hexadecimal, falls in 0 to 1."""
    return int(digest[:12], 16) / 16**12


def deciding_hashes(
    ids: Iterable[str], sha256s: Iterable[str], split_by: SplitBy
) -> dict[str, str]:
    """The hash that decides the side of each video.

    Args:
        ids: of the videos.
        sha256s: of their bytes, in the same order.
        split_by: `bytes`, so that a video keeps its side under any name; or `id`, so that videos
            which every machine encodes by itself, to other bytes, have the same sides everywhere.

    Returns:
        SHA-256 in hexadecimal by the SHA-256 of the bytes. The first id in order decides for equal
        bytes.
    """
    if split_by == "bytes":
        return {sha256: sha256 for sha256 in sha256s}
    first_ids: dict[str, str] = {}
    for video_id, sha256 in sorted(zip(ids, sha256s, strict=True)):
        first_ids.setdefault(sha256, video_id)
    return {
        sha256: hashlib.sha256(video_id.encode()).hexdigest()
        for sha256, video_id in first_ids.items()
    }


def assign(
    known: Mapping[str, Split],
    deciding: Mapping[str, str],
    *,
    min_validation: int = 1,
    min_test: int = 1,
) -> dict[str, Split]:
    """The side of each video: 80/10/10 by the hash that decides, known videos where they were.

    Each side has a minimum; that of training is one video. A side below its minimum takes new
    videos, lowest hash first, from the side that has most above its own minimum, from training
    where two have as many. Where too few videos are new, training is filled first, then validation,
    then test.

    Args:
        known: sides of earlier versions, by the SHA-256 of the bytes.
        deciding: the videos of this version, see `deciding_hashes`.
        min_validation: how many videos validate, at least.
        min_test: how many are held out, at least.

    Returns:
        Sides by the SHA-256 of the bytes, ordered by the hash that decides.
    """
    ordered = sorted(
        deciding, key=lambda sha256: (position(deciding[sha256]), deciding[sha256], sha256)
    )
    sides: dict[str, Split] = {
        sha256: known.get(sha256) or _by_hash(deciding[sha256]) for sha256 in ordered
    }
    movable: dict[Split, list[str]] = {
        side: [sha256 for sha256 in ordered if sides[sha256] == side and sha256 not in known]
        for side in SPLITS
    }
    counts = Counter(sides.values())
    spare: dict[Split, int] = {
        "train": counts["train"] - 1,
        "validation": counts["validation"] - min_validation,
        "test": counts["test"] - min_test,
    }

    for side in SPLITS:
        while spare[side] < 0 and (donor := _donor(side, spare, movable)) is not None:
            sides[movable[donor].pop(0)] = side
            spare[donor] -= 1
            spare[side] += 1
    return sides


def _by_hash(digest: str) -> Split:
    if position(digest) < _TRAIN_SHARE:
        return "train"
    return "validation" if position(digest) < _TRAIN_SHARE + _VALIDATION_SHARE else "test"


def _donor(
    side: Split, spare: Mapping[Split, int], movable: Mapping[Split, list[str]]
) -> Split | None:
    """The side that gives `side` a video, or None where no other has a new one to give."""
    donors = [other for other in SPLITS if other != side and movable[other]]
    # `max` takes the first of equals, and training is first.
    fullest = max(donors, key=lambda other: spare[other], default=None)
    if fullest is not None and spare[fullest] > 0:
        return fullest
    # Nobody has one to spare: the side that is filled last gives its own.
    later = [other for other in donors if SPLITS.index(other) > SPLITS.index(side)]
    return later[-1] if later else None
