import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenedetect
from scenedetect import AdaptiveDetector, FrameTimecode

from vmt import media
from vmt.errors import MediaError
from vmt.features import frames as visual
from vmt.features.frames import CutFinder, picks


@dataclass(eq=False)
class Frame:
    time_s: float
    rgb: np.ndarray


def noise(times: list[float], seed: int = 0, size: tuple[int, int] = (9, 16)) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [Frame(time_s=t, rgb=rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for t in times]


def see(frames: list[Frame]) -> tuple[float, ...]:
    cuts = CutFinder()
    for frame in frames:
        cuts.see(frame)
    return cuts.cuts_s


def shots(cuts_s: list[float], times: list[float], seed: int = 0) -> Iterator[Frame]:
    """A textured square that moves over a flat ground; both change at each cut."""
    rng = np.random.default_rng(seed)
    grounds = [
        (30, 60, 160),
        (180, 150, 40),
        (60, 170, 80),
        (200, 60, 120),
        (90, 90, 90),
        (20, 20, 40),
    ]
    for time in times:
        shot = int(np.searchsorted(cuts_s, time, side="right"))
        picture = np.full((180, 320, 3), grounds[shot % len(grounds)], dtype=np.uint8)
        x, y = int(20 + 40 * time) % 260, 30 + 20 * (shot % 4)
        picture[y : y + 60, x : x + 60] = 255 - np.array(grounds[(shot + 2) % len(grounds)])
        grain = rng.integers(-4, 5, picture.shape)
        yield Frame(time_s=time, rgb=np.clip(picture + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("duration_s", "length"),
    [(0.01, 1), (1.0, 1), (1.0005, 1), (1.002, 2), (2.5, 3), (300.0, 300), (299.96, 300)],
)
def test_grid_length(duration_s: float, length: int) -> None:
    assert visual.grid_length(duration_s) == length


@pytest.mark.parametrize("seed", range(25))
def test_picks_equal_a_naive_reading_of_every_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0.01, 0.04, 0.2, 0.9, 2.7], size=60, p=[0.3, 0.4, 0.2, 0.07, 0.03])
    times = [0.0, *np.cumsum(gaps * rng.uniform(0.9, 1.1, 60))]
    frames, seconds = noise(times, seed), visual.grid_length(times[-1] + rng.choice([0.04, 3.3]))
    expected = []
    for k in range(seconds):
        index = next((i for i, frame in enumerate(frames) if frame.time_s >= k), len(frames) - 1)
        change = (
            0.0
            if index == 0
            else np.abs(frames[index].rgb.astype(float) - frames[index - 1].rgb).mean()
        )
        expected.append((index, change))

    found = [
        (next(i for i, frame in enumerate(frames) if frame.rgb is pick.rgb), pick.motion)
        for pick in picks(iter(frames), seconds, CutFinder(), "v")
        for _ in pick.seconds
    ]
    assert [index for index, _ in found] == [index for index, _ in expected]
    np.testing.assert_allclose([m for _, m in found], [m for _, m in expected], rtol=1e-12)


def test_a_frame_is_read_once_and_no_earlier_than_needed() -> None:
    asked = 0

    def counted() -> Iterator[Frame]:
        nonlocal asked
        for frame in noise([k / 10 for k in range(35)]):
            asked += 1
            yield frame

    stream = picks(counted(), 4, CutFinder(), "v")
    assert [next(stream).seconds.start for _ in range(3)] == [0, 1, 2]
    assert asked == 21
    assert [pick.seconds for pick in stream] == [range(3, 4)]
    assert asked == 35


def test_no_more_than_three_frames_are_held() -> None:
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = 0

    def fresh() -> Iterator[Frame]:
        nonlocal most
        for k in range(300):
            frame = noise([k / 25], seed=k)[0]
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    gc.collect()
    for pick in picks(fresh(), 12, CutFinder(), "v"):
        del pick
    assert most <= 3


def test_a_time_that_rounding_put_before_its_second_counts() -> None:
    frames = noise([0.0, 0.5, 0.99999995, 1.5])
    assert [p.rgb is frames[2].rgb for p in picks(frames, 2, CutFinder(), "v")] == [False, True]


