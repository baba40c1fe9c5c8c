"""The check of the recognisers: what `vmt features check` prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vmt.errors import GenerationError, VmtError
from vmt.runtime.worker_pool import WorkerFailure, worker_map
from vmt.synthetic import benchmark
from vmt.synthetic.benchmark import MUSTS, check_features, conditions
from vmt.synthetic.recognition_scores import CutScore

ROW = (
    {"songs": 24.0, "density_bias": -2.0, "per_second_157": 0.9}
    | dict.fromkeys(MUSTS, 1.0)
    | {"keys_right": 22.0}
)


@pytest.mark.long  # every run hears known songs in test_recognise.py
def test_one_song_under_every_condition() -> None:
    events: list[tuple[str, Mapping[str, Any]]] = []
    report = check_features(songs=1, on_event=lambda name, payload: events.append((name, payload)))
    assert list(report.rows) == [condition.name for condition in conditions()]
    assert report.musts == ()
    assert report.cuts.right >= 4
    assert {row["keys_right"] for row in report.rows.values()} == {1}
    assert [name for name, _ in events] == [
        "vmt.check.started",
        *["vmt.check.done"] * len(report.rows),
    ]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_must_on_all_songs() -> None:
    report = check_features(map=worker_map(None))
    assert report.musts == (), report.rows


def test_a_row_that_falls_short_is_named() -> None:
    good = CutScore(9, 0, 0)
    assert benchmark._shortfalls({"a": ROW}, good) == ()
    assert benchmark._shortfalls({"a": ROW | {"majmin": 0.9499}}, good) == (
        "a: majmin 0.950, must be 0.950",
    )
    assert benchmark._shortfalls({"a": ROW | {"keys_right": 21.0}}, good) == (
        "a: keys_right 21.000, must be 22.000",
    )
    assert benchmark._shortfalls({"a": ROW | {"density_correlation": float("nan")}}, good) != ()
    assert benchmark._shortfalls({"a": ROW}, CutScore(8, 1, 2)) == (
        "cuts: 1 missed and 2 invented, must be none",
    )


def test_soundfonts_have_rows_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.sf2"
    path.write_bytes(b"RIFF    sfbk")
    assert [each.name for each in conditions((path,))][:2] == ["TimGM6mb", "mine"]
    path.write_bytes(b"no sounds")
    with pytest.raises(GenerationError, match="not a SoundFont"):
        check_features(soundfonts=(path,))


@pytest.mark.parametrize("songs", [0, 25])
def test_a_number_of_songs_that_there_is_not(songs: int) -> None:
    with pytest.raises(VmtError, match=f"{songs} songs; choose 1 to 24"):
        check_features(songs=songs)


def test_a_lost_worker_is_named() -> None:
    with pytest.raises(VmtError, match="song 0, TimGM6mb: its worker died; run it again"):
        check_features(
            songs=1,
            map=lambda _, items: (WorkerFailure("crashed", "its worker died") for _ in items),
        )
