"""Bringing a folder of videos to the store."""

from pathlib import Path

import pytest

from tests.clips import Clips
from vmt.errors import DatasetError
from vmt.jobs.ingest.upload import upload_folder
from vmt.store import LocalStore


def test_videos_come_with_what_stands_beside_them(tmp_path: Path, clips: Clips) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "one.mp4").write_bytes(clips.get("mp4-h264-aac").read_bytes())
    (folder / "one.lab").write_text("0 2 C\n")
    (folder / "notes.txt").write_text("not a video")
    store = LocalStore(tmp_path / "store")
    keys, failures = upload_folder(store, folder)
    assert keys == ["videos/one.mp4"]
    assert store.get("videos/one.lab") == b"0 2 C\n"
    assert [Path(each.key).name for each in failures] == ["notes.txt"]


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_a_folder_without_videos_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=f"{name}: no (such folder|video in it)"):
        upload_folder(LocalStore(tmp_path / "store"), tmp_path / name)
