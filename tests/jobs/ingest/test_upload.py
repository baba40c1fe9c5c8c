"""Bringing a folder of videos to the store."""

import shutil
from pathlib import Path

import pytest

from tests.clips import Clips
from vmt.catalog.identity import identities
from vmt.errors import DatasetError
from vmt.jobs.ingest.upload import upload, upload_folder
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


def test_two_folders_with_one_file_name_become_two_videos(tmp_path: Path, clips: Clips) -> None:
    paths = []
    for day, clip in (("day1", "stereo"), ("day2", "mp4-h264-aac")):
        (tmp_path / day).mkdir()
        paths.append(tmp_path / day / "GX010001.mp4")
        shutil.copy(clips.get(clip), paths[-1])

    store = LocalStore(tmp_path / "store")
    uploaded, failures = upload(store, paths)
    assert failures == ()
    known = identities(store)
    assert len({known[key].id for key in uploaded}) == 2
    assert [known[key].title for key in uploaded] == ["GX010001", "GX010001"]
    for key, path in zip(uploaded, paths, strict=True):
        assert store.get(key) == path.read_bytes()
    assert upload(store, paths) == (uploaded, ()), "the same again adds nothing"
