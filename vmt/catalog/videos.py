"""The index of a bucket's videos: what a nightly ingest must not pay for again.

`index/ingest/<extractor>.json` remembers, for each object under `videos/`, its etag and size (so
that an unchanged object is known from the listing alone), its sha256, and what came of it: the
features' key and a summary that freezing needs, or the reason of its refusal. It can be lost
without harm: everything in it follows from the objects.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from vmt.catalog.identity import ANNOTATIONS, assign, lying_beside
from vmt.errors import ObjectNotFound, PreconditionFailed
from vmt.store import ObjectInfo, ObjectStore

__all__ = ["ANNOTATIONS", "Candidate", "VideoIndex", "candidates", "identified"]


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
    for each in listed:
        path = PurePosixPath(each.key)
        if path.suffix.lower() in ANNOTATIONS:
            beside.setdefault(str(path.with_suffix("")), []).append(each)
        elif each.key not in left_out:
            videos.append(each)
    found = []
    for video in videos:
        own = [video, *beside.get(str(PurePosixPath(video.key).with_suffix("")), [])]
        stamp = " ".join(f"{each.etag}/{each.size}" for each in own)
        found.append(Candidate(video.key, stamp, tuple(each.key for each in own[1:])))
    return found


def identified(store: ObjectStore, videos: Iterable[Candidate]) -> list[Candidate]:
    """The same videos with their ids."""
    listed = list(videos)
    ids = assign(store, [video.key for video in listed])
    return [replace(video, id=ids[video.key].id) for video in listed]


@dataclass
class VideoIndex:
    """Entries by key, as kept in the store for one extractor.

    An entry has `stamp`, `id`, `sha256`, and either `features_key`, `seconds`, `duration_s`,
    `song_key`, `emotion` and `chords` (seconds of each), or `code` and `reason`.
    """

    store: ObjectStore
    extractor: str
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where the index stands."""
        return f"index/ingest/{self.extractor}.json"

    @classmethod
    def load(cls, store: ObjectStore, extractor: str) -> "VideoIndex":
        """The index of an extractor; empty where there is none."""
        index = cls(store, extractor)
        index.entries = index._read()[0]
        return index

    def _read(self) -> tuple[dict[str, dict[str, Any]], str | None]:
        try:
            data, etag = self.store.get_with_etag(self.key)
        except ObjectNotFound:
            return {}, None
        text = data.decode()
        del data  # of 100,000 videos it is 50 MB
        entries: dict[str, dict[str, Any]] = json.loads(text)
        return entries, etag

    def save(self, changed: dict[str, dict[str, Any]], gone: Iterable[str] = ()) -> None:
        """Merge `changed` into the stored index and drop `gone`; another writer's entries
        are kept.
        """
        while True:
            entries, etag = self._read()
            entries |= changed
            for key in gone:
                entries.pop(key, None)
            data = json.dumps(entries, sort_keys=True).encode()
            try:
                self.store.put(self.key, data, if_absent=etag is None, if_match=etag)
            except PreconditionFailed:
                continue
            self.entries = entries
            return
