"""Scores against counting by hand, and the baselines against what was measured on MuVi-Sync."""

import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.songs import make_song
from vmt import chords
from vmt.dataset import muvi_sync
from vmt.dataset.songs import Song, song
from vmt.metrics.bootstrap import Interval, bootstrap
from vmt.metrics.chords import (
    PAIRED,
    Reading,
    baseline_logits,
    chord_gain,
    confusion,
    model_logits,
    paired,
    score_song,
    shuffled,
    summary,
    with_table,
)
from vmt.model.baselines import Bigram, RepeatLast, SongNgram, Unigram
from vmt.model.config import ModelConfig
from vmt.model.loss import untilted
from vmt.model.transformer import VideoMusicTransformer
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective

CPU = torch.device("cpu")
SONGS = [make_song(f"s{n}", 12 + n) for n in range(5)]


@pytest.mark.parametrize("mask", [True, False])
def test_the_model_is_scored_as_in_training(mask: bool) -> None:
    config = ModelConfig(4, 1, 2, 16, 16, max_seconds=14, mask_padding=mask)
    model = VideoMusicTransformer(config).eval()
    reading = Reading(14, not mask)
    predict = model_logits(model, CPU)
    row = summary([score_song(predict(each), each, reading) for each in SONGS])
    total, chord, emotion = ChordObjective(model, TrainConfig()).scores(SONGS, CPU, "float32")
    assert (row["total"], row["chord"], row["emotion"]) == pytest.approx(
        (total, chord, emotion), rel=1e-5
    )


def test_ranks_changes_and_guesses_by_hand() -> None:
    one = dataclasses.replace(make_song("a", 3), tokens=chords.tokens(["C", "C", "G"]))
    logits = np.zeros((3, chords.VOCABULARY_SIZE))
    c, g = chords.token("C"), chords.token("G")
    logits[:, [c, g]] = [[2, 1], [2, 1], [2, 1]]
    score = score_song(logits, one, Reading(300, False))
    assert score.rank.tolist() == [0, 1, 2]  # C is first, G second, END after both
    assert score.changed.tolist() == [False, True, True]
    assert score.guess.tolist() == [c, c, c]
    top = math.log(math.e**2 + math.e + chords.VOCABULARY_SIZE - 2)
    assert score.nll.tolist() == pytest.approx([top - 2, top - 1, top])
    row = summary([score])
    assert (row["h1"], row["h3"], row["changes_h1"], row["changes_h3"]) == pytest.approx(
        (1 / 3, 1.0, 0.0, 1.0)
    )
    assert confusion([score])["seconds"] == [[1, 0, 0], [1, 0, 0]]


def test_the_affective_correspondence_counts_sure_seconds_whose_emotion_suits_something() -> None:
    video = np.zeros((4, 12), dtype=np.float32)
    video[:, -6:] = np.eye(6)[[0, 0, 3, 5]]  # exciting, exciting, sad, neutral
    video[1, -6] = 0.5
    one = Song(
        "a",
        video,
        video[:, -6:].argmax(1),
        chords.tokens(["C"] * 4),
        False,
        np.zeros((4, 2), np.float32),
    )
    logits = np.zeros((4, chords.VOCABULARY_SIZE))
    logits[:, chords.token("A:min")] = 1
    score = score_song(logits, one, Reading(300, False))
    assert (
        score.correspondence == 1.0
    )  # of seconds 1 to 3: the first is unsure, the last has no suitable chord


def test_the_affective_table_lowers_the_total_and_hardly_touches_the_chords() -> None:
    reading = Reading(300, True)
    plain = baseline_logits(SongNgram([each.tokens for each in SONGS]), reading)
    tabled, _ = with_table(plain, reading, SONGS)
    before, after = (
        summary([score_song(p(each), each, reading) for each in SONGS]) for p in (plain, tabled)
    )
    assert after["total"] < before["total"] - 0.02  # type: ignore[operator]
    assert after["chord"] < before["chord"] + 0.3  # type: ignore[operator]


def test_shuffled_songs_have_another_video_of_like_length_and_their_own_chords() -> None:
    for count in (2, 3, 4, 5):
        songs = SONGS[:count]
        found = shuffled(songs)
        assert [each.id for each in found] == [each.id for each in songs]
        for own, other in zip(songs, found, strict=True):
            assert other.video.shape == own.video.shape
            assert not np.array_equal(own.video, other.video)
            assert other.tokens is own.tokens
            shorter = min(own.seconds, 11)
            lenders = [
                each.id
                for each in songs
                if np.array_equal(each.video[:shorter], other.video[:shorter])
            ]
            assert len(lenders) == 1
    assert shuffled(SONGS[:1]) == []


