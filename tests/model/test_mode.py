import numpy as np
import pytest
import torch

from vmt.errors import WeightsError
from vmt.metrics.mode import area_under_curve, evaluate_mode
from vmt.model import checkpoints
from vmt.model.mode import ModeModel, constant_mode, learn_mode, mode_features


def videos(count: int, strength: float, seed: int = 0) -> tuple[list[np.ndarray], list[bool]]:
    """Videos of which three in ten are in minor, which one semantic input tells so strongly."""
    rng = np.random.default_rng(seed)
    made, minor = [], []
    for _ in range(count):
        is_minor = bool(rng.random() < 0.3)
        video = rng.standard_normal((int(rng.integers(20, 60)), 12)).astype(np.float32) ** 2
        video[:, 0] += strength * is_minor + rng.standard_normal()
        made.append(video)
        minor.append(is_minor)
    return made, minor


def test_the_mode_is_learnt_and_answered_as_often_as_it_is() -> None:
    model = learn_mode(*videos(300, 3.0))
    unseen, minor = videos(300, 3.0, seed=1)
    likely = np.array([model.probability(video) for video in unseen])
    answers = np.array([model.is_minor(video, 0.0) for video in unseen])
    scores = evaluate_mode(likely, np.array(minor), np.full(300, model.share), answers)
    assert model.learnt
    assert scores["auc"]["low"] > 0.85
    assert scores["log_loss_gain"]["low"] > 0
    assert scores["answered_minor"] == pytest.approx(np.mean(minor), abs=0.08)
    assert scores["accuracy"] > scores["majority"]


@pytest.mark.parametrize(
    ("count", "strength"), [(12, 3.0), (200, 0.0)], ids=["too few", "nothing to learn"]
)
def test_where_nothing_can_be_learnt_the_share_decides(count: int, strength: float) -> None:
    made, minor = videos(count, strength)
    model = learn_mode(made, minor)
    assert not model.learnt
    assert model.probability(made[0]) == pytest.approx(np.mean(minor))
    draws = np.linspace(0, 0.999, 500)
    answered = np.mean([model.is_minor(made[0], draw) for draw in draws])
    assert answered == pytest.approx(np.mean(minor), abs=0.01)


@pytest.mark.parametrize("is_minor", [True, False])
def test_songs_of_one_mode(is_minor: bool) -> None:
    made, _ = videos(40, 0.0)
    assert learn_mode(made, [is_minor] * 40).is_minor(made[0], 0.5) == is_minor


def test_features_are_finite_for_the_shortest_video() -> None:
    assert np.isfinite(mode_features(np.zeros((1, 12), dtype=np.float32))).all()


@pytest.mark.parametrize("model", [learn_mode(*videos(100, 3.0)), constant_mode(0.4, 8)])
def test_it_is_stored(model: ModeModel) -> None:
    again = checkpoints.load_mode(checkpoints.mode_bytes(model), "mode")
    video = videos(1, 0.0)[0][0]
    assert again.probability(video) == model.probability(video)
    assert again.threshold == model.threshold


def test_another_file_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"x: holds no shape of a mode"):
        checkpoints.load_mode(checkpoints.to_bytes({"mean": torch.zeros(1)}, model={}), "x")


def test_area_under_the_curve() -> None:
    likely, minor = np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False])
    assert area_under_curve(likely, minor) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert np.isnan(area_under_curve(likely, np.ones(4, dtype=bool)))
