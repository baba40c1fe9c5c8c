"""Ingest: new videos become features, each once; what cannot be used goes to quarantine with its
reason.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from vmt import chords, media
from vmt.catalog import datasets, documents, keys
from vmt.catalog.identity import check_key
from vmt.catalog.page_index_writers import note_refused, note_videos
from vmt.catalog.records.nights import IngestReport, Refusal
from vmt.catalog.records.videos import IngestEntry, QuarantineRecord
from vmt.catalog.rights import rights_of
from vmt.catalog.runs import now
from vmt.catalog.takedowns import Forgotten
from vmt.catalog.videos import Candidate, VideoIndex, candidates, identified, sha256_of
from vmt.errors import AnnotationError, DatasetError, MediaError, VmtError
from vmt.features.extractor import Extractor
from vmt.features.midi import read_midi
from vmt.features.record import Features
from vmt.jobs.ingest.extractors import remember
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.runtime.worker_pool import WorkerFailure
from vmt.store import ObjectStore

__all__ = ["IngestReport", "Refusal", "features_of", "ingest", "put_off", "sha256_of"]

_SAVE_EVERY = 10
"""Videos between two writes of the index, so that a kill loses little."""


def ingest(
    store: ObjectStore,
    extractor: Extractor,
    *,
    prefix: str = keys.VIDEOS,
    retry_refused: bool = False,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> IngestReport:
    """Extract the features of every video under `prefix` that is new or changed.

    One bad video never stops the others. What was forgotten is refused, by its id or by its bytes.
    A refused video is tried again when its bytes, its annotations or the extractor change, or when
    told to; one that failed for the store's sake is tried again next time.

    Args:
        store: the store.
        extractor: makes the features.
        prefix: of the videos' keys.
        retry_refused: try what is in quarantine again.
        map: spreads the videos over workers; over `Processes` a video that crashes or hangs is
            refused.
        on_event: is told of each video.

    Raises:
        DatasetError: if there is no video under `prefix`.
        WeightsError: if the extractor's weights cannot be had.
        StoreError: if the store cannot be listed.
    """
    remember(store, extractor)
    index = VideoIndex.load(store, extractor.name)
    videos = identified(store, candidates(store.list(prefix)))
    if not videos:
        raise DatasetError(
            f"store {store.url}: no video under {prefix}; put .mp4 files there and ingest again"
        )
    wanted = _unknown(videos, index, retry_refused)
    on_event("vmt.ingest.started", {"found": len(videos), "new": len(wanted)})

    changed: dict[str, IngestEntry] = {}
    failed: list[Refusal] = []
    work = _Worker(store, extractor, Forgotten.load(store))
    for candidate, outcome in zip(wanted, map(work, wanted), strict=True):
        if isinstance(outcome, WorkerFailure):
            outcome = work.lost(candidate, outcome)
        if isinstance(outcome, Refusal):
            failed.append(outcome)
            on_event("vmt.video.failed", vars(outcome))
            continue
        changed[candidate.key] = outcome
        _tell(on_event, candidate.key, outcome)
        if len(changed) % _SAVE_EVERY == 0:
            index.save(changed)

    present = {video.key for video in videos}
    gone = [key for key in index.entries if key.startswith(prefix) and key not in present]
    if changed or gone:
        index.save(changed, gone)
    entries = {key: entry for key, entry in index.entries.items() if key in present}
    note_refused(store, prefix, entries)
    note_videos(store, prefix, present)
    return IngestReport(
        extractor=extractor.name,
        found=len(videos),
        new=sum(not entry.refused for entry in changed.values()),
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
    prefix: str = keys.VIDEOS,
    retry_refused: bool = False,
) -> IngestReport:
    """The report of an ingest that leaves what is new for the next time.

    Args:
        store: the store.
        extractor: that would make the features.
        prefix: of the videos' keys.
        retry_refused: whether what is in quarantine counts as new.

    Raises:
        StoreError: if the store cannot be listed.
    """
    index, videos = VideoIndex.load(store, extractor.name), candidates(store.list(prefix))
    new = len(_unknown(videos, index, retry_refused))
    entries = {
        video.key: index.entries[video.key] for video in videos if video.key in index.entries
    }
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


def _unknown(
    videos: Sequence[Candidate], index: VideoIndex, retry_refused: bool
) -> list[Candidate]:
    """Videos that the index does not have as they are now."""

    def unknown(video: Candidate) -> bool:
        entry = index.entries.get(video.key)
        return entry is None or entry.stamp != video.stamp or (retry_refused and entry.refused)

    return [video for video in videos if unknown(video)]


def _refusals(entries: Mapping[str, IngestEntry]) -> Iterator[Refusal]:
    for key, entry in sorted(entries.items()):
        if entry.code is not None:
            yield Refusal(key, entry.code, entry.reason or "")


def _tell(on_event: OnEvent, key: str, entry: IngestEntry) -> None:
    """One video is done: its id, and its seconds or why it was refused."""
    facts = {"id": entry.id, "code": entry.code, "reason": entry.reason, "seconds": entry.seconds}
    payload = {name: value for name, value in facts.items() if value is not None}
    on_event(
        "vmt.video.refused" if entry.refused else "vmt.video.ingested", {"key": key, **payload}
    )


def _copies(entries: Mapping[str, IngestEntry]) -> tuple[tuple[str, ...], ...]:
    by_bytes: dict[str, list[str]] = {}
    for key, entry in sorted(entries.items()):
        if not entry.refused and entry.sha256 is not None:
            by_bytes.setdefault(entry.sha256, []).append(key)
    return tuple(tuple(group) for group in by_bytes.values() if len(group) > 1)


@dataclass(frozen=True)
class _Worker:
    """The work on one video; a process of its own may do it."""

    store: ObjectStore
    extractor: Extractor
    forgotten: Forgotten

    def __call__(self, candidate: Candidate) -> IngestEntry | Refusal:
        """The index's entry of one video, features and quarantine written; a `Refusal` where the
        store failed.
        """
        entry = IngestEntry(candidate.stamp, PurePosixPath(candidate.key).stem, None)
        try:
            entry = replace(entry, id=candidate.id)
            check_key(candidate.key)
            self.forgotten.check(candidate.key, candidate.id)
            entry = replace(entry, rights=rights_of(self.store, candidate.annotations))
            with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
                path = Path(folder) / PurePosixPath(candidate.key).name
                self.store.get_file(candidate.key, path)
                sha256 = sha256_of(path)
                entry = replace(entry, sha256=sha256)
                features_key, features = features_of(
                    self.store,
                    self.extractor,
                    path,
                    sha256,
                    candidate.annotations,
                    training=True,
                    forgotten=self.forgotten,
                    video=candidate.id,
                )
        except (MediaError, AnnotationError) as error:
            return self._refuse(candidate.key, entry, error)
        except VmtError as error:
            return Refusal(candidate.key, type(error).__name__, str(error), error.transient)
        return datasets.with_features(entry, features_key, features)

    def lost(self, candidate: Candidate, how: WorkerFailure) -> IngestEntry:
        """The index's entry of a video that took its worker along, in quarantine."""
        error = MediaError(
            f"video {candidate.key}: could not be read, {how.reason}; encode it again, or "
            "ingest with --retry-refused",
            how.code,
        )
        entry = IngestEntry(candidate.stamp, candidate.id, None)
        return self._refuse(candidate.key, entry, error)

    def _refuse(
        self, key: str, entry: IngestEntry, error: MediaError | AnnotationError
    ) -> IngestEntry:
        """The entry with the reason, and the video's record in quarantine."""
        record = QuarantineRecord(
            entry.id,
            key,
            error.code,
            str(error),
            entry.stamp,
            entry.sha256,
            entry.rights,
            self.extractor.name,
            now(),
        )
        place = keys.unnamed_refusal(key) if error.code == "bad-name" else keys.refusal(entry.id)
        documents.write(self.store, place, record)
        return replace(entry, code=error.code, reason=str(error))


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
        store: the store.
        extractor: makes the features where there are none yet.
        path: of the file.
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
    key = keys.features(extractor.name, sha256, [brought[ending] for ending in sorted(brought)])
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
    store.put(keys.thumbnail(sha256), sheet.jpeg())
    store.put(key, features.to_bytes())
    return key, features
