"""The index of a bucket's videos: what a nightly ingest must not pay for again.

`index/ingest/<extractor>.json` remembers, for each object under `videos/`, its etag and size (so
that an unchanged object is known from the listing alone), its sha256, and what came of it: the
features' key and a summary that freezing needs, or the reason of its refusal. It can be lost
without harm: everything in it follows from the objects.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from vmt.errors import MediaError, ObjectNotFound, PreconditionFailed
from vmt.store import ObjectInfo, ObjectStore

ANNOTATIONS = (".lab", ".mid", ".json")
_ID = re.compile(r"[\w][\w .()\[\]&+,'-]{0,119}")


def video_id(key: str) -> str:
    """The id of a video from its key: the file's name without its ending.

    Raises:
        MediaError: if the name cannot be an id.
    """
    name = PurePosixPath(key).stem
    if not _ID.fullmatch(name) or ".." in name:
        raise MediaError(
            f"video {key}: the name {name!r} cannot be an id; use at most 120 letters, digits, "
            "spaces and .()[]&+,'-_, "
            "a letter or digit first",
            "bad-name",
        )
    return name


@dataclass(frozen=True)
class Candidate:
    """A video object with the annotations that stand beside it."""

    key: str
    stamp: str
    annotations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """See `video_id`."""
        return video_id(self.key)


def candidates(objects: Iterable[ObjectInfo]) -> list[Candidate]:
    """Videos among `objects`; `stamp` changes when a video or an annotation of it does."""
    videos: list[ObjectInfo] = []
    beside: dict[str, list[ObjectInfo]] = {}
    for each in objects:
        path = PurePosixPath(each.key)
        if path.suffix.lower() in ANNOTATIONS:
            beside.setdefault(str(path.with_suffix("")), []).append(each)
        else:
            videos.append(each)
    found = []
    for video in videos:
        own = [video, *beside.get(str(PurePosixPath(video.key).with_suffix("")), [])]
        stamp = " ".join(f"{each.etag}/{each.size}" for each in own)
        found.append(Candidate(video.key, stamp, tuple(each.key for each in own[1:])))
    return found


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


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
