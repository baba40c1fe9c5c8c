"""Scores of the biGRU: against the constant by hand, and whether the video counts."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.songs import make_song
from vmt.dataset.songs import Song, input_statistics
from vmt.metrics.rhythm import evaluate_rhythm
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.training.objectives import rhythm_statistics

CPU = torch.device("cpu")


def hearing_song(number: int) -> Song:
    """A song whose density follows its video."""
    song = make_song(f"s{number}", 20 + number)
    density = 4 * song.video[:, :1]
    return dataclasses.replace(
        song, rhythm=np.concatenate([density, song.rhythm[:, 1:]], axis=1).astype(np.float32)
    )


SONGS = [hearing_song(number) for number in range(12)]


def test_against_the_constant_by_hand() -> None:
    model = VideoRegressor(RegressorConfig(4, 8, 1))
    found = evaluate_rhythm(model, SONGS, SONGS[:5], CPU)
    mean, _ = rhythm_statistics(SONGS)
    known = np.concatenate([each.rhythm for each in SONGS[:5]]).astype(np.float64)
    by_hand = np.sqrt(((known - mean) ** 2).mean(0))
    assert found["note_density"]["constant_rmse"] == pytest.approx(by_hand[0], rel=1e-5)
    assert found["loudness"]["constant_rmse"] == pytest.approx(by_hand[1], rel=1e-5)


def test_a_model_that_follows_the_video_is_better_on_its_own() -> None:
    torch.manual_seed(0)
    model = VideoRegressor(RegressorConfig(4, 16, 1, dropout=0.0))
    model.set_statistics(*input_statistics(SONGS), *rhythm_statistics(SONGS))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for step in range(150):
        song = SONGS[step % len(SONGS)]
        wanted = (torch.from_numpy(song.rhythm)[None] - model.target_mean) / model.target_deviation
        loss = (model.standardised(torch.from_numpy(song.video)[None]) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = evaluate_rhythm(model, SONGS, SONGS, CPU)["note_density"]
    assert found["gain"]["low"] > 0.2
    assert found["video_gain"]["low"] > 0.2
    assert found["correlation"] > 0.8


def test_what_is_not_known_is_none_and_one_song_has_no_other_video() -> None:
    unknown = dataclasses.replace(SONGS[0], rhythm=np.full_like(SONGS[0].rhythm, np.nan))
    unknown.rhythm[:, 1] = 0.5
    found = evaluate_rhythm(VideoRegressor(RegressorConfig(4, 8, 1)), SONGS, [unknown], CPU)
    assert found["note_density"] is None
    assert found["loudness"]["video_gain"] is None
    assert found["loudness"]["correlation"] is None
