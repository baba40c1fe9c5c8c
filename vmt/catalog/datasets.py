"""Dataset versions: immutable manifests in the store.

`datasets/<name>/v0001/manifest.parquet` has one row a video, its `rights` a JSON text (empty where
none are known); `dataset.json` beside it describes the version and, written last and only once,
publishes it.
"""

import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from vmt import chords
from vmt.catalog import documents, keys
from vmt.catalog.records.datasets import DatasetChanges, DatasetInfo
from vmt.catalog.records.videos import IngestEntry
from vmt.dataset.songs import Song, song
from vmt.dataset.splits import SPLITS, Split
from vmt.errors import DatasetError, ObjectNotFound
from vmt.features.record import Features
from vmt.store import ObjectStore


@dataclass(frozen=True)
class ManifestRow:
    """One video of a version: a row of `manifest.parquet`.

    Attributes:
        id: its file's name without the ending.
        key: of the video; empty where a published dataset has no videos.
        sha256: of its bytes.
        split: `train`, `validation` or `test`.
        seconds: of its features.
        duration_s: of the video.
        features_key: where its features are.
        song_key: such as `C major`.
        emotion: its strongest emotion.
        rights: its `Rights` as JSON text; empty without.
    """

    id: str
    key: str
    sha256: str
    split: str
    seconds: int
    duration_s: float
    features_key: str
    song_key: str | None
    emotion: str
    rights: str


COLUMNS = tuple(field.name for field in fields(ManifestRow))


@dataclass(frozen=True)
class DatasetRef:
    """The name of one version, written `main@v0003`."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@v{self.version:04d}"


@dataclass(frozen=True)
class Difference:
    """What came, went and changed from one version to a later one, by id; `changed` names the
    columns.
    """

    old: str
    new: str
    videos: tuple[int, int]
    seconds: tuple[int, int]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: dict[str, str]
    changed: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class DatasetVersion:
    """One published version: `manifest` has `COLUMNS`, `info` is dataset.json."""

    ref: DatasetRef
    manifest: pd.DataFrame
    info: DatasetInfo

    @property
    def chord_labels(self) -> int:
        """25 or 157."""
        return self.info.chord_labels

    def rows(self, splits: Sequence[str] = SPLITS) -> list[ManifestRow]:
        """The videos of these sides, by id."""
        rows = self.manifest[self.manifest["split"].isin(splits)].sort_values("id")
        return _rows(rows)


def _rows(manifest: pd.DataFrame) -> list[ManifestRow]:
    columns = [manifest[name].astype(object).tolist() for name in COLUMNS]
    return [ManifestRow(*values) for values in zip(*columns, strict=True)]


def row(entry: IngestEntry, key: str, split: Split) -> ManifestRow:
    """A manifest's row of one ingested video.

    Args:
        entry: of the video, which has features.
        key: of the video.
        split: its side.
    """
    own = {name: getattr(entry, name) for name in COLUMNS if name not in ("key", "split")}
    return ManifestRow(key=key, split=split, **own)


def with_features(entry: IngestEntry, features_key: str, features: Features) -> IngestEntry:
    """The entry of a video whose features are there, with what freezing needs to know of them.

    Args:
        entry: with stamp, id, bytes and rights.
        features_key: where the features are.
        features: of the video.
    """
    return replace(
        entry,
        features_key=features_key,
        seconds=features.seconds,
        duration_s=features.duration_s,
        song_key=str(features.key) if features.key else None,
        emotion=chords.EMOTIONS[int(features.emotion.mean(0).argmax())],
        chords=dict(Counter(features.chord or ())),
        untrained=features.untrained,
        d_semantic=features.semantic.shape[1],
    )


def describe(
    info: DatasetInfo,
    manifest: pd.DataFrame,
    chord_counts: Mapping[str, int],
    previous: pd.DataFrame | None,
) -> DatasetInfo:
    """A description with what follows from the manifest: counts, histograms, and what changed since
    the version before.

    Args:
        info: the description so far.
        manifest: with `COLUMNS`.
        chord_counts: seconds of each chord.
        previous: the manifest of the version before.
    """
    before = previous if previous is not None else manifest.iloc[:0]
    added = manifest.loc[~manifest["sha256"].isin(before["sha256"]), "id"]
    removed = before.loc[~before["sha256"].isin(manifest["sha256"]), "id"]
    return replace(
        info,
        videos=len(manifest),
        seconds=int(manifest["seconds"].sum()),
        splits={side: int((manifest["split"] == side).sum()) for side in SPLITS},
        keys=dict(Counter(manifest["song_key"]).most_common()),
        chords=dict(Counter(chord_counts).most_common()),
        emotions=dict(Counter(manifest["emotion"]).most_common()),
        changes=DatasetChanges(tuple(sorted(added)), tuple(sorted(removed))),
    )


def versions(store: ObjectStore, name: str) -> list[int]:
    """Numbers of the published versions of `name`, rising."""
    return sorted(
        version
        for version in _taken(store, name)
        if store.head(keys.dataset_info(name, version)) is not None
    )


def _taken(store: ObjectStore, name: str) -> list[int]:
    """Numbers that are taken, published or not."""
    numbers = (keys.parse_version(folder) for folder in store.folders(keys.dataset_folder(name)))
    return [number for number in numbers if number is not None]


def published(store: ObjectStore) -> list[DatasetInfo]:
    """The description of every version of every dataset, by name and number."""
    read = (
        documents.read(store, keys.dataset_info(name, version), DatasetInfo)
        for name in sorted(store.folders(keys.DATASETS))
        for version in versions(store, name)
    )
    return [info for info in read if info is not None]


def resolve(store: ObjectStore, text: str) -> DatasetRef:
    """The version that `main` (its newest) or `main@v3` names.

    Raises:
        DatasetError: if there is none.
    """
    match = re.fullmatch(r"(?P<name>[\w.-]+?)(@v?(?P<version>\d+))?", text)
    if match is None:
        raise DatasetError(f"dataset {text!r} is not a name; write one like main or main@v0003")
    known = versions(store, match["name"])
    if not known:
        raise DatasetError(
            f"dataset {match['name']}: not in the store; run `vmt dataset freeze` or `vmt "
            "import muvi-sync` first"
        )
    version = int(match["version"]) if match["version"] else known[-1]
    if version not in known:
        raise DatasetError(
            f"dataset {match['name']} has no version {version}; it has "
            f"{', '.join(f'v{number:04d}' for number in known)}"
        )
    return DatasetRef(match["name"], version)


def read(store: ObjectStore, ref: DatasetRef) -> DatasetVersion:
    """A published version.

    Raises:
        DatasetError: if it is not in the store.
    """
    try:
        data = store.get(keys.manifest(ref.name, ref.version))
    except ObjectNotFound as error:
        raise DatasetError(f"dataset {ref} is not in the store: {error}") from error
    manifest = pd.read_parquet(io.BytesIO(data))
    info = documents.read(store, keys.dataset_info(ref.name, ref.version), DatasetInfo)
    if info is None:
        raise DatasetError(f"dataset {ref} is not in the store: it was never published")
    if "rights" not in manifest:  # versions of before rights were kept
        manifest["rights"] = ""
    return DatasetVersion(ref, manifest, info)


def _by_place(version: DatasetVersion) -> dict[str, ManifestRow]:
    """Rows by the video's key; by its id where a published dataset has no videos."""
    return {row.key or row.id: row for row in _rows(version.manifest)}


