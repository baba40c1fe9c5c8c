"""What is remembered of videos: ingested, refused, taken down, waiting for a soundtrack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vmt.catalog.records.codec import Json, Record

_SPARSE = {"sparse": True}


@dataclass(frozen=True)
class Rights:
    """What `<id>.json` beside a video says of it; people write it, and other fields are left alone.

    Attributes:
        source: where the video comes from.
        licence: on what terms.
        consent: who agreed; true where that is all there is to say, false is none.
    """

    source: str | None = field(default=None, metadata=_SPARSE)
    licence: str | None = field(default=None, metadata=_SPARSE)
    consent: str | bool | None = field(default=None, metadata=_SPARSE)


@dataclass(frozen=True, slots=True)
class IngestEntry:
    """What ingest remembers of one video: features, or a refusal.

    Attributes:
        stamp: etags and sizes of the video and its annotations; another stamp, another video.
        id: its file's name without the ending.
        sha256: of its bytes; None where they were never read.
        rights: its `Rights` as JSON text; empty without.
        features_key: where its features are; None where it was refused.
        seconds: of its features.
        duration_s: of the video.
        song_key: such as `C major`.
        emotion: its strongest emotion.
        chords: seconds of each chord.
        untrained: whether features come of untrained weights.
        d_semantic: width of the semantic features.
        code: why it was refused, in a word that programs count; None where it was not.
        reason: why it was refused, in a sentence.
    """

    stamp: str
    id: str
    sha256: str | None
    rights: str = ""
    features_key: str | None = field(default=None, metadata=_SPARSE)
    seconds: int | None = field(default=None, metadata=_SPARSE)
    duration_s: float | None = field(default=None, metadata=_SPARSE)
    song_key: str | None = field(default=None, metadata=_SPARSE)
    emotion: str | None = field(default=None, metadata=_SPARSE)
    chords: Mapping[str, int] | None = field(default=None, metadata=_SPARSE)
    untrained: bool | None = field(default=None, metadata=_SPARSE)
    d_semantic: int | None = field(default=None, metadata=_SPARSE)
    code: str | None = field(default=None, metadata=_SPARSE)
    reason: str | None = field(default=None, metadata=_SPARSE)

    @property
    def refused(self) -> bool:
        """Whether the video was refused."""
        return self.code is not None


@dataclass(frozen=True)
class IngestIndex(Record):
    """What ingest remembers of each video, by key, for one extractor."""

    COMPACT = True

    videos: Mapping[str, IngestEntry] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"videos": content}


@dataclass(frozen=True)
class QuarantineRecord(Record):
    """A video that ingest refused.

    Attributes:
        id: its file's name without the ending.
        key: of the video.
        code: why, in a word that programs count.
        reason: why, in a sentence.
        stamp: etags and sizes of the video and its annotations.
        sha256: of its bytes; None where they were never read.
        rights: its `Rights` as JSON text.
        extractor: that the ingest was for.
        at: when.
    """

    id: str
    key: str
    code: str
    reason: str
    stamp: str = ""
    sha256: str | None = None
    rights: str = ""
    extractor: str = ""
    at: str = ""


@dataclass(frozen=True)
class Tombstone(Record):
    """A video that was taken down and never comes back.

    Attributes:
        id: its id, which is refused from then on.
        sha256s: of its bytes, which are refused under any name.
        at: when.
    """

    id: str
    sha256s: tuple[str, ...]
    at: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a video is.

    Attributes:
        id: its name in keys and files; no other video of the store has it.
        title: its name as it was given, in any script, without the ending.
    """

    id: str
    title: str


@dataclass(frozen=True)
class VideoIds(Record):
    """The identity of each video, by key, from its first sight on."""

    COMPACT = True

    videos: Mapping[str, Identity] = field(default_factory=dict)


@dataclass(frozen=True)
class InboxEntry:
    """What the inbox remembers of one video.

    Attributes:
        stamp: etags and sizes of the video and its annotations.
        state: `claimed` while a job makes its soundtrack, then `made` or `failed`.
        tries: how many jobs tried.
        by: the process that claimed it.
        at: when.
        run: whose model composes.
        epoch: of that run.
        reason: why it failed.
        record: the key of its soundtrack's record.
    """

    stamp: str
    state: Literal["claimed", "made", "failed"]
    tries: int
    by: str | None
    at: str
    run: str
    epoch: int
    reason: str | None = field(default=None, metadata=_SPARSE)
    record: str | None = field(default=None, metadata=_SPARSE)


@dataclass(frozen=True)
class InboxLedger(Record):
    """What the inbox remembers of each video, by key."""

    videos: Mapping[str, InboxEntry] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"videos": content}
