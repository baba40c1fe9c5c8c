"""The index of a bucket's videos: what a nightly ingest must not pay for again.

The index of an extractor remembers, for each object under `videos/`, its etag and size (so that an
unchanged object is known from the listing alone), its sha256, and the outcome: the features' key
and a summary that freezing needs, or the reason of its refusal. It can be lost without harm:
everything in it follows from the objects.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from vmt.catalog import documents, keys
from vmt.catalog.identity import assign, lying_beside
from vmt.catalog.keys import ANNOTATIONS
from vmt.catalog.records.videos import IngestEntry, IngestIndex
from vmt.store import ObjectInfo, ObjectStore

__all__ = ["ANNOTATIONS", "Candidate", "VideoIndex", "candidates", "identified", "sha256_of"]


@dataclass(frozen=True)
class Candidate:
    """A video object with the annotations that stand beside it."""

    key: str
    stamp: str
    annotations: tuple[str, ...] = ()
    id: str = ""


def candidates(objects: Iterable[ObjectInfo]) -> list[Candidate]:
    """Videos among `objects`, without their ids; `stamp` changes when a video or an annotation of
    it does. What lies beside videos is left out (`identity.lying_beside`).
    """
    videos: list[ObjectInfo] = []
    beside: dict[str, list[ObjectInfo]] = {}
    listed = list(objects)
    left_out = lying_beside(info.key for info in listed)
    for info in listed:
        if keys.is_annotation(info.key):
            beside.setdefault(_stem(info.key), []).append(info)
        elif info.key not in left_out:
            videos.append(info)
    return [_candidate(video, beside.get(_stem(video.key), [])) for video in videos]


def identified(store: ObjectStore, videos: Iterable[Candidate]) -> list[Candidate]:
    """The same videos with their ids."""
    listed = list(videos)
    ids = assign(store, [video.key for video in listed])
    return [replace(video, id=ids[video.key].id) for video in listed]


def _candidate(video: ObjectInfo, annotations: list[ObjectInfo]) -> Candidate:
    stamp = " ".join(f"{info.etag}/{info.size}" for info in (video, *annotations))
    return Candidate(video.key, stamp, tuple(info.key for info in annotations))


def _stem(key: str) -> str:
    return str(PurePosixPath(key).with_suffix(""))


@dataclass
class VideoIndex:
    """Entries by key, as the store keeps them for one extractor."""

    store: ObjectStore
    extractor: str
    entries: Mapping[str, IngestEntry] = field(default_factory=dict)

    @classmethod
    def load(cls, store: ObjectStore, extractor: str) -> "VideoIndex":
        """The index of an extractor; empty where there is none."""
        index = documents.read(store, keys.ingest_index(extractor), IngestIndex)
        return cls(store, extractor, index.videos if index is not None else {})

    def save(self, changed: Mapping[str, IngestEntry], gone: Iterable[str] = ()) -> None:
        """Merge `changed` into the stored index and drop `gone`; another writer's entries
        are kept.

        Args:
            changed: entries by key.
            gone: keys of videos that are not there any more.
        """
        dropped = set(gone)

        def merged(present: IngestIndex | None) -> IngestIndex:
            entries = {**(present.videos if present else {}), **changed}
            kept = {key: entries[key] for key in sorted(entries) if key not in dropped}
            return IngestIndex(kept)

        index = documents.update(self.store, keys.ingest_index(self.extractor), IngestIndex, merged)
        assert index is not None
        self.entries = index.videos


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
