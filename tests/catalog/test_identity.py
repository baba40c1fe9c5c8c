"""Ids and titles: names of every kind, uniqueness, and stability."""

import hashlib
import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmt.catalog import identity
from vmt.catalog.identity import Identity, assign, identify, keys_of, local_name
from vmt.catalog.videos import candidates
from vmt.store import LocalStore
from vmt.store.protocol import check_key

ODD = [
    "Band – Song ｜ Official Video [dQw4w9WgXcQ]",
    "Where Are You？ [abcdefghijk]",
    "Song： Live",
    "Don’t Stop",
    "Hey Ya!",
    "Take #3",
    "take@2 50% = final~",
    "summer 🌊 2024",
    "-x9dQw4w9W",
    "Screen Recording 2024-07-11 at 1.08.45\u202fPM",
    unicodedata.normalize("NFD", "Über Ängste é"),
    "हिन्दी गाना",
    "音" * 80,
    "🎬🎬🎬",
    "..",
    "a..b",
    "x" * 200,
]


@pytest.mark.parametrize("name", ODD)
def test_any_name_gets_a_safe_id_and_keeps_its_title(tmp_path: Path, name: str) -> None:
    store = LocalStore(tmp_path)
    made = identify(store, f"videos/{name}.mp4")
    assert identity.is_safe(made.id)
    assert made.id.endswith(hashlib.sha256(f"videos/{name}.mp4".encode()).hexdigest()[:8])
    assert made.title == unicodedata.normalize("NFC", name)
    check_key(f"outputs/run/epoch_0001/{made.id}/take/{made.id}_cgen_rd_stem-12-electric.flac")
    assert identify(store, f"videos/{name}.mp4") == made


@pytest.mark.parametrize(
    "name",
    ["015", "صيف ٢٠٢٤", "My clip (2024), part-1.final", "音楽", "Crème brûlée", "a_b+c&d'e[f]"],
)
def test_a_safe_name_stays(tmp_path: Path, name: str) -> None:
    assert identify(LocalStore(tmp_path), f"videos/{name}.MP4") == Identity(name, name)


def test_two_videos_never_share_an_id(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = ["videos/day1/GX010001.MP4", "videos/day2/GX010001.MP4", "inbox/gx010001.mov"]
    ids = [assign(store, keys)[key].id for key in keys]
    assert "GX010001" in ids or "gx010001" in ids
    assert len({name.casefold() for name in ids}) == 3
    assert {made.title for made in assign(store, keys).values()} == {"GX010001", "gx010001"}


def test_ids_stay_when_the_listing_changes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert identify(store, "videos/b/clip.mp4").id == "clip"
    both = assign(store, ["videos/a/clip.mp4", "videos/b/clip.mp4"])
    assert both["videos/b/clip.mp4"].id == "clip"
    assert assign(store, ["videos/a/clip.mp4"])["videos/a/clip.mp4"] == both["videos/a/clip.mp4"]


def test_an_existing_store_keeps_its_ids(tmp_path: Path) -> None:
    """Two videos of one id are not parted: outputs and datasets name them so."""
    store = LocalStore(tmp_path)
    entries = {key: {"id": "clip"} for key in ("videos/a/clip.mp4", "videos/b/clip.mp4")}
    store.put("index/ingest/some-extractor.json", json.dumps(entries).encode())
    store.put("index/inbox.json", json.dumps({"inbox/clip.mp4": {"state": "made"}}).encode())
    assert {made.id for made in assign(store, [*entries, "inbox/clip.mp4"]).values()} == {"clip"}
    assert identify(store, "inbox/new/clip.mp4").id != "clip"


def test_two_writers_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one takes the name between this one's reading and writing."""
    store, other = LocalStore(tmp_path), LocalStore(tmp_path)
    read = identity._read
    seen: list[int] = []

    def raced(where: LocalStore) -> object:
        known = read(where)
        if not seen:
            seen.append(1)
            identify(other, "inbox/clip.mp4")
        return known

    monkeypatch.setattr(identity, "_read", raced)
    assert identify(store, "videos/clip.mp4").id.startswith("clip-")
    assert identify(store, "inbox/clip.mp4").id == "clip"


def test_looking_changes_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert assign(store, ["videos/a.mp4"], remember=False)["videos/a.mp4"].id == "a"
    assert list(store.list("")) == []


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\x00"), min_size=1, max_size=90))
def test_every_name_of_a_file_system(name: str) -> None:
    made = identity.slug(name, "0123456789abcdef")
    assert identity.is_safe(made)
    stored = local_name(f"{name}.mp4", "0123456789abcdef")
    check_key(f"inbox/{stored}")


def test_what_lies_beside_videos_is_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    names = [".DS_Store", "._clip.mp4", "Thumbs.db", "clip.srt", "clip.jpg", "clip.description"]
    names += ["other.mp4.part", "clip.en.vtt", "clip.info.json", "desktop.ini", "clip.webp"]
    names += [
        ".hidden/a.mp4",
        "@eaDir/clip.mp4/SYNO.jpg",
        "__MACOSX/a.mp4",
        "GX01.THM",
        "clip.wav",
        "clip.txt",
    ]
    for name in [*names, "clip.mp4", "clip.lab", "what.xyz", "no-ending"]:
        store.put(f"videos/{name}", b"x")
    found = candidates(store.list("videos/"))
    # What nobody knows is looked at, and refused with its reason.
    assert {video.key for video in found} == {
        "videos/clip.mp4",
        "videos/no-ending",
        "videos/what.xyz",
    }
    (clip,) = [video for video in found if video.key == "videos/clip.mp4"]
    assert clip.annotations == ("videos/clip.lab",)


def test_annotations_pair_by_stem_within_a_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in ("a/Hey Ya!.mp4", "a/Hey Ya!.lab", "b/Hey Ya!.mp4", "b/Hey Ya!.mid"):
        store.put(f"videos/{name}", b"x")
    paired = {video.key: video.annotations for video in candidates(store.list("videos/"))}
    assert paired == {
        "videos/a/Hey Ya!.mp4": ("videos/a/Hey Ya!.lab",),
        "videos/b/Hey Ya!.mp4": ("videos/b/Hey Ya!.mid",),
    }
    keys = [info.key for info in store.list("videos/")]
    made = identify(store, "videos/a/Hey Ya!.mp4")
    assert keys_of(store, made.id, keys) == {"videos/a/Hey Ya!.mp4", "videos/a/Hey Ya!.lab"}


def test_a_name_that_is_no_text_is_shown_and_refused(tmp_path: Path) -> None:
    key = f"videos/{os.fsdecode(b'caf' + bytes([0xE9]))}.mp4"
    with pytest.raises(identity.MediaError, match=r"caf\\xe9\.mp4: its name is not UTF-8; rename"):
        identity.check_key(key)
    made = identify(LocalStore(tmp_path), key)
    assert identity.is_safe(made.id)
    made.title.encode()
