import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vmt import chords, media
from vmt.errors import VmtError
from vmt.features.frames import CutFinder, grid_length
from vmt.store import open_store
from vmt.synthetic import compose, make_corpus, make_video, record, truth
from vmt.synthetic.film import FPS


@pytest.fixture(scope="module")
def corpus(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, tuple[str, ...], list[Mapping[str, Any]]]:
    folder = tmp_path_factory.mktemp("corpus")
    events: list[Mapping[str, Any]] = []
    ids = make_corpus(
        open_store(str(folder / "store")),
        folder / "truth",
        videos=1,
        on_event=lambda name, payload: events.append({"name": name, **payload}),
    )
    return folder, ids, events


def test_videos_are_h264_and_aac_as_long_as_their_songs(
    corpus: tuple[Path, tuple[str, ...], list[Mapping[str, Any]]],
) -> None:
    folder, ids, events = corpus
    assert ids == ("demo0-00-exciting",)
    assert events == [
        {"name": "vmt.demo.made", "id": name, "made": made, "videos": 1}
        for made, name in enumerate(ids, start=1)
    ]
    for index, name in enumerate(ids):
        info = media.probe(folder / "store" / "videos" / f"{name}.mp4")
        assert (info.video_codec, info.audio_codec, info.width, info.height, info.fps) == (
            "h264",
            "aac",
            640,
            360,
            25,
        )
        assert info.duration_s == pytest.approx(compose(index, 0).duration_s, abs=1e-3)


def test_cuts_are_found_where_they_are(
    corpus: tuple[Path, tuple[str, ...], list[Mapping[str, Any]]],
) -> None:
    folder, ids, _ = corpus
    for name in ids:
        known = json.loads((folder / "truth" / f"{name}.json").read_text())
        finder = CutFinder()
        for frame in media.frames(folder / "store" / "videos" / f"{name}.mp4"):
            finder.see(frame)
        assert {round(cut * FPS) for cut in known["cuts_s"]} <= {
            round(cut * FPS) for cut in finder.cuts_s
        }


def test_truth_says_what_is_known_of_every_second(
    corpus: tuple[Path, tuple[str, ...], list[Mapping[str, Any]]],
) -> None:
    folder, ids, _ = corpus
    for index, name in enumerate(ids):
        known = json.loads((folder / "truth" / f"{name}.json").read_text())
        assert known == json.loads(json.dumps(truth(compose(index, 0))))
        seconds = grid_length(known["duration_s"])
        assert len(known["chords"]) == len(known["note_density"]) == seconds
        assert chords.parse_key(known["key"]) == compose(index, 0).key
        for second, label in enumerate(known["chords"]):
            assert [row[2] for row in known["intervals"] if row[0] <= second < row[1]] == [label]
    assert not list((folder / "store").rglob("*.json"))


def test_what_is_there_is_not_made_again(
    corpus: tuple[Path, tuple[str, ...], list[Mapping[str, Any]]],
) -> None:
    folder, ids, _ = corpus
    events: list[str] = []
    store = open_store(str(folder / "store"))
    before = [info.modified for info in store.list("videos/")]
    assert (
        make_corpus(store, folder / "truth", videos=1, on_event=lambda name, _: events.append(name))
        == ids
    )
    assert not events
    assert [info.modified for info in store.list("videos/")] == before


def test_the_same_song_gives_the_same_bytes(tmp_path: Path) -> None:
    song = compose(4, 0)
    short = dataclasses.replace(song, chords=song.chords[:2])
    for name in ("first", "second"):
        make_video(short, tmp_path / f"{name}.mp4")
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()


def test_music_is_stereo_and_heard_from_the_first_moment_on() -> None:
    song = compose(4, 0)
    sound = record(song)
    assert sound.shape == (2, round(song.duration_s * 48000))
    assert np.abs(sound[:, : 48000 // 4]).max() > 0.02
    assert 0.5 < np.abs(sound).max() < 1
    assert not np.allclose(sound[0], sound[1], atol=1e-3)


@pytest.mark.parametrize(("videos", "seed"), [(0, 0), (3, -1)])
def test_no_videos_and_negative_seeds_are_refused(videos: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(VmtError, match=r"ask for at least 1 video and a seed from 0"):
        make_corpus(open_store(str(tmp_path)), tmp_path / "truth", videos=videos, seed=seed)
