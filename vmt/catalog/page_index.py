"""Indexes that pages read in place of listings; `vmt.catalog.page_index_writers` writes them as
jobs end.

Each repeats what stands elsewhere and may be deleted: readers then list, and the next write lists
once. `vmt.catalog.records.indexes` has their fields and `vmt.catalog.keys` their keys.
"""

from vmt.catalog import keys
from vmt.store import ObjectStore


def takes_of(store: ObjectStore, run: str, epoch: int) -> dict[str, tuple[str, ...]]:
    """The takes of each video by listing, for readers who have no index.

    Args:
        store: the store.
        run: the run's name.
        epoch: its epoch.
    """
    return {
        video: takes_of_video(store, run, epoch, video)
        for video in store.folders(keys.epoch_outputs(run, epoch))
    }


def takes_of_video(store: ObjectStore, run: str, epoch: int, video: str) -> tuple[str, ...]:
    """The takes of one video by listing.

    Args:
        store: the store.
        run: the run's name.
        epoch: its epoch.
        video: the video's id.
    """
    return tuple(sorted(store.folders(keys.video_outputs(run, epoch, video))))
