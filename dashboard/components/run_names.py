"""What tells runs apart: the part of their names that differs, and whether their losses compare."""

from collections.abc import Sequence

from vmt.catalog.records.runs import RunSummary


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Each name without the words, between dashes, that all of them begin or end with.

    >>> short_names(["main-v0001-amt-lr1", "main-v0001-vmt-lr1"])
    {'main-v0001-amt-lr1': 'amt', 'main-v0001-vmt-lr1': 'vmt'}
    """
    words = [name.split("-") for name in names]
    shortest = min((len(own) for own in words), default=0)
    first = _common(words, shortest)
    last = _common([own[::-1] for own in words], shortest - first)
    shown = [
        "-".join(own[first : len(own) - last]) or name
        for own, name in zip(words, names, strict=True)
    ]
    return dict(zip(names, shown if len(set(shown)) == len(set(names)) else names, strict=True))


def _common(words: Sequence[Sequence[str]], most: int) -> int:
    """How many words all lists begin with, at most `most`."""
    count = 0
    while len(words) > 1 and count < most and len({own[count] for own in words}) == 1:
        count += 1
    return count


def comparable(kind: str, summaries: Sequence[RunSummary]) -> bool:
    """Whether a loss means the same in all runs.

    A chord NLL depends on the number of chord labels. Total and emotion depend on the preset as
    well, which weighs their parts.

    Args:
        kind: `chord`, `total` or `emotion`.
        summaries: of the runs; what they do not name counts as the same.
    """
    fields = ("chord_labels",) if kind == "chord" else ("chord_labels", "preset")
    return all(
        len({getattr(summary, field) for summary in summaries} - {None}) <= 1 for field in fields
    )