def test_one_picture_stands_for_all_seconds() -> None:
    (pick, tail) = picks(noise([0.0]), 200, CutFinder(), "v")
    assert pick.seconds == range(1)
    assert tail.seconds == range(1, 200)
    assert pick.motion == tail.motion == 0


def test_a_video_without_frames_is_named() -> None:
    with pytest.raises(MediaError, match="video 0042: no frame") as error:
        list(picks([], 1, CutFinder(), "0042"))
    assert error.value.code == "no-picture"


def test_motion_where_the_size_changes() -> None:
    grey = np.full((20, 30, 3), 100, dtype=np.uint8)
    assert visual.motion(grey, np.full((40, 60, 3), 90, dtype=np.uint8)) == pytest.approx(10)
    assert visual.motion(grey, None) == 0
    assert (
        see(
            [
                Frame(time_s=k / 25, rgb=grey if k < 20 else np.resize(grey, (40, 64, 3)))
                for k in range(40)
            ]
        )
        == ()
    )


def test_motion_does_not_overflow() -> None:
    black, white = (
        np.zeros((720, 1280, 3), dtype=np.uint8),
        np.full((720, 1280, 3), 255, dtype=np.uint8),
    )
    assert visual.motion(white, black) == 255


@pytest.mark.parametrize("rate", ["constant", "variable"])
def test_every_hard_cut_is_found_at_its_frame_and_none_invented(rate: str) -> None:
    rng = np.random.default_rng(7)
    gaps = np.full(400, 0.04) if rate == "constant" else rng.uniform(0.02, 0.06, 400)
    times = [0.0, *np.cumsum(gaps).tolist()]
    cuts = [
        times[i] for i in (41, 90, 97, 150, 240, 330)
    ]  # the third comes 0.28 s after the second
    np.testing.assert_allclose(see(list(shots(cuts, times))), cuts, atol=1e-6)


def test_movement_and_a_slow_fade_are_no_cuts() -> None:
    frames = list(shots([], [k / 25 for k in range(150)]))
    for k, frame in enumerate(frames):
        frame.rgb = (frame.rgb * min(1.0, k / 75)).astype(np.uint8)
    assert see(frames) == ()


def test_a_fade_through_black_is_no_cut() -> None:
    frames = list(shots([3.0, 5.0], [k / 25 for k in range(200)]))
    for frame in frames:
        light = min(1.0, abs(frame.time_s - 3.0) * 2)
        frame.rgb = cv2.convertScaleAbs(frame.rgb, alpha=light)
    bare = AdaptiveDetector(min_scene_len=visual.MIN_SHOT_S)
    found = [
        bare.process_frame(
            FrameTimecode(number, fps=25.0), np.ascontiguousarray(frame.rgb[:, :, ::-1])
        )
        for number, frame in enumerate(frames)
    ]
    assert sum(map(len, found)) > 1  # or the line below would say nothing
    assert see(frames) == (5.0,)


def test_cuts_are_those_of_scenedetect_on_the_same_file(tmp_path: Path) -> None:
    cuts = [1.4, 2.2, 3.72, 5.0]
    path = tmp_path / "v.mp4"
    pictures = (cv2.resize(f.rgb, (640, 360)) for f in shots(cuts, [k / 25 for k in range(160)]))
    media.encode_video(pictures, 25, (640, 360), path, None)
    scenes = scenedetect.detect(
        str(path), scenedetect.AdaptiveDetector(min_scene_len=visual.MIN_SHOT_S)
    )
    theirs = [start.seconds for start, _ in scenes[1:]]
    np.testing.assert_allclose(see(list(media.frames(path))), theirs, atol=1e-3)
    np.testing.assert_allclose(theirs, cuts, atol=1e-3)


def test_scene_offset_counts_from_the_second_of_the_cut() -> None:
    assert visual.scene_offset((2.0, 2.4, 4.96, 9.5), 8).tolist() == [0, 1, 0, 1, 0, 1, 2, 3]
    assert visual.scene_offset((), 3).tolist() == [0, 1, 2]
    assert visual.scene_offset((0.9,), 1).dtype == np.int32
