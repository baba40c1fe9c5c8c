"""Blind ratings: which two soundtracks a rater hears in which order, what is kept of the answers,
and their means.

Scores go from 1 (bad) to 5 (good). A rating is one object, `ratings/<uuid>.json`, written once; its
id is that of the pair that was shown, so that answers sent twice are kept once.
"""

import math
import secrets
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pandas as pd

from vmt.catalog import keys
from vmt.catalog.ratings import save_rating
from vmt.catalog.records.soundtracks import Rating
from vmt.store import ObjectStore

QUESTIONS = ("overall", "agreement", "harmony", "rhythm", "loudness")
Z_95 = 1.96


@dataclass(frozen=True)
class Pair:
    """Two soundtracks in the order in which they are heard."""

    id: str
    prefixes: tuple[str, str]


def pair_for(session: MutableMapping[Any, Any], video: str, prefixes: Sequence[str]) -> Pair:
    """The pair that this visitor is hearing; drawn at random, order included, and kept until it is
    rated.
    """
    key = f"pair-{video}"
    pair = session.get(key)
    if not isinstance(pair, Pair) or not set(pair.prefixes) <= set(prefixes):
        first, second = secrets.SystemRandom().sample(list(prefixes), 2)
        pair = session[key] = Pair(str(uuid4()), (first, second))
    return pair


def next_pair(session: MutableMapping[Any, Any], video: str) -> None:
    """Forget the pair that was rated."""
    session.pop(f"pair-{video}", None)


def rater(session: MutableMapping[Any, Any]) -> str:
    """An anonymous id, the same while the visitor stays."""
    return str(session.setdefault("rater", secrets.token_hex(6)))


def save(
    store: ObjectStore,
    pair: Pair,
    video: str,
    scores: Sequence[Mapping[str, int | None]],
    comment: str,
    rater: str,
) -> None:
    """Keep one rating.

    Args:
        store: the store.
        pair: that was heard.
        video: its id.
        scores: answers by question, for each of the pair.
        comment: in the rater's words.
        rater: an anonymous id.
    """
    rating = Rating(
        pair.id,
        datetime.now(UTC).isoformat(timespec="seconds"),
        rater,
        video,
        pair.prefixes,
        tuple(dict(answers) for answers in scores),
        comment,
    )
    save_rating(store, rating)


def rows(ratings: Iterable[Rating]) -> list[dict[str, object]]:
    """One row a soundtrack that was rated: run, epoch, video, take, rater, five scores, comment."""
    table = []
    for rating in ratings:
        for place, (prefix, scores) in enumerate(zip(rating.outputs, rating.scores, strict=True)):
            output = keys.parse_output(prefix)
            if output is None:
                continue
            table.append(
                {
                    "rating": rating.id,
                    "at": rating.at,
                    "rater": rating.rater,
                    "heard": "AB"[place],
                    **vars(output),
                    **{name: scores[name] for name in QUESTIONS},
                    "comment": rating.comment,
                }
            )
    return table


def means(ratings: Iterable[Rating]) -> pd.DataFrame:
    """Mean and 95 % confidence interval (normal approximation) of each question for each run and
    epoch.

    Columns: model, question, n, mean, low, high; low and high are nan for a single score.
    """
    table = pd.DataFrame(rows(ratings))
    table["model"] = table["run"] + ", " + table["epoch"].astype(str)
    summaries = []
    for (model, question), scores in table.melt(
        "model", list(QUESTIONS), "question", "score"
    ).groupby(["model", "question"])["score"]:
        half = Z_95 * float(scores.std()) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
        mean = float(scores.mean())
        summaries.append(
            {
                "model": model,
                "question": question,
                "n": len(scores),
                "mean": mean,
                "low": mean - half,
                "high": mean + half,
            }
        )
    order = {name: index for index, name in enumerate(QUESTIONS)}
    return pd.DataFrame(summaries).sort_values(
        ["model", "question"],
        key=lambda column: column.map(order) if column.name == "question" else column,
    )
