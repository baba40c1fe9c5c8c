"""Tombstones: `index/forgotten/<id>.json` says which ids and bytes were taken down and must never
come back.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from vmt.catalog.runs import now
from vmt.errors import MediaError, ObjectNotFound
from vmt.store import ObjectStore

PREFIX = "index/forgotten/"


@dataclass(frozen=True)
class Forgotten:
    """All tombstones of a store."""

    ids: frozenset[str]
    sha256s: frozenset[str]

    @classmethod
    def load(cls, store: ObjectStore) -> "Forgotten":
        """Read them; there are few."""
        stones = [json.loads(store.get(each.key)) for each in store.list(PREFIX)]
        return cls(
            frozenset(each["id"] for each in stones),
            frozenset(sha256 for each in stones for sha256 in each["sha256s"]),
        )

    def has(self, video: str, sha256: str | None) -> bool:
        """Whether a video was taken down, by its id or by its bytes."""
        return video in self.ids or sha256 in self.sha256s

    def check(self, key: str, video: str, sha256: str | None = None) -> None:
        """Let a video pass that nobody took down.

        Raises:
            MediaError: `forgotten`, saying whether its id or its bytes were.
        """
        if video in self.ids:
            raise MediaError(
                f"video {key}: {video} was taken down for good (vmt forget); remove the file, "
                "or give it another name "
                "if it is another video",
                "forgotten",
            )
        if sha256 in self.sha256s:
            raise MediaError(
                f"video {key}: these bytes were taken down for good (vmt forget) under another "
                "name; remove the file",
                "forgotten",
            )


def tombstone(store: ObjectStore, video: str) -> frozenset[str]:
    """The sha256s that were taken down with `video`; none if it never was."""
    try:
        return frozenset(json.loads(store.get(f"{PREFIX}{video}.json"))["sha256s"])
    except ObjectNotFound:
        return frozenset()


def bury(store: ObjectStore, video: str, sha256s: Iterable[str]) -> None:
    """Write the tombstone; the same again leaves it as it is."""
    wanted = sorted(sha256s)
    if store.head(f"{PREFIX}{video}.json") is not None and tombstone(store, video) == frozenset(
        wanted
    ):
        return
    content = {"id": video, "sha256s": wanted, "at": now()}
    store.put(f"{PREFIX}{video}.json", json.dumps(content, indent=1).encode())
