"""Ingest: new videos become features, each once; what cannot be used goes to quarantine with its
reason.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vmt import chords, media
from vmt.catalog import datasets
from vmt.catalog.identity import check_key, digest
from vmt.catalog.page_index import thumbnails_key
from vmt.catalog.page_index_writers import note_refused, note_videos
from vmt.catalog.rights import rights_of
from vmt.catalog.runs import now
from vmt.catalog.takedowns import Forgotten
from vmt.catalog.videos import Candidate, VideoIndex, candidates, identified
from vmt.errors import AnnotationError, DatasetError, MediaError, VmtError
from vmt.features.extractor import Extractor
from vmt.features.midi import read_midi
from vmt.features.record import Features
from vmt.jobs.ingest.extractors import remember
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.runtime.worker_pool import WorkerFailure
from vmt.store import ObjectStore

_SAVE_EVERY = 10


@dataclass(frozen=True)
class Refusal:
    """Why a video was not used: a code to count, a sentence to read, and whether it may pass by
    itself.
    """

    key: str
    code: str
    reason: str
    transient: bool = False


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did: counts, refusals by key, and the ids that hold the same bytes as another.

    Attributes:
        refused: all that is in quarantine, for as long as it is there.
        failed: now, for the store's sake; tried again next time.
        refused_now: what went into quarantine this time.
        put_off: how many new videos were left for the next time, untouched.
    """

    extractor: str
    found: int
    new: int
    known: int
    refused: tuple[Refusal, ...]
    failed: tuple[Refusal, ...]
    copies: tuple[tuple[str, ...], ...]
    refused_now: tuple[Refusal, ...] = ()
    put_off: int = 0


