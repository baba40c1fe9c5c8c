"""Forget: take a video down for good, and say what was made with it.

The tombstone comes first and the index last, so that a forget that was killed half way is finished
by another one, and no ingest or freeze in between takes the video again.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vmt.catalog import datasets, documents, keys
from vmt.catalog.identity import drop, keys_of
from vmt.catalog.page_index_writers import note_forgotten
from vmt.catalog.records.runs import RunParameters
from vmt.catalog.records.soundtracks import SoundtrackVideo
from vmt.catalog.records.videos import QuarantineRecord
from vmt.catalog.runs import runs
from vmt.catalog.takedowns import tombstone, write_tombstone
from vmt.catalog.videos import VideoIndex, sha256_of
from vmt.errors import DatasetError, ObjectNotFound
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore

FOLDERS = (keys.VIDEOS, keys.INBOX)


@dataclass(frozen=True)
class ForgetReport:
    """What went, and what was made with the video and still stands.

    Attributes:
        id: of the video.
        sha256s: of the bytes that never come back.
        deleted: keys of objects that this call removed.
        versions: past dataset versions whose manifests name it.
        runs: trained on one of these versions, or continued from a run that was.
        outputs: records of soundtracks of other videos that these runs composed.
    """

    id: str
    sha256s: tuple[str, ...]
    deleted: tuple[str, ...]
    versions: tuple[str, ...]
    runs: tuple[str, ...]
    outputs: tuple[str, ...]


def forget(store: ObjectStore, video: str, *, on_event: OnEvent = ignore) -> ForgetReport:
    """Remove everything of the video with this id, under `videos/` and `inbox/` and of any copy of
    its bytes: objects, annotations, features of all extractors, outputs, quarantine and index;
    leave a tombstone.

    Past dataset versions and runs are immutable, so they stay and are listed. Calling it again
    finishes what was left and changes nothing else. Songs of a published dataset that were imported
    without videos are not touched.

    Raises:
        DatasetError: if nothing in the store has this id.
        StoreError: if the store fails; call it again.
    """
    search = _Search(store, video)
    search.run()
    if not search.sha256s and not search.objects:
        raise DatasetError(
            f"video {video}: nothing in {store.url} has this id; give a file's name without "
            "its ending"
        )

    write_tombstone(store, video, search.sha256s)
    deleted = _Removal(store, search).run()
    trained = _trained_on(store, search.versions)
    outputs = [
        info.key
        for run in trained
        for info in store.list(keys.run_outputs(run))
        if keys.is_output_record(info.key)
    ]
    on_event("vmt.video.forgotten", {"id": video, "deleted": len(deleted), "runs": list(trained)})
    return ForgetReport(
        video,
        tuple(sorted(search.sha256s)),
        tuple(deleted),
        tuple(search.versions),
        tuple(trained),
        tuple(outputs),
    )


@dataclass
class _Search:
    """Everything that a video left in the store.

    Attributes:
        objects: keys of files whose name is the video's id.
        sha256s: of the bytes under this id, present and past.
        names: ids that have, or had, these bytes.
        indexes: of all extractors.
        versions: dataset versions whose manifests name the bytes.
    """

    store: ObjectStore
    video: str
    objects: list[str] = field(default_factory=list)
    sha256s: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    indexes: list[VideoIndex] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Look for the bytes under this id, then for every other name that has them."""
        present = [info.key for folder in FOLDERS for info in self.store.list(folder)]
        own = keys_of(self.store, self.video, present)
        self.objects = [key for key in present if key in own]
        extractors = (
            keys.parse_ingest_index(info.key) for info in self.store.list(keys.INGEST_INDEXES)
        )
        self.indexes = [VideoIndex.load(self.store, name) for name in extractors if name]
        entries = [entry for index in self.indexes for entry in index.entries.values()]
        rows = self._rows()

        # The bytes, wherever this id ever stood.
        self.sha256s |= tombstone(self.store, self.video)
        self.sha256s |= {
            _hash(self.store, key) for key in self.objects if not keys.is_annotation(key)
        }
        self.sha256s |= {
            entry.sha256 for entry in entries if entry.id == self.video and entry.sha256
        }
        self.sha256s |= {row.sha256 for _, row in rows if row.id == self.video}
        self.sha256s |= {record.video.sha256 for record in self._records()}

        # Every other name of these bytes.
        self.names = {entry.id for entry in entries if entry.sha256 in self.sha256s}
        self.names |= {row.id for _, row in rows if row.sha256 in self.sha256s} | {self.video}
        self.versions = list(dict.fromkeys(ref for ref, row in rows if row.sha256 in self.sha256s))

    def _rows(self) -> list[tuple[str, datasets.ManifestRow]]:
        """Rows of all past manifests that came from videos, with their version."""
        rows = []
        for info in datasets.published(self.store):
            ref = datasets.DatasetRef(info.name, info.version)
            version = datasets.read(self.store, ref)
            rows += [(str(ref), row) for row in version.rows() if row.key]
        return rows

    def _records(self) -> Iterator[SoundtrackVideo]:
        """Records of the soundtracks of this id."""
        for folder in _video_folders(self.store, self.video):
            yield from _records_under(self.store, folder)


