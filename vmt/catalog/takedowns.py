"""Tombstones say which ids and bytes were taken down and must never come back."""

from collections.abc import Iterable
from dataclasses import dataclass

from vmt.catalog import documents, keys
from vmt.catalog.records.videos import Tombstone
from vmt.catalog.runs import now
from vmt.errors import MediaError
from vmt.store import ObjectStore


@dataclass(frozen=True)
class Forgotten:
    """All tombstones of a store."""

    ids: frozenset[str]
    sha256s: frozenset[str]

    @classmethod
    def load(cls, store: ObjectStore) -> "Forgotten":
        """Read them; there are few."""
        read = (documents.read(store, info.key, Tombstone) for info in store.list(keys.TOMBSTONES))
        stones = [stone for stone in read if stone is not None]
        return cls(
            frozenset(stone.id for stone in stones),
            frozenset(sha256 for stone in stones for sha256 in stone.sha256s),
        )

    def has(self, video: str, sha256: str | None) -> bool:
        """Whether a video was taken down, by its id or by its bytes."""
        return video in self.ids or sha256 in self.sha256s

    def check(self, key: str, video: str, sha256: str | None = None) -> None:
        """Let a video pass that is not taken down.

        Args:
            key: of the video, for the message.
            video: its id.
            sha256: of its bytes; None where they are not known yet.

        Raises:
            MediaError: `forgotten`, saying whether its id or its bytes were.
        """
        if video in self.ids:
            raise MediaError(
                f"video {key}: {video} was taken down for good (vmt forget); remove the file, "
                "or give it another name if it is another video",
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
    stone = documents.read(store, keys.tombstone(video), Tombstone)
    return frozenset(stone.sha256s) if stone is not None else frozenset()


def write_tombstone(store: ObjectStore, video: str, sha256s: Iterable[str]) -> None:
    """Write the tombstone of a video; the same again leaves it as it is.

    Args:
        store: the store.
        video: its id.
        sha256s: of its bytes.
    """
    wanted = tuple(sorted(sha256s))

    def written(present: Tombstone | None) -> Tombstone | None:
        same = present is not None and frozenset(present.sha256s) == frozenset(wanted)
        return None if same else Tombstone(video, wanted, now())

    documents.update(store, keys.tombstone(video), Tombstone, written)
