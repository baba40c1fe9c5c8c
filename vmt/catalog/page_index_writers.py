"""Bring up to date what pages read in place of listings, see `vmt.catalog.page_index`: each job
calls one of these as it ends.

Writers merge into what they find by conditional writes, so none loses another's work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from vmt.catalog import datasets
from vmt.catalog.documents import Json, merge
from vmt.catalog.identity import identities
from vmt.catalog.page_index import (
    DATASETS,
    NEWEST,
    NIGHT,
    OUTPUTS,
    REFUSED,
    RUNS,
    VIDEOS,
    brief,
    outputs_key,
    takes_of,
    thumbnails_key,
)
from vmt.catalog.runs import Run, now
from vmt.catalog.videos import candidates
from vmt.store import ObjectStore

KEPT_NEWEST = 24


def note_run(store: ObjectStore, run: str) -> None:
    """A run ended; one that is not done is left out, for its summary may still change."""
    summary = Run(store, run).read_json("summary.json")
    if summary is not None and summary["state"] == "done":
        merge(store, RUNS, lambda known: {**(known or {}), run: summary})


def note_version(store: ObjectStore, name: str, info: Mapping[str, Any]) -> None:
    """A dataset version was published."""

    def added(known: Json | None) -> Json:
        if known is None:
            return _by_name(datasets.published(store))
        others = [each for each in known.get(name, []) if each["version"] != info["version"]]
        return {
            **known,
            name: sorted([*others, brief(info)], key=lambda each: int(each["version"])),
        }

    merge(store, DATASETS, added)


def _by_name(published: Iterable[Mapping[str, Any]]) -> Json:
    found: dict[str, list[Json]] = {}
    for info in sorted(published, key=lambda each: int(each["version"])):
        found.setdefault(str(info["name"]), []).append(brief(info))
    return found


def note_soundtracks(
    store: ObjectStore,
    run: str,
    epoch: int,
    made: Sequence[tuple[str, str]],
    records: Sequence[str],
) -> None:
    """A batch ended.

    Args:
        made: video id and take of each soundtrack that it wrote or found.
        records: the keys of the records that it wrote.
    """
    if not made:
        return

    def added(known: Json | None) -> Json:
        takes = takes_of(store, run, epoch) if known is None else known
        for video, take in made:
            takes[video] = sorted({*takes.get(video, []), take})
        return takes

    def newer(known: Json | None) -> Json:
        own = [{"record": key, "made_at": now()} for key in records]
        others = [
            each
            for each in (known or {}).get("soundtracks", [])
            if each["record"] not in set(records)
        ]
        return {"soundtracks": [*own, *others][:KEPT_NEWEST]}

    merge(store, outputs_key(run, epoch), added)
    if records:
        merge(store, NEWEST, newer)


def note_refused(store: ObjectStore, prefix: str, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """An ingest ended.

    Args:
        prefix: what it looked at; refusals elsewhere are kept.
        entries: of the ingest's index, by key; those with a `code` are refused.
    """

    def replaced(known: Json | None) -> Json:
        before = {each["key"]: each for each in (known or {}).get("refused", [])}
        kept = [each for key, each in before.items() if not key.startswith(prefix)]
        refused = [
            _refusal(key, entry, before.get(key))
            for key, entry in entries.items()
            if "code" in entry
        ]
        return {
            "refused": sorted([*kept, *refused], key=lambda each: str(each["at"]), reverse=True)
        }

    merge(store, REFUSED, replaced)


def _refusal(key: str, entry: Mapping[str, Any], before: Mapping[str, Any] | None) -> Json:
    same = (
        before is not None and before["stamp"] == entry["stamp"] and before["code"] == entry["code"]
    )
    own = {name: entry.get(name) for name in ("id", "code", "reason", "stamp")}
    return {"key": key, **own, "at": before["at"] if same and before is not None else now()}


def note_videos(store: ObjectStore, prefix: str, keys: Iterable[str]) -> None:
    """An ingest ended.

    Args:
        prefix: what it looked at; videos elsewhere are kept.
        keys: of the videos that it found there.
    """

    def replaced(known: Json | None) -> Json:
        before = (
            known["videos"]
            if known is not None
            else [each.key for each in candidates(store.list("videos/"))]
        )
        return {"videos": sorted([*keys, *(key for key in before if not key.startswith(prefix))])}

    merge(store, VIDEOS, replaced)


def note_night(store: ObjectStore, report: str) -> None:
    """A night ended and wrote its report; the names of reports begin with the moment."""
    merge(store, NIGHT, lambda known: {"report": max(report, (known or {}).get("report", ""))})


def note_forgotten(store: ObjectStore, ids: Iterable[str], sha256s: Iterable[str]) -> None:
    """Videos were taken down: summaries name them no longer, and their pictures go.

    Args:
        ids: of the videos and their copies.
        sha256s: of their bytes.
    """
    names = set(ids)
    for sha256 in sha256s:
        store.delete(thumbnails_key(sha256))
    for each in list(store.list(OUTPUTS)):
        run, _, epoch = each.key.removeprefix(OUTPUTS).removesuffix(".json").partition("/epoch_")
        _keep(store, each.key, partial(_standing, store, names, run, int(epoch)))
    _keep(
        store,
        NEWEST,
        lambda known: {"soundtracks": [e for e in known["soundtracks"] if store.head(e["record"])]},
    )
    known_ids = identities(store)

    def id_of(key: str) -> str:
        return known_ids[key].id if key in known_ids else PurePosixPath(key).stem

    _keep(
        store,
        VIDEOS,
        lambda known: {"videos": [key for key in known["videos"] if id_of(key) not in names]},
    )
    _keep(
        store,
        REFUSED,
        lambda known: {"refused": [e for e in known["refused"] if e["id"] not in names]},
    )


def _standing(store: ObjectStore, names: set[str], run: str, epoch: int, known: Json) -> Json:
    prefix = f"outputs/{run}/epoch_{epoch:04d}/"
    for video in names & set(known):
        known[video] = sorted(store.folders(f"{prefix}{video}/"))
    return {video: takes for video, takes in known.items() if takes}


def _keep(store: ObjectStore, key: str, change: Callable[[Json], Json]) -> None:
    """Change a summary where there is one."""
    if store.head(key) is not None:
        merge(store, key, lambda known: change(known or {}))
