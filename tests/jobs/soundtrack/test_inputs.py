"""Lists of videos, curves of emotion and records that people bring."""

from pathlib import Path

import pandas as pd
import pytest

from vmt.arrange.config import GenerateConfig
from vmt.errors import GenerationError
from vmt.jobs.soundtrack.inputs import (
    listed_videos,
    manifest_videos,
    read_emotions,
    read_hits,
    read_record,
    videos_under,
)
from vmt.store import LocalStore

GOLDEN = Path(__file__).parents[2] / "catalog" / "golden" / "v0.1.0"


def test_a_list_names_files_and_keys(tmp_path: Path) -> None:
    here = tmp_path / "a.mp4"
    here.write_bytes(b"x")
    names = tmp_path / "list.txt"
    names.write_text(f"# two of them\n{here}\n\n inbox/b.mp4 \n")
    assert listed_videos(names) == [here, "inbox/b.mp4"]
    names.write_text("# none\n")
    with pytest.raises(GenerationError, match="names no video"):
        listed_videos(names)
    with pytest.raises(GenerationError, match="cannot be read"):
        listed_videos(tmp_path / "gone.txt")


def test_a_prefix_finds_videos_and_not_their_annotations(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in ("a.mp4", "a.lab", "a.mid", "b.webm"):
        store.put(f"inbox/{name}", b"x")
    assert videos_under(store, "inbox/") == ["inbox/a.mp4", "inbox/b.webm"]
    with pytest.raises(GenerationError, match="no video under other/"):
        videos_under(store, "other/")


def test_a_manifest_in_the_store_names_keys(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    table = pd.DataFrame({"id": ["a", "b", "song"], "key": ["videos/a.mp4", "videos/b.webm", ""]})
    store.put("datasets/main/v0001/manifest.parquet", table.to_parquet())
    store.put("lists/some.csv", table.to_csv(index=False).encode())
    store.put("lists/some.txt", b"# two of them\nvideos/a.mp4\n\n videos/b.webm\n")
    for key in ("datasets/main/v0001/manifest.parquet", "lists/some.csv", "lists/some.txt"):
        assert manifest_videos(store, key) == ["videos/a.mp4", "videos/b.webm"], key


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.parquet",
            pd.DataFrame({"id": ["a"]}).to_parquet(),
            "lists/a.parquet: has no column 'key'",
        ),
        ("a.parquet", b"PAR1", "lists/a.parquet: cannot be read"),
        ("a.csv", b"id\na\n", "has no column 'key'"),
        ("a.csv", b"", "cannot be read"),
        ("a.csv", b'key\n"a', "cannot be read"),
        ("a.csv", b"key\n", "names no video"),
        ("a.txt", b"# none\n", "names no video"),
        ("a.txt", b"\xff\xfe\xfd", "cannot be read"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    store = LocalStore(tmp_path)
    store.put(f"lists/{name}", data)
    with pytest.raises(GenerationError, match=message):
        manifest_videos(store, f"lists/{name}")


def test_curves_of_names_and_of_shares(tmp_path: Path) -> None:
    path = tmp_path / "mood.csv"
    path.write_text("emotion\nsad\ntense\n")
    assert read_emotions(path) == ((0, 0, 0, 1, 0, 0), (0, 0, 1, 0, 0, 0))
    path.write_text("neutral,relaxing,sad,tense,fearful,exciting\n1,0,0,0,0,3\n")
    assert read_emotions(path) == ((0.75, 0, 0, 0, 0, 0.25),)
    GenerateConfig(emotion_curve=read_emotions(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line must be 'emotion'"),
        ("sad,tense\n1,0\n", "its first line must be 'emotion'"),
        ("emotion\n", "no row under its first line"),
        ("emotion\nbored\n", "line 2: 'bored' must be one of exciting, fearful"),
        (
            "exciting,fearful,tense,sad,relaxing,neutral\n1,0,0\n",
            "line 2: '1,0,0' must be 6 numbers",
        ),
        (
            "exciting,fearful,tense,sad,relaxing,neutral\n0,0,0,0,0,0\n",
            "must be shares of 0 and more",
        ),
        (
            "exciting,fearful,tense,sad,relaxing,neutral\n2,-1,0,0,0,0\n",
            "must be shares of 0 and more",
        ),
    ],
)
def test_a_bad_curve_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mood.csv"
    path.write_text(text)
    with pytest.raises(GenerationError, match=message):
        read_emotions(path)


def test_a_record_is_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, message in (
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ('{"take": "a"}', "has no 'video'.*give an <id>_cgen_rd.json"),
    ):
        path.write_text(text)
        with pytest.raises(GenerationError, match=message):
            read_record(path)
    golden = next(GOLDEN.rglob("*_cgen_rd.json"))
    assert read_record(golden).video.id in golden.name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"emotion": "bored"},
            "emotion 'bored' must be one of exciting, fearful, tense, sad, relaxing, neutral",
        ),
        (
            {"emotion": "sad", "emotion_curve": ((1.0, 0.0, 0.0, 0.0, 0.0, 0.0),)},
            "exclude each other",
        ),
        ({"emotion_curve": ((0.5, 0.0, 0.0, 0.0, 0.0, 0.0),)}, "second 0: .* that sum to 1"),
        ({"original_sound": "keep"}, "original_sound 'keep' must be one of replace, mix, duck"),
        ({"bits": 8}, "bits 8 must be 16 or 24"),
        ({"density_scale": -1.0}, r"density_scale -1\.0 must be 0 to 10"),
        ({"lufs": 0.0}, r"lufs 0\.0 must be -40 to -5"),
        ({"accents": 2.0}, r"accents 2\.0 must be 0 to 1"),
    ],
)
def test_bad_settings_are_refused_with_what_is_allowed(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(GenerationError, match=message):
        GenerateConfig(**settings)  # type: ignore[arg-type]


def test_points_are_read_in_seconds_and_minutes(tmp_path: Path) -> None:
    path = tmp_path / "hits.csv"
    path.write_text("Time, kind\n1:05.48,hit\n12.5,Section\n\n30,stop\n")
    assert read_hits(path) == ((12.5, "section"), (30.0, "stop"), (65.48, "hit"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time\n3\n", "its first line must be 'time,kind'"),
        ("time,kind\n3,boom\n", "line 2: kind 'boom' must be one of hit, section, stop"),
        ("time,kind\nsoon,hit\n", "line 2: time 'soon' must be seconds or minutes:seconds"),
        ("time,kind\n-1,hit\n", "line 2: time '-1' must be 0 or more"),
        ("time,kind\n", "no point under its first line"),
    ],
)
def test_wrong_points_are_refused_with_their_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "hits.csv"
    path.write_text(text)
    with pytest.raises(GenerationError, match=message):
        read_hits(path)