def test_an_interval_holds_its_value_and_says_when_there_is_nothing() -> None:
    values = np.random.default_rng(1).normal(1.0, 0.2, 40)
    found = bootstrap(lambda draw: float(values[draw].mean()), 40)
    assert found.value == pytest.approx(values.mean())
    assert found.low < found.value < found.high
    assert 0.9 < found.low < found.high < 1.1
    predict = baseline_logits(Unigram([SONGS[0].tokens]), Reading(300, False))
    scores = [score_song(predict(each), each, Reading(300, False)) for each in SONGS]
    nothing = chord_gain(scores, scores)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


@pytest.mark.data
def test_the_baselines_reach_what_was_measured_on_muvi_sync() -> None:
    """Songs cut to 300 s, counting and scoring, END counted, as AMT reads them."""
    folder = Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-55/dataset"
    sides: dict[str, list[Song]] = {"train": [], "validation": [], "test": []}
    for name, side in muvi_sync.split_lists(folder).items():
        sides[side].append(song(name, muvi_sync.read_song(folder, name), 25))
    reading, known = Reading(300, True), [each.tokens for each in sides["train"]]
    adaptive = baseline_logits(SongNgram(known, 300), reading, told=False)
    models = {
        "unigram": baseline_logits(Unigram(known, 300), reading, told=False),
        "bigram": baseline_logits(Bigram(known, 300), reading, told=False),
        "adaptive": adaptive,
        "repeat": baseline_logits(RepeatLast(known, 300), reading, told=False),
        "tabled": with_table(adaptive, reading, sides["validation"])[0],
    }
    rows = {
        (name, side): summary([score_song(predict(each), each, reading) for each in sides[side]])
        for name, predict in models.items()
        for side in ("validation", "test")
    }
    for name, column, validation, test, tolerance in (
        ("unigram", "chord", 2.067, 2.115, 0.002),
        ("bigram", "chord", 1.475, 1.389, 0.002),
        ("adaptive", "chord", 1.024, 0.906, 0.003),
        ("tabled", "total", 0.575, 0.535, 0.015),
    ):
        found = (rows[name, "validation"][column], rows[name, "test"][column])
        assert found == pytest.approx((validation, test), abs=tolerance), name
    for name, column, value in (
        ("repeat", "h1", 0.586),
        ("bigram", "h1", 0.58),
        ("bigram", "h3", 0.79),
        ("bigram", "h5", 0.95),
        ("adaptive", "h1", 0.703),
        ("adaptive", "h3", 0.893),
        ("adaptive", "h5", 0.952),
        ("adaptive", "changes_h1", 0.476),
        ("repeat", "changes_h1", 0.0),
    ):
        assert rows[name, "validation"][column] == pytest.approx(value, abs=0.005), (name, column)


def test_a_baseline_that_is_told_the_end_pays_nothing_for_it() -> None:
    reading = Reading(300, False)
    song = make_song("a", 40)
    ngram = SongNgram([make_song(f"t{n}", 50).tokens for n in range(3)], 300)
    told, guessing = (
        summary([score_song(baseline_logits(ngram, reading, told=told)(song), song, reading)])
        for told in (True, False)
    )
    assert told["end"] == pytest.approx(0, abs=1e-6)
    assert guessing["end"] > 0.1
    assert told["chord_without_end"] < guessing["chord_without_end"]  # END takes no share of it
    assert told["chord"] == pytest.approx(told["chord_without_end"] * 39 / 40)


def test_untilted_probabilities_are_those_of_the_songs() -> None:
    shares = torch.tensor([0.6, 0.3, 0.1])
    tilted = shares * torch.tensor([1.0, 1.35, 1.35])  # what weighing changes in training leads to
    logits = (tilted / tilted.sum()).log() + 2
    fair = untilted(logits[None], torch.tensor([0]), 1.35)[0]
    torch.testing.assert_close(fair.softmax(-1), shares)
    torch.testing.assert_close(fair.logsumexp(-1), logits.logsumexp(-1))


def test_two_models_are_compared_song_by_song() -> None:
    own = {f"s{n}": dict.fromkeys(PAIRED, 1.0 + n) for n in range(12)}
    other = {f"s{n}": dict.fromkeys(PAIRED, 1.5 + n) for n in range(2, 14)}
    chord = paired(own, other)["chord"]
    assert chord == Interval(-0.5, -0.5, -0.5, 10)
    assert paired(own, {})["chord"] is None
