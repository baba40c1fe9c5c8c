"""Forget: take a video down for good, and say what was made with it.

The tombstone comes first and the index last, so that a forget that was killed half way is finished
by another one, and no ingest or freeze in between takes the video again.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from vmt.catalog import datasets as versions
from vmt.catalog.identity import drop, keys_of
from vmt.catalog.page_index_writers import note_forgotten
from vmt.catalog.runs import runs
from vmt.catalog.takedowns import bury, tombstone
from vmt.catalog.videos import ANNOTATIONS, VideoIndex
from vmt.errors import DatasetError, ObjectNotFound
from vmt.jobs.ingest.ingest import sha256_of
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore

FOLDERS = ("videos/", "inbox/")


@dataclass(frozen=True)
class ForgetReport:
    """What went, and what was made with the video and still stands.

    Attributes:
        id: of the video.
        sha256s: of the bytes that never come back.
        deleted: keys of objects that this call removed.
        versions: past dataset versions whose manifests name it.
        runs: trained on one of these versions, or going on from a run that was.
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

    Past dataset versions and runs stay, for they are immutable; they are listed. Calling it again
    finishes what was left and changes nothing else. Songs of a published dataset that were imported
    without videos are not touched.

    Raises:
        DatasetError: if nothing in the store has this id.
        StoreError: if the store says no; call it again.
    """
    hunt = _Hunt(store, video)
    hunt.search()
    if not hunt.sha256s and not hunt.objects:
        raise DatasetError(
            f"video {video}: nothing in {store.url} has this id; give a file's name without "
            "its ending"
        )
    bury(store, video, hunt.sha256s)
    hunt.remove()
    report = hunt.report()
    on_event(
        "vmt.video.forgotten",
        {"id": video, "deleted": len(report.deleted), "runs": list(report.runs)},
    )
    return report


@dataclass
class _Hunt:
    store: ObjectStore
    video: str
    objects: list[str] = field(default_factory=list)
    sha256s: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    indexes: list[VideoIndex] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def search(self) -> None:
        """Find the bytes under this id, present and past, then every other name that has them."""
        present = [info.key for folder in FOLDERS for info in self.store.list(folder)]
        own = keys_of(self.store, self.video, present)
        self.objects = [key for key in present if key in own]
        self.sha256s |= tombstone(self.store, self.video)
        self.sha256s |= {self._hash(key) for key in self.objects if not _is_annotation(key)}
        self.indexes = [
            VideoIndex.load(self.store, PurePosixPath(each.key).stem)
            for each in self.store.list("index/ingest/")
        ]
        entries = [entry for index in self.indexes for entry in index.entries.values()]
        self.sha256s |= {
            each["sha256"] for each in entries if each["id"] == self.video and each["sha256"]
        }
        rows = self._rows()
        self.sha256s |= {row["sha256"] for _, row in rows if row["id"] == self.video}
        self.sha256s |= {
            json.loads(self.store.get(key))["video"]["sha256"] for key in self._records(self.video)
        }
        self.names = {each["id"] for each in entries if each["sha256"] in self.sha256s}
        self.names |= {row["id"] for _, row in rows if row["sha256"] in self.sha256s} | {self.video}
        self.versions = list(
            dict.fromkeys(ref for ref, row in rows if row["sha256"] in self.sha256s)
        )

    def _rows(self) -> list[tuple[str, dict[str, Any]]]:
        """Rows of all past manifests that came from videos, with their version."""
        found = []
        for info in versions.published(self.store):
            ref = versions.DatasetRef(info["name"], info["version"])
            manifest = versions.read(self.store, ref).manifest
            kept = manifest.loc[manifest["key"] != "", ["id", "sha256"]]
            found += [(str(ref), row) for row in kept.to_dict("records")]
        return found  # type: ignore[return-value]

    def _hash(self, key: str) -> str:
        with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
            path = Path(folder) / "video"
            self.store.get_file(key, path)
            return sha256_of(path)

    def _takes(self, name: str) -> Iterator[str]:
        """Prefixes of the outputs of an id, one a run and epoch."""
        for run in self.store.folders("outputs/"):
            for epoch in self.store.folders(f"outputs/{run}/"):
                yield f"outputs/{run}/{epoch}/{name}/"

    def _records(self, name: str) -> Iterator[str]:
        for prefix in self._takes(name):
            yield from (each.key for each in self.store.list(prefix) if each.key.endswith(".json"))

    def remove(self) -> None:
        """Delete what `search` found, the index's entries last."""
        gone = {
            index.extractor: [
                key
                for key, entry in index.entries.items()
                if entry["id"] == self.video or entry["sha256"] in self.sha256s
            ]
            for index in self.indexes
        }
        copies = {key for keys in gone.values() for key in keys if key not in self.objects}
        for key in [*self.objects, *(each for copy in sorted(copies) for each in self._copy(copy))]:
            self._delete(key)
        for extractor in list(self.store.folders("features/")):
            for sha256 in sorted(self.sha256s):
                self._delete_all(f"features/{extractor}/{sha256}")
        for name in sorted(self.names):
            self._remove_outputs(name)
            if name == self.video or self._quarantined(name):
                self._delete_all(f"quarantine/{name}.json")
        note_forgotten(self.store, self.names, self.sha256s)
        drop(self.store, {*self.objects, *copies})
        for index in self.indexes:
            if gone[index.extractor]:
                index.save({}, gone[index.extractor])

    def _copy(self, key: str) -> list[str]:
        """The object of another name and what stands beside it, if it still has the bytes."""
        try:
            if self._hash(key) not in self.sha256s:
                return []
        except ObjectNotFound:
            return []
        stem = PurePosixPath(key).with_suffix("")
        beside = [each.key for each in self.store.list(f"{stem}.") if _is_annotation(each.key)]
        return [key, *(each for each in beside if PurePosixPath(each).with_suffix("") == stem)]

    def _remove_outputs(self, name: str) -> None:
        for prefix in self._takes(name):
            for take in list(self.store.folders(prefix)):
                if name == self.video or self._is_of_these_bytes(f"{prefix}{take}/"):
                    self._delete_all(f"{prefix}{take}/")

    def _is_of_these_bytes(self, take: str) -> bool:
        records = [each.key for each in self.store.list(take) if each.key.endswith(".json")]
        return any(
            json.loads(self.store.get(key))["video"]["sha256"] in self.sha256s for key in records
        )

    def _quarantined(self, name: str) -> bool:
        try:
            return json.loads(self.store.get(f"quarantine/{name}.json"))["sha256"] in self.sha256s
        except ObjectNotFound:
            return False

    def _delete_all(self, prefix: str) -> None:
        # A take's record goes last: by it the rest is found again if this is stopped half way.
        for key in sorted(
            (each.key for each in self.store.list(prefix)), key=lambda key: key.endswith(".json")
        ):
            self._delete(key)

    def _delete(self, key: str) -> None:
        self.store.delete(key)
        self.deleted.append(key)

    def report(self) -> ForgetReport:
        """Everything that was made with the video and still stands."""
        origins = {run.name: run.read_json("model_params.json") or {} for run in runs(self.store)}
        made = {
            name
            for name, parameters in origins.items()
            if parameters.get("dataset") in self.versions
        }
        while more := {name for name, each in origins.items() if _source(each) in made} - made:
            made |= more
        outputs = [
            each.key
            for run in sorted(made)
            for each in self.store.list(f"outputs/{run}/")
            if each.key.endswith("_cgen_rd.json")
        ]
        return ForgetReport(
            self.video,
            tuple(sorted(self.sha256s)),
            tuple(self.deleted),
            tuple(self.versions),
            tuple(sorted(made)),
            tuple(outputs),
        )


def _source(parameters: Mapping[str, Any]) -> str | None:
    """The run that a run goes on from."""
    return (parameters.get("from") or {}).get("run")


def _is_annotation(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in ANNOTATIONS