def ingest(
    store: ObjectStore,
    extractor: Extractor,
    *,
    prefix: str = "videos/",
    retry_refused: bool = False,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> IngestReport:
    """Extract the features of every video under `prefix` that is new or changed.

    One bad video never stops the others. What was forgotten is refused, by its id or by its bytes.
    A refused video is tried again when its bytes, its annotations or the extractor change, or when
    told to; one that failed for the store's sake is tried again next time.

    Args:
        retry_refused: try what is in quarantine again.
        map: spreads the videos over workers; over `Processes` a video that crashes or hangs is
            refused.

    Raises:
        DatasetError: if there is no video under `prefix`.
        WeightsError: if the extractor's weights cannot be had.
        StoreError: if the store cannot be listed.
    """
    name = extractor.name
    remember(store, extractor)
    index = VideoIndex.load(store, name)
    videos = identified(store, candidates(store.list(prefix)))
    if not videos:
        raise DatasetError(
            f"store {store.url}: no video under {prefix}; put .mp4 files there and ingest again"
        )
    present = {each.key for each in videos}
    gone = [key for key in index.entries if key.startswith(prefix) and key not in present]
    wanted = _fresh(videos, index, retry_refused)
    on_event("vmt.ingest.started", {"found": len(videos), "new": len(wanted)})
    changed: dict[str, dict[str, Any]] = {}
    failed: list[Refusal] = []
    done = 0
    work = _Worker(store, extractor, Forgotten.load(store))
    for candidate, outcome in zip(wanted, map(work, wanted), strict=True):
        if isinstance(outcome, WorkerFailure):
            outcome = work.lost(candidate, outcome)
        if isinstance(outcome, Refusal):
            failed.append(outcome)
            on_event("vmt.video.failed", vars(outcome))
            continue
        changed[candidate.key] = outcome
        done += 1
        on_event(
            "vmt.video.refused" if "code" in outcome else "vmt.video.ingested",
            {"key": candidate.key, **_brief(outcome)},
        )
        if done % _SAVE_EVERY == 0:
            index.save(changed)
    if changed or gone:
        index.save(changed, gone)
    entries = {key: entry for key, entry in index.entries.items() if key in present}
    note_refused(store, prefix, entries)
    note_videos(store, prefix, present)
    return IngestReport(
        extractor=name,
        found=len(videos),
        new=sum("features_key" in entry for entry in changed.values()),
        known=len(videos) - len(wanted),
        refused=tuple(_refusals(entries)),
        failed=tuple(failed),
        copies=_copies(entries),
        refused_now=tuple(_refusals(changed)),
    )


def put_off(
    store: ObjectStore,
    extractor: Extractor,
    *,
    prefix: str = "videos/",
    retry_refused: bool = False,
) -> IngestReport:
    """The report of an ingest that leaves what is new for the next time.

    Raises:
        StoreError: if the store cannot be listed.
    """
    index, videos = VideoIndex.load(store, extractor.name), candidates(store.list(prefix))
    new = len(_fresh(videos, index, retry_refused))
    entries = {each.key: index.entries[each.key] for each in videos if each.key in index.entries}
    return IngestReport(
        extractor.name,
        len(videos),
        0,
        len(videos) - new,
        tuple(_refusals(entries)),
        (),
        _copies(entries),
        put_off=new,
    )


def _fresh(videos: Sequence[Candidate], index: VideoIndex, retry_refused: bool) -> list[Candidate]:
    def fresh(candidate: Candidate) -> bool:
        entry = index.entries.get(candidate.key)
        return (
            entry is None
            or entry["stamp"] != candidate.stamp
            or (retry_refused and "code" in entry)
        )

    return [each for each in videos if fresh(each)]


def _refusals(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[Refusal]:
    for key, entry in sorted(entries.items()):
        if "code" in entry:
            yield Refusal(key, entry["code"], entry["reason"])


def _brief(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {name: outcome[name] for name in ("id", "code", "reason", "seconds") if name in outcome}


def _copies(entries: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    by_bytes: dict[str, list[str]] = {}
    for key, entry in sorted(entries.items()):
        if "features_key" in entry:
            by_bytes.setdefault(entry["sha256"], []).append(key)
    return tuple(tuple(keys) for keys in by_bytes.values() if len(keys) > 1)


@dataclass(frozen=True)
class _Worker:
    store: ObjectStore
    extractor: Extractor
    forgotten: Forgotten

    def __call__(self, candidate: Candidate) -> dict[str, Any] | Refusal:
        """The index's entry of one video, features and quarantine written; a `Refusal` where the
        store failed.
        """
        entry: dict[str, Any] = {"stamp": candidate.stamp, "sha256": None}
        try:
            entry["id"] = candidate.id
            check_key(candidate.key)
            self.forgotten.check(candidate.key, candidate.id)
            entry["rights"] = rights_of(self.store, candidate.annotations)
            with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
                path = Path(folder) / PurePosixPath(candidate.key).name
                self.store.get_file(candidate.key, path)
                entry["sha256"] = sha256_of(path)
                key, features = features_of(
                    self.store,
                    self.extractor,
                    path,
                    entry["sha256"],
                    candidate.annotations,
                    training=True,
                    forgotten=self.forgotten,
                    video=candidate.id,
                )
        except (MediaError, AnnotationError) as error:
            entry |= {"code": error.code, "reason": str(error)}
            _quarantine(self.store, self.extractor.name, candidate.key, entry)
            return entry
        except VmtError as error:
            return Refusal(candidate.key, type(error).__name__, str(error), error.transient)
        return entry | {"features_key": key} | datasets.summary(features)

    def lost(self, candidate: Candidate, how: WorkerFailure) -> dict[str, Any]:
        """The index's entry of a video that took its worker along, in quarantine."""
        error = MediaError(
            f"video {candidate.key}: could not be read, {how.reason}; encode it again, or "
            "ingest with --retry-refused",
            how.code,
        )
        entry = {
            "stamp": candidate.stamp,
            "sha256": None,
            "id": candidate.id,
            "code": error.code,
            "reason": str(error),
        }
        _quarantine(self.store, self.extractor.name, candidate.key, entry)
        return entry


def _quarantine(store: ObjectStore, extractor: str, key: str, entry: Mapping[str, Any]) -> None:
    record = {**entry, "key": key, "extractor": extractor, "at": now()}
    name = digest(key)[:16] if entry["code"] == "bad-name" else entry["id"]
    store.put(f"quarantine/{name}.json", json.dumps(record, indent=1).encode())


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def features_key(extractor: str, sha256: str, brought: Sequence[bytes] = ()) -> str:
    """Where features are kept: by the extractor, the video's bytes, and those of the annotations
    brought for it.
    """
    suffix = "-" + hashlib.sha256(b"".join(brought)).hexdigest()[:8] if brought else ""
    return f"features/{extractor}/{sha256}{suffix}.safetensors"


def features_of(
    store: ObjectStore,
    extractor: Extractor,
    path: Path,
    sha256: str,
    annotations: tuple[str, ...] = (),
    *,
    training: bool,
    forgotten: Forgotten | None = None,
    video: str | None = None,
) -> tuple[str, Features]:
    """Features of a local video file from the store, or extracted now and kept there; none of what
    was forgotten.

    Args:
        sha256: of the file's bytes.
        annotations: keys of what people brought for it; a `.lab` and a `.mid` win over recognition.
        training: refuse a video without sound and without a `.lab`.
        forgotten: the tombstones, where they were read already.
        video: its id; the file's name without its ending where None.

    Returns:
        The features' key and the features.

    Raises:
        MediaError: if the video cannot be used.
        AnnotationError: if an annotation is malformed.
        StoreError: if the store says no.
    """
    (forgotten or Forgotten.load(store)).check(path.name, video or path.stem, sha256)
    brought = {
        PurePosixPath(key).suffix.lower(): store.get(key)
        for key in annotations
        if not key.lower().endswith(".json")
    }
    key = features_key(extractor.name, sha256, [brought[each] for each in sorted(brought)])
    if store.head(key) is not None:
        return key, Features.from_bytes(store.get(key))
    annotation = (
        chords.parse_lab(chords.lab_text(brought[".lab"], f"{path.stem}.lab"), f"{path.stem}.lab")
        if ".lab" in brought
        else None
    )
    notes = read_midi(brought[".mid"], f"{path.stem}.mid") if ".mid" in brought else None
    info = media.probe(path)
    sound = media.sound(path, extractor.SAMPLE_RATE)
    if training and sound is None and annotation is None:
        raise MediaError(
            f"video {path.name}: no audio stream, and no {path.stem}.lab beside it; add one or "
            "drop the video",
            "no-sound",
        )
    sheet = media.ContactSheet(info.duration_s)
    features = extractor.extract(
        sheet.watch(media.frames(path)),
        sound,
        duration_s=info.duration_s,
        source_sha256=sha256,
        annotation=annotation,
        notes=notes,
        name=path.stem,
    )
    store.put(thumbnails_key(sha256), sheet.jpeg())
    store.put(key, features.to_bytes())
    return key, features
