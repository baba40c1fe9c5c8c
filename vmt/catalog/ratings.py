"""Blind ratings: each is one object, and the index has them all.

This module and what it imports load no model, because the dashboard imports it.
"""

from vmt.catalog import documents, keys
from vmt.catalog.records.indexes import RatingIndex
from vmt.catalog.records.soundtracks import Rating
from vmt.errors import PreconditionFailed
from vmt.store import ObjectStore


def save_rating(store: ObjectStore, rating: Rating) -> None:
    """Keep a rating; where one of this id was kept before, the first counts."""
    key = keys.rating(rating.id)
    try:
        documents.write(store, key, rating, if_absent=True)
    except PreconditionFailed:
        rating = documents.read(store, key, Rating) or rating
    _index(store, rating)


def _index(store: ObjectStore, rating: Rating) -> None:
    """Add a rating to the index; the same again changes nothing."""

    def added(known: RatingIndex | None) -> RatingIndex:
        if known is None:
            return RatingIndex(_every(store))
        others = (one for one in known.ratings if one.id != rating.id)
        return RatingIndex((*others, rating))

    documents.update(store, keys.RATING_INDEX.template, RatingIndex, added)


def _every(store: ObjectStore) -> tuple[Rating, ...]:
    """Every rating by listing, oldest first."""
    stored = (documents.read(store, info.key, Rating) for info in store.list(keys.RATINGS))
    ratings = [one for one in stored if one is not None]
    return tuple(sorted(ratings, key=lambda one: (one.at, one.id)))
