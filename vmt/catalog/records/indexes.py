"""Indexes: what pages read in place of listings. Each repeats what stands elsewhere and may be
deleted; `vmt.catalog.page_index_writers` keeps them up to date.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmt.catalog.records.codec import Json, Record
from vmt.catalog.records.datasets import DatasetBrief
from vmt.catalog.records.runs import RunSummary
from vmt.catalog.records.soundtracks import Rating


@dataclass(frozen=True)
class RunIndex(Record):
    """The summary of each finished run, by name."""

    COMPACT = True

    runs: Mapping[str, RunSummary] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"runs": content}


@dataclass(frozen=True)
class DatasetIndex(Record):
    """The versions of each dataset in short, oldest first."""

    COMPACT = True

    datasets: Mapping[str, tuple[DatasetBrief, ...]] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"datasets": content}


@dataclass(frozen=True)
class TakesIndex(Record):
    """The takes of each video by one run and epoch."""

    COMPACT = True

    videos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"videos": content}


@dataclass(frozen=True)
class NewSoundtrack:
    """The key of a soundtrack's record, and when it was made."""

    record: str
    made_at: str


@dataclass(frozen=True)
class NewestIndex(Record):
    """The newest soundtracks, newest first."""

    COMPACT = True

    soundtracks: tuple[NewSoundtrack, ...] = ()


@dataclass(frozen=True)
class RefusedVideo:
    """A video in quarantine: its key, its id, why, and since when."""

    key: str
    id: str | None
    code: str
    reason: str
    stamp: str
    at: str


@dataclass(frozen=True)
class RefusedIndex(Record):
    """The videos that the last ingest refused, newest first."""

    COMPACT = True

    refused: tuple[RefusedVideo, ...] = ()


@dataclass(frozen=True)
class VideoKeyIndex(Record):
    """The keys of the videos that the last ingest saw."""

    COMPACT = True

    videos: tuple[str, ...] = ()


@dataclass(frozen=True)
class NightIndex(Record):
    """The key of the newest nightly report for people."""

    COMPACT = True

    report: str


@dataclass(frozen=True)
class RatingIndex(Record):
    """Every blind rating, oldest first."""

    COMPACT = True

    ratings: tuple[Rating, ...] = ()