def difference(old: DatasetVersion, new: DatasetVersion) -> Difference:
    """Compare two versions: the same key is the same video, and the same bytes under another key
    are renamed.
    """
    before, after = _by_place(old), _by_place(new)
    gone = {row.sha256: row.id for place, row in before.items() if place not in after}
    came = {row.sha256: row.id for place, row in after.items() if place not in before}
    changed = {
        row.id: columns
        for place, row in sorted(after.items())
        if place in before and (columns := _changed(before[place], row))
    }
    return Difference(
        str(old.ref),
        str(new.ref),
        (len(old.manifest), len(new.manifest)),
        (int(old.manifest["seconds"].sum()), int(new.manifest["seconds"].sum())),
        tuple(sorted(video for sha256, video in came.items() if sha256 not in gone)),
        tuple(sorted(video for sha256, video in gone.items() if sha256 not in came)),
        {gone[sha256]: came[sha256] for sha256 in gone if sha256 in came},
        changed,
    )


def _changed(old: ManifestRow, new: ManifestRow) -> tuple[str, ...]:
    return tuple(name for name in COLUMNS if getattr(old, name) != getattr(new, name))


def publish(store: ObjectStore, name: str, manifest: pd.DataFrame, info: DatasetInfo) -> DatasetRef:
    """Write the next version of `name`; two writers at once get two versions.

    A manifest that a killed writer left without its dataset.json is skipped over: its number stays
    empty.

    Args:
        store: the store.
        name: of the dataset.
        manifest: with `COLUMNS`.
        info: whose number is replaced.
    """
    table = io.BytesIO()
    manifest[list(COLUMNS)].to_parquet(table, index=False)
    first = max(_taken(store, name), default=0) + 1
    free = (keys.manifest(name, version) for version in itertools.count(first))
    version = first + documents.write_at_first_free(store, free, table.getvalue())
    numbered = replace(info, name=name, version=version)
    documents.write(store, keys.dataset_info(name, version), numbered, if_absent=True)
    return DatasetRef(name, version)


Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def load_songs(
    store: ObjectStore, version: DatasetVersion, map: Map = map, splits: Sequence[str] = SPLITS
) -> dict[str, list[Song]]:
    """Songs of a version by side, read from the store once and kept in memory (about 3 kB a second
    of music).

    Args:
        store: the store.
        version: of the dataset.
        map: applies a function to many items; one that uses threads reads faster.
        splits: the sides to read.

    Raises:
        DatasetError: if a features record is missing or damaged.
    """
    rows = version.rows(splits)

    def load(row: ManifestRow) -> Song:
        try:
            data = store.get(row.features_key)
        except ObjectNotFound as error:
            raise DatasetError(
                f"dataset {version.ref}: features of video {row.id} are gone ({error}); "
                "run `vmt ingest` again"
            ) from error
        return song(row.id, Features.from_bytes(data), version.chord_labels)

    songs: dict[str, list[Song]] = {side: [] for side in splits}
    for row, loaded in zip(rows, map(load, rows), strict=True):
        songs[row.split].append(loaded)
    return songs
