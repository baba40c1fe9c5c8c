"""Where the summaries stand that pages read in place of listings; `vmt.catalog.page_index_writers`
writes them as jobs end.

    index/runs.json                        the summary of each finished run, by name
    index/datasets.json                    size and date of each version, by dataset
    index/outputs/<run>/epoch_0026.json    the takes of each video
    index/newest.json                      the records of the newest soundtracks
    index/refused.json                     the videos that the last ingest refused
    index/videos.json                      the keys of the videos that the last ingest saw
    index/night.json                       the key of the newest nightly report
    index/ratings.json                     every blind rating
    index/thumbnails/<sha256>.jpg          a sheet of small pictures of a video, made as its features are

Each repeats what stands elsewhere and may be deleted: readers then list, and the next write lists
once.
"""  # noqa: E501

from collections.abc import Mapping
from typing import Any

from vmt.store import ObjectStore

RUNS = "index/runs.json"
DATASETS = "index/datasets.json"
OUTPUTS = "index/outputs/"
NEWEST = "index/newest.json"
REFUSED = "index/refused.json"
VIDEOS = "index/videos.json"
NIGHT = "index/night.json"
NIGHTS = "reports/nightly/"
RATINGS = "index/ratings.json"
THUMBNAILS = "index/thumbnails/"
_LONG = (
    "chords",
    "keys",
    "emotions",
    "changes",
    "splits",
)  # of a version, read with the version alone


def outputs_key(run: str, epoch: int) -> str:
    """Where the takes of a run's epoch are kept."""
    return f"{OUTPUTS}{run}/epoch_{epoch:04d}.json"


def takes_of(store: ObjectStore, run: str, epoch: int) -> dict[str, list[str]]:
    """The takes of each video by listing, for whoever finds no summary."""
    prefix = f"outputs/{run}/epoch_{epoch:04d}/"
    return {video: sorted(store.folders(f"{prefix}{video}/")) for video in store.folders(prefix)}


def thumbnails_key(sha256: str) -> str:
    """Where the sheet of small pictures of a video stands; one whose features were there before has
    none.
    """
    return f"{THUMBNAILS}{sha256}.jpg"


def brief(info: Mapping[str, Any]) -> dict[str, Any]:
    """What a list of versions shows of one."""
    return {name: value for name, value in info.items() if name not in _LONG}
