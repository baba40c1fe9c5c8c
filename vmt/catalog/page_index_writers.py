"""Bring the indexes that pages read up to date, see `vmt.catalog.page_index`: each job calls one of
these functions as it ends.

Writers change what is there by `documents.update`, so that none loses another's work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from vmt.catalog import datasets, documents, keys
from vmt.catalog.identity import identities
from vmt.catalog.page_index import takes_of, takes_of_video
from vmt.catalog.records.datasets import DatasetBrief, DatasetInfo
from vmt.catalog.records.indexes import (
    DatasetIndex,
    NewestIndex,
    NewSoundtrack,
    NightIndex,
    RefusedIndex,
    RefusedVideo,
    RunIndex,
    TakesIndex,
    VideoKeyIndex,
)
from vmt.catalog.records.videos import IngestEntry
from vmt.catalog.runs import Run, now
from vmt.catalog.videos import candidates
from vmt.store import ObjectStore

KEPT_NEWEST = 24
R = TypeVar("R")


def note_run(store: ObjectStore, run: str) -> None:
    """A run ended. One that is not done is left out, because its summary may still change."""
    summary = Run(store, run).summary()
    if summary is None or summary.state != "done":
        return

    def added(known: RunIndex | None) -> RunIndex:
        return RunIndex({**(known.runs if known else {}), run: summary})

    documents.update(store, keys.RUN_INDEX.template, RunIndex, added)


def note_version(store: ObjectStore, info: DatasetInfo) -> None:
    """A dataset version was published."""

    def added(known: DatasetIndex | None) -> DatasetIndex:
        if known is None:
            return _by_name(version.brief for version in datasets.published(store))
        others = (
            brief for brief in known.datasets.get(info.name, ()) if brief.version != info.version
        )
        return DatasetIndex({**known.datasets, info.name: _by_version((*others, info.brief))})

    documents.update(store, keys.DATASET_INDEX.template, DatasetIndex, added)


def _by_name(versions: Iterable[DatasetBrief]) -> DatasetIndex:
    grouped: dict[str, list[DatasetBrief]] = {}
    for brief in versions:
        grouped.setdefault(brief.name, []).append(brief)
    return DatasetIndex({name: _by_version(briefs) for name, briefs in grouped.items()})


def _by_version(briefs: Iterable[DatasetBrief]) -> tuple[DatasetBrief, ...]:
    return tuple(sorted(briefs, key=lambda brief: brief.version))


def note_soundtracks(
    store: ObjectStore,
    run: str,
    epoch: int,
    made: Sequence[tuple[str, str]],
    records: Sequence[str],
) -> None:
    """A batch ended.

    Args:
        store: the store.
        run: whose model composed.
        epoch: of that run.
        made: video id and take of each soundtrack that the batch wrote, or that was there before.
        records: the keys of the records that it wrote.
    """
    if not made:
        return

    def added(known: TakesIndex | None) -> TakesIndex:
        takes = dict(takes_of(store, run, epoch) if known is None else known.videos)
        for video, take in made:
            takes[video] = tuple(sorted({*takes.get(video, ()), take}))
        return TakesIndex(takes)

    def newer(known: NewestIndex | None) -> NewestIndex:
        own = (NewSoundtrack(key, now()) for key in records)
        before = known.soundtracks if known else ()
        others = (soundtrack for soundtrack in before if soundtrack.record not in set(records))
        return NewestIndex((*own, *others)[:KEPT_NEWEST])

    documents.update(store, keys.takes_index(run, epoch), TakesIndex, added)
    if records:
        documents.update(store, keys.NEWEST_INDEX.template, NewestIndex, newer)


def note_refused(store: ObjectStore, prefix: str, entries: Mapping[str, IngestEntry]) -> None:
    """An ingest ended.

    Args:
        store: the store.
        prefix: what it looked at; refusals elsewhere are kept.
        entries: of the ingest's index, by key.
    """

    def replaced(known: RefusedIndex | None) -> RefusedIndex:
        before = {video.key: video for video in (known.refused if known else ())}
        elsewhere = [video for key, video in before.items() if not key.startswith(prefix)]
        refused = [
            _refusal(key, entry, before.get(key)) for key, entry in entries.items() if entry.refused
        ]
        newest_first = sorted([*elsewhere, *refused], key=lambda video: video.at, reverse=True)
        return RefusedIndex(tuple(newest_first))

    documents.update(store, keys.REFUSED_INDEX.template, RefusedIndex, replaced)


def _refusal(key: str, entry: IngestEntry, before: RefusedVideo | None) -> RefusedVideo:
    same = before is not None and (before.stamp, before.code) == (entry.stamp, entry.code)
    at = before.at if same and before is not None else now()
    return RefusedVideo(key, entry.id, entry.code or "", entry.reason or "", entry.stamp, at)


def note_videos(store: ObjectStore, prefix: str, present: Iterable[str]) -> None:
    """An ingest ended.

    Args:
        store: the store.
        prefix: what it looked at; videos elsewhere are kept.
        present: the keys of the videos there.
    """

    def replaced(known: VideoKeyIndex | None) -> VideoKeyIndex:
        before = (
            known.videos
            if known is not None
            else tuple(video.key for video in candidates(store.list(keys.VIDEOS)))
        )
        elsewhere = (key for key in before if not key.startswith(prefix))
        return VideoKeyIndex(tuple(sorted([*present, *elsewhere])))

    documents.update(store, keys.VIDEO_INDEX.template, VideoKeyIndex, replaced)


def note_night(store: ObjectStore, report: str) -> None:
    """A night ended and wrote its report; the names of reports begin with the moment."""

    def newest(known: NightIndex | None) -> NightIndex:
        return NightIndex(max(report, known.report if known else ""))

    documents.update(store, keys.NIGHT_INDEX.template, NightIndex, newest)


def note_forgotten(store: ObjectStore, ids: Iterable[str], sha256s: Iterable[str]) -> None:
    """Videos were taken down: indexes name them no longer, and their pictures go.

    Args:
        store: the store.
        ids: of the videos and their copies.
        sha256s: of their bytes.
    """
    names = set(ids)
    for sha256 in sha256s:
        store.delete(keys.thumbnail(sha256))
    for info in list(store.list(keys.TAKES_INDEXES)):
        place = keys.parse_takes_index(info.key)
        if place is not None:
            _drop_takes(store, info.key, *place, names)

    def without_soundtracks(known: NewestIndex) -> NewestIndex:
        kept = (one for one in known.soundtracks if store.head(one.record) is not None)
        return replace(known, soundtracks=tuple(kept))

    def without_videos(known: VideoKeyIndex) -> VideoKeyIndex:
        ids = identities(store)
        kept = (
            key
            for key in known.videos
            if (ids[key].id if key in ids else PurePosixPath(key).stem) not in names
        )
        return replace(known, videos=tuple(kept))

    def without_refusals(known: RefusedIndex) -> RefusedIndex:
        return replace(known, refused=tuple(one for one in known.refused if one.id not in names))

    _change_if_there(store, keys.NEWEST_INDEX.template, NewestIndex, without_soundtracks)
    _change_if_there(store, keys.VIDEO_INDEX.template, VideoKeyIndex, without_videos)
    _change_if_there(store, keys.REFUSED_INDEX.template, RefusedIndex, without_refusals)


def _drop_takes(store: ObjectStore, key: str, run: str, epoch: int, names: set[str]) -> None:
    def still_there(known: TakesIndex) -> TakesIndex:
        listed = {
            video: takes_of_video(store, run, epoch, video) for video in names & set(known.videos)
        }
        takes = {**known.videos, **listed}
        return TakesIndex({video: kept for video, kept in takes.items() if kept})

    _change_if_there(store, key, TakesIndex, still_there)


def _change_if_there(store: ObjectStore, key: str, kind: type[R], change: Callable[[R], R]) -> None:
    documents.update(store, key, kind, lambda known: None if known is None else change(known))
