"""Freeze what was ingested, or a published dataset, as an immutable version."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from vmt import chords
from vmt.catalog import datasets, documents, keys
from vmt.catalog.datasets import COLUMNS
from vmt.catalog.page_index_writers import note_version
from vmt.catalog.records import encode
from vmt.catalog.records.datasets import DatasetInfo, ImportReport
from vmt.catalog.records.videos import IngestEntry
from vmt.catalog.rights import refuse_without_rights
from vmt.catalog.runs import now
from vmt.catalog.takedowns import Forgotten
from vmt.catalog.videos import VideoIndex
from vmt.dataset import muvi_sync
from vmt.dataset.songs import CHORD_LABELS
from vmt.dataset.splits import SPLIT_BY, Split, SplitBy, assign, deciding_hashes
from vmt.errors import DatasetError
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.store import ObjectStore


def freeze(
    store: ObjectStore,
    extractor: str,
    *,
    name: str = "main",
    chord_labels: int = 157,
    min_validation: int = 1,
    min_test: int = 1,
    split_by: SplitBy = SPLIT_BY,
    require_rights: bool = False,
    on_event: OnEvent = ignore,
) -> str:
    """Make the next version of dataset `name` from the ingested videos; the newest one is returned
    where nothing changed.

    Args:
        store: the store.
        extractor: whose features make it up.
        name: of the dataset.
        chord_labels: 25 or 157.
        min_validation: at least so many videos validate, as long as one is left to train.
        min_test: at least so many are held out.
        split_by: what decides the side of a new video, its bytes or its id.
        require_rights: refuse videos without a `<id>.json` that gives source, licence and consent.
        on_event: is told of a new version.

    Returns:
        The version, such as `main@v0002`.

    Raises:
        DatasetError: if nothing was ingested, or rights are required and a video is without.
    """
    contents = _ingested(store, extractor, name, require_rights)
    previous = _newest(store, name)
    sides: dict[str, Split] = (
        dict(zip(previous.manifest["sha256"], previous.manifest["split"], strict=True))
        if previous
        else {}
    )
    sha256s = list(contents.manifest["sha256"])
    deciding = deciding_hashes(contents.manifest["id"], sha256s, split_by)
    sides = assign(sides, deciding, min_validation=min_validation, min_test=min_test)
    contents.manifest["split"] = [sides[sha256] for sha256 in sha256s]
    return _publish(store, name, chord_labels, extractor, contents, previous, on_event)


@dataclass(frozen=True)
class _Contents:
    """What makes up a version: its rows, not all columns of which may be there yet, and seconds of
    each chord.
    """

    manifest: pd.DataFrame
    chords: Counter[str]
    untrained: bool
    d_semantic: int

    @classmethod
    def of(cls, entries: Mapping[str, IngestEntry]) -> "_Contents":
        """Rows by id; column by column, because a dictionary for each of 100,000 rows takes three
        times the memory.
        """
        places = sorted(entries, key=lambda key: (entries[key].id, key))
        columns = {
            column: [getattr(entries[key], column) for key in places]
            for column in COLUMNS
            if column not in ("key", "split")
        }
        counts: Counter[str] = Counter()
        for entry in entries.values():
            counts.update(entry.chords or {})
        return cls(
            pd.DataFrame({"key": places, **columns}),
            counts,
            any(entry.untrained for entry in entries.values()),
            entries[places[0]].d_semantic or 0,
        )


def _ingested(store: ObjectStore, extractor: str, name: str, require_rights: bool) -> _Contents:
    """What can be frozen; the index itself, the largest thing in memory, is let go of here."""
    forgotten = Forgotten.load(store)
    entries = {
        key: entry
        for key, entry in VideoIndex.load(store, extractor).entries.items()
        if not entry.refused and not forgotten.has(entry.id, entry.sha256)
    }
    if not entries:
        raise DatasetError(
            f"dataset {name}: no video was ingested with extractor {extractor}; run `vmt "
            "ingest` first"
        )
    if require_rights:
        refuse_without_rights(name, entries)
    return _Contents.of(entries)


def _newest(store: ObjectStore, name: str) -> datasets.DatasetVersion | None:
    known = datasets.versions(store, name)
    return datasets.read(store, datasets.DatasetRef(name, known[-1])) if known else None


def _publish(
    store: ObjectStore,
    name: str,
    chord_labels: int,
    extractor: str,
    contents: _Contents,
    previous: datasets.DatasetVersion | None,
    on_event: OnEvent,
) -> str:
    if chord_labels not in CHORD_LABELS:
        raise DatasetError(f"a dataset has 25 or 157 chord labels, not {chord_labels}")
    manifest = contents.manifest[list(COLUMNS)]
    same = (
        previous is not None
        and previous.chord_labels == chord_labels
        and previous.info.extractor == extractor
    )
    if previous is not None and same and manifest.equals(previous.manifest):
        return str(previous.ref)
    counts = _reduced(contents.chords) if chord_labels == 25 else contents.chords
    info = DatasetInfo(
        name,
        version=0,  # `publish` numbers it
        chord_labels=chord_labels,
        extractor=extractor,
        untrained=contents.untrained,
        d_semantic=contents.d_semantic,
        created_at=now(),
    )
    described = datasets.describe(
        info, manifest, counts, previous.manifest if previous is not None else None
    )
    ref = datasets.publish(store, name, manifest, described)
    info = replace(described, version=ref.version)
    note_version(store, info)
    on_event(
        "vmt.dataset.frozen",
        {
            "dataset": info.ref,
            "videos": info.videos,
            "splits": info.splits,
            "changes": encode(info.changes),
        },
    )
    return info.ref


def _reduced(counts: Counter[str]) -> Counter[str]:
    reduced: Counter[str] = Counter()
    for label, seconds in counts.items():
        reduced[chords.label(int(chords.REDUCE_25[chords.token(label)]))] += seconds
    return reduced


def import_muvi_sync(
    store: ObjectStore,
    folder: Path,
    *,
    name: str = "muvi-sync",
    chord_labels: int = 157,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> ImportReport:
    """Make a dataset version of MuVi-Sync's published features with its published splits; no video
    is needed.

    Songs with a missing or damaged file are left out and reported.

    Args:
        store: the store.
        folder: the one that holds `vevo_chord`, `vevo_meta` and the others.
        name: of the dataset.
        chord_labels: 25 or 157.
        map: spreads the songs over workers.
        on_event: is told of a new version.

    Raises:
        DatasetError: if `folder` is not MuVi-Sync's, or no song of it can be read.
    """
    sides = muvi_sync.split_lists(folder)
    songs = sorted(sides)
    read: dict[str, IngestEntry] = {}
    problems: list[str] = []
    warnings = [
        f"song {song}: in several splits; it is {sides[song]} now"
        for song in muvi_sync.repeated_songs(folder)
    ]
    for song, outcome in zip(songs, map(_SongImporter(store, folder), songs), strict=True):
        if isinstance(outcome, str):
            problems.append(outcome)
        else:
            read[song], told = outcome
            warnings += told
    problems += _other_widths(read)
    if not read:
        raise DatasetError(
            f"{folder}: none of its {len(songs)} songs can be read; the first: {problems[0]}"
        )
    contents = _Contents.of(read)
    contents.manifest["split"] = [sides[song] for song in contents.manifest["id"]]
    contents.manifest["key"] = ""  # there are no videos
    ref = _publish(
        store, name, chord_labels, muvi_sync.EXTRACTOR, contents, _newest(store, name), on_event
    )
    song_keys = {entry.song_key for entry in read.values()}
    if len(song_keys) == 1 and len(read) > 2:
        warnings.append(
            f"all songs: key: {_spelled(song_keys.pop())}, so that nothing is learned of keys; "
            "is that so?"
        )
    report = ImportReport(ref, len(read), tuple(problems), tuple(warnings), folder.name)
    published = datasets.resolve(store, ref)
    documents.write(store, keys.import_report(published.name, published.version), report)
    return report


def _spelled(song_key: str | None) -> str:
    return chords.spell(song_key) if song_key else "none"


def _other_widths(read: dict[str, IngestEntry]) -> list[str]:
    """Take songs out whose semantic features are of another width than those of most songs."""
    widths = Counter(entry.d_semantic for entry in read.values())
    if len(widths) < 2:
        return []
    (width, most), (_, second) = widths.most_common(2)
    if most == second:
        raise DatasetError(
            f"songs: semantic: widths {', '.join(map(str, sorted(w or 0 for w in widths)))} are "
            "mixed; import features of one CLIP model"
        )
    odd = [name for name, entry in read.items() if entry.d_semantic != width]
    return [
        f"song {name}: semantic: {read.pop(name).d_semantic} columns, and other songs have {width}"
        for name in odd
    ]


@dataclass(frozen=True)
class _SongImporter:
    store: ObjectStore
    folder: Path

    def __call__(self, song: str) -> tuple[IngestEntry, tuple[str, ...]] | str:
        """The song's entry, its features written; or what is wrong with it."""
        missing = muvi_sync.missing_files(self.folder, song)
        if missing:
            return f"song {song}: no {', '.join(missing)}"
        try:
            features = muvi_sync.read_song(self.folder, song)
        except DatasetError as error:
            return str(error)
        key = keys.features(muvi_sync.EXTRACTOR, features.source_sha256)
        self.store.put(key, features.to_bytes())
        entry = IngestEntry("", song, features.source_sha256)
        warnings = muvi_sync.song_warnings(features, song)
        return datasets.with_features(entry, key, features), warnings
