"""Dataset versions: immutable manifests in the store.

`datasets/<name>/v0001/manifest.parquet` has one row a video, its `rights` a JSON text (empty where
none are known); `dataset.json` beside it describes the version and, written last and only once,
publishes it.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vmt import chords
from vmt.dataset.songs import Song, song
from vmt.dataset.splits import SPLITS, Split
from vmt.errors import DatasetError, ObjectNotFound, PreconditionFailed
from vmt.features.record import Features
from vmt.store import ObjectStore

COLUMNS = (
    "id",
    "key",
    "sha256",
    "split",
    "seconds",
    "duration_s",
    "features_key",
    "song_key",
    "emotion",
    "rights",
)


@dataclass(frozen=True)
class DatasetRef:
    """The name of one version, written `main@v0003`."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@v{self.version:04d}"

    @property
    def prefix(self) -> str:
        """Where its objects stand."""
        return f"datasets/{self.name}/v{self.version:04d}/"


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
    info: dict[str, Any]

    @property
    def chord_labels(self) -> int:
        """25 or 157."""
        return int(self.info["chord_labels"])


def summary(features: Features) -> dict[str, Any]:
    """What freezing needs to know of a video's features."""
    return {
        "seconds": features.seconds,
        "duration_s": features.duration_s,
        "song_key": str(features.key) if features.key else None,
        "emotion": chords.EMOTIONS[int(features.emotion.mean(0).argmax())],
        "chords": dict(Counter(features.chord or ())),
        "untrained": features.untrained,
        "d_semantic": features.semantic.shape[1],
    }


def row(
    video: str, key: str, features_key: str, split: Split, features: Features
) -> dict[str, Any]:
    """A manifest's row of one video."""
    named = {
        "id": video,
        "key": key,
        "sha256": features.source_sha256,
        "split": split,
        "features_key": features_key,
    }
    return {
        **named,
        "rights": "",
        **{column: each for column, each in summary(features).items() if column in COLUMNS},
    }


def describe(
    manifest: pd.DataFrame, chord_counts: Counter[str], previous: pd.DataFrame | None
) -> dict[str, Any]:
    """Counts, hours and histograms of a version, and what changed since the one before."""
    before = previous if previous is not None else manifest.iloc[:0]
    return {
        "videos": len(manifest),
        "seconds": int(manifest["seconds"].sum()),
        "splits": {side: int((manifest["split"] == side).sum()) for side in SPLITS},
        "keys": dict(Counter(manifest["song_key"]).most_common()),
        "chords": dict(chord_counts.most_common()),
        "emotions": dict(Counter(manifest["emotion"]).most_common()),
        "changes": {
            "added": sorted(manifest.loc[~manifest["sha256"].isin(before["sha256"]), "id"]),
            "removed": sorted(before.loc[~before["sha256"].isin(manifest["sha256"]), "id"]),
        },
    }


def versions(store: ObjectStore, name: str) -> list[int]:
    """Numbers of the published versions of `name`, rising."""
    found = []
    for folder in store.folders(f"datasets/{name}/"):
        if re.fullmatch(r"v\d{4}", folder) and store.head(f"datasets/{name}/{folder}/dataset.json"):
            found.append(int(folder[1:]))
    return sorted(found)


def published(store: ObjectStore) -> list[dict[str, Any]]:
    """dataset.json of every version of every dataset, by name and number."""
    return [
        json.loads(store.get(DatasetRef(name, version).prefix + "dataset.json"))
        for name in sorted(store.folders("datasets/"))
        for version in versions(store, name)
    ]


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
            f"{', '.join(f'v{each:04d}' for each in known)}"
        )
    return DatasetRef(match["name"], version)


def read(store: ObjectStore, ref: DatasetRef) -> DatasetVersion:
    """A published version.

    Raises:
        DatasetError: if it is not in the store.
    """
    try:
        manifest = pd.read_parquet(io.BytesIO(store.get(ref.prefix + "manifest.parquet")))
        info = json.loads(store.get(ref.prefix + "dataset.json"))
    except ObjectNotFound as error:
        raise DatasetError(f"dataset {ref} is not in the store: {error}") from error
    if "rights" not in manifest:  # versions of before rights were kept
        manifest["rights"] = ""
    return DatasetVersion(ref, manifest, info)


def _by_place(manifest: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Rows by the video's key; by its id where a published dataset has no videos."""
    rows: list[dict[str, Any]] = manifest[list(COLUMNS)].astype(object).to_dict("records")  # type: ignore[assignment]
    return {each["key"] or each["id"]: each for each in rows}


def difference(old: DatasetVersion, new: DatasetVersion) -> Difference:
    """Compare two versions: the same key is the same video, and the same bytes under another key
    are renamed.
    """
    before, after = _by_place(old.manifest), _by_place(new.manifest)
    gone = {each["sha256"]: each["id"] for place, each in before.items() if place not in after}
    came = {each["sha256"]: each["id"] for place, each in after.items() if place not in before}
    renamed = {gone[sha256]: came[sha256] for sha256 in gone if sha256 in came}
    changed = {
        each["id"]: columns
        for place, each in sorted(after.items())
        if place in before and (columns := tuple(c for c in COLUMNS if each[c] != before[place][c]))
    }
    return Difference(
        str(old.ref),
        str(new.ref),
        (len(old.manifest), len(new.manifest)),
        (int(old.manifest["seconds"].sum()), int(new.manifest["seconds"].sum())),
        tuple(sorted(each for sha256, each in came.items() if sha256 not in gone)),
        tuple(sorted(each for sha256, each in gone.items() if sha256 not in came)),
        renamed,
        changed,
    )


def publish(
    store: ObjectStore, name: str, manifest: pd.DataFrame, info: dict[str, Any]
) -> DatasetRef:
    """Write the next version of `name`; two writers at once get two versions.

    A manifest that a killed writer left without its dataset.json is skipped over: its number stays
    empty.
    """
    table = io.BytesIO()
    manifest[list(COLUMNS)].to_parquet(table, index=False)
    taken = [
        int(folder[1:])
        for folder in store.folders(f"datasets/{name}/")
        if re.fullmatch(r"v\d{4}", folder)
    ]
    version = max(taken, default=0) + 1
    while True:
        ref = DatasetRef(name, version)
        try:
            store.put(ref.prefix + "manifest.parquet", table.getvalue(), if_absent=True)
        except PreconditionFailed:
            version += 1
            continue
        described = {"name": name, "version": version, **info}
        store.put(
            ref.prefix + "dataset.json", json.dumps(described, indent=1).encode(), if_absent=True
        )
        return ref


Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def load_songs(
    store: ObjectStore, version: DatasetVersion, map: Map = map, splits: Sequence[str] = SPLITS
) -> dict[str, list[Song]]:
    """Songs of a version by side, read from the store once and kept in memory (about 3 kB a second
    of music).

    Raises:
        DatasetError: if a features record is missing or damaged.
    """
    rows = (
        version.manifest[version.manifest["split"].isin(splits)]
        .sort_values("id")
        .to_dict("records")
    )

    def load(entry: dict[str, Any]) -> Song:
        try:
            data = store.get(entry["features_key"])
        except ObjectNotFound as error:
            raise DatasetError(
                f"dataset {version.ref}: features of video {entry['id']} are gone ({error}); "
                "run `vmt ingest` again"
            ) from error
        return song(entry["id"], Features.from_bytes(data), version.chord_labels)

    songs: dict[str, list[Song]] = {side: [] for side in splits}
    for entry, loaded in zip(rows, map(load, rows), strict=True):
        songs[str(entry["split"])].append(loaded)
    return songs