@dataclass
class _Removal:
    """Deletes what a search found, the index's entries last."""

    store: ObjectStore
    search: _Search
    deleted: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """The keys of the objects that are deleted now."""
        search, store = self.search, self.store
        gone = {
            index.extractor: [
                key
                for key, entry in index.entries.items()
                if entry.id == search.video or entry.sha256 in search.sha256s
            ]
            for index in search.indexes
        }
        other_names = {
            key for entries in gone.values() for key in entries if key not in search.objects
        }

        # Videos and what is beside them.
        for key in search.objects:
            self._delete(key)
        for name in sorted(other_names):
            for key in self._copy(name):
                self._delete(key)

        # What was made of them.
        for extractor in list(store.folders(keys.FEATURES)):
            for sha256 in sorted(search.sha256s):
                self._delete_all(keys.features_prefix(extractor, sha256))
        for name in sorted(search.names):
            self._remove_outputs(name)
            if name == search.video or self._quarantined(name):
                self._delete_all(keys.refusal(name))

        note_forgotten(store, search.names, search.sha256s)
        drop(store, {*search.objects, *other_names})
        for index in search.indexes:
            if gone[index.extractor]:
                index.save({}, gone[index.extractor])
        return self.deleted

    def _copy(self, key: str) -> list[str]:
        """The object of another name and its annotations, if it still has the bytes."""
        try:
            if _hash(self.store, key) not in self.search.sha256s:
                return []
        except ObjectNotFound:
            return []
        stem = PurePosixPath(key).with_suffix("")
        beside = (info.key for info in self.store.list(f"{stem}.") if keys.is_annotation(info.key))
        return [key, *(other for other in beside if PurePosixPath(other).with_suffix("") == stem)]

    def _remove_outputs(self, name: str) -> None:
        for folder in _video_folders(self.store, name):
            for take in list(self.store.folders(folder)):
                if name == self.search.video or self._is_of_these_bytes(f"{folder}{take}/"):
                    self._delete_all(f"{folder}{take}/")

    def _is_of_these_bytes(self, take: str) -> bool:
        records = _records_under(self.store, take)
        return any(record.video.sha256 in self.search.sha256s for record in records)

    def _quarantined(self, name: str) -> bool:
        record = documents.read(self.store, keys.refusal(name), QuarantineRecord)
        return record is not None and record.sha256 in self.search.sha256s

    def _delete_all(self, prefix: str) -> None:
        # A take's record goes last: by it the rest is found again if this is stopped half way.
        under = [info.key for info in self.store.list(prefix)]
        for key in sorted(under, key=keys.is_output_record):
            self._delete(key)

    def _delete(self, key: str) -> None:
        self.store.delete(key)
        self.deleted.append(key)


def _video_folders(store: ObjectStore, video: str) -> Iterator[str]:
    """The folders of the takes of a video, one a run and epoch."""
    for run in store.folders(keys.OUTPUTS):
        for folder in store.folders(keys.run_outputs(run)):
            epoch = keys.parse_epoch_folder(folder)
            if epoch is not None:
                yield keys.video_outputs(run, epoch, video)


def _records_under(store: ObjectStore, prefix: str) -> Iterator[SoundtrackVideo]:
    for info in store.list(prefix):
        if keys.is_output_record(info.key):
            record = documents.read(store, info.key, SoundtrackVideo)
            if record is not None:
                yield record


def _hash(store: ObjectStore, key: str) -> str:
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        path = Path(folder) / "video"
        store.get_file(key, path)
        return sha256_of(path)


def _trained_on(store: ObjectStore, refs: list[str]) -> list[str]:
    """Names of the runs that were trained on one of these versions, or continued from such a
    run.
    """
    parameters = {run.name: run.saved_parameters() for run in runs(store)}
    known = {name: one for name, one in parameters.items() if one is not None}
    trained = {name for name, one in known.items() if one.dataset in refs}
    while more := {name for name, one in known.items() if _source(one) in trained} - trained:
        trained |= more
    return sorted(trained)


def _source(parameters: RunParameters) -> str | None:
    """The run that a run continues from."""
    return parameters.source.run if parameters.source is not None else None
