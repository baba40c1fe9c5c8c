"""Versions in a store: immutable, numbered, readable by pandas alone."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from vmt.catalog import datasets, keys
from vmt.catalog.records.datasets import DatasetInfo
from vmt.errors import DatasetError
from vmt.store import LocalStore

INFO = DatasetInfo("", 0, 25, "x")


def manifest(*ids: str) -> pd.DataFrame:
    rows = [
        {
            "id": each,
            "key": f"videos/{each}.mp4",
            "sha256": each * 64,
            "split": "train",
            "seconds": 3,
            "duration_s": 2.5,
            "features_key": f"features/x/{each}.safetensors",
            "song_key": "C major",
            "emotion": "sad",
            "rights": "",
        }
        for each in ids
    ]
    return pd.DataFrame(rows)


def test_numbers_rise_and_nothing_is_overwritten(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = datasets.publish(store, "main", manifest("a"), INFO)
    second = datasets.publish(store, "main", manifest("a", "b"), INFO)
    assert (str(first), str(second)) == ("main@v0001", "main@v0002")
    assert datasets.versions(store, "main") == [1, 2]
    assert list(datasets.read(store, first).manifest["id"]) == ["a"]
    table = pd.read_parquet(io.BytesIO(store.get("datasets/main/v0002/manifest.parquet")))
    assert list(table.columns) == list(datasets.COLUMNS)


def test_writers_at_once_get_a_version_each(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        refs = list(
            pool.map(lambda _: datasets.publish(store, "main", manifest("a"), INFO), range(8))
        )
    assert sorted(ref.version for ref in refs) == list(range(1, 9))


def test_a_killed_writers_manifest_is_no_version(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("datasets/main/v0001/manifest.parquet", b"half")
    assert datasets.versions(store, "main") == []
    assert str(datasets.publish(store, "main", manifest("a"), INFO)) == "main@v0002"


def test_names(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(
        DatasetError, match="dataset main: not in the store; run `vmt dataset freeze`"
    ):
        datasets.resolve(store, "main")
    datasets.publish(store, "main", manifest("a"), INFO)
    datasets.publish(store, "main", manifest("a"), INFO)
    assert datasets.resolve(store, "main").version == 2
    assert datasets.resolve(store, "main@v1") == datasets.resolve(store, "main@v0001")
    with pytest.raises(DatasetError, match="dataset main has no version 7; it has v0001, v0002"):
        datasets.resolve(store, "main@v7")
    with pytest.raises(DatasetError, match="is not a name"):
        datasets.resolve(store, "main@newest")


def test_features_that_are_gone_are_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ref = datasets.publish(store, "main", manifest("a"), INFO)
    with pytest.raises(DatasetError, match="features of video a are gone"):
        datasets.load_songs(store, datasets.read(store, ref))


def test_versions_are_listed_and_compared(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old, new = manifest("a", "b", "c"), manifest("b", "c", "d")
    new.loc[new["id"] == "b", ["song_key", "rights"]] = ["D minor", '{"licence": "CC0"}']
    new.loc[new["id"] == "c", ["id", "key"]] = ["moved", "videos/moved.mp4"]
    refs = [datasets.publish(store, "main", each, INFO) for each in (old, new)]
    assert [(each.name, each.version) for each in datasets.published(store)] == [
        ("main", 1),
        ("main", 2),
    ]
    found = datasets.difference(*(datasets.read(store, each) for each in refs))
    assert (found.old, found.new, found.videos, found.seconds) == (
        "main@v0001",
        "main@v0002",
        (3, 3),
        (9, 9),
    )
    assert (found.added, found.removed, found.renamed) == (("d",), ("a",), {"c": "moved"})
    assert found.changed == {"b": ("song_key", "rights")}


def test_a_version_of_before_rights_were_kept_reads_as_one_without(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ref = datasets.publish(store, "main", manifest("a"), INFO)
    table = io.BytesIO()
    manifest("a").drop(columns="rights").to_parquet(table, index=False)
    store.put(keys.manifest(ref.name, ref.version), table.getvalue())
    assert datasets.read(store, ref).manifest.equals(manifest("a"))
