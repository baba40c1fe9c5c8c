"""How well a model of the mode tells minor from major, beside the constant."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from vmt.metrics.bootstrap import bootstrap
from vmt.metrics.chords import finite
from vmt.model.mode import log_loss


def area_under_curve(
    probabilities: Float64[np.ndarray, " songs"], minor: Bool[np.ndarray, " songs"]
) -> float:
    """How often a song in minor is given a higher probability than one in major, ties half; nan
    where one of them is missing.
    """
    pairs = probabilities[minor][:, None] - probabilities[~minor]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean()) if pairs.size else float("nan")


def evaluate_mode(
    probabilities: Float64[np.ndarray, " songs"],
    minor: Bool[np.ndarray, " songs"],
    share: Float64[np.ndarray, " songs"],
    answers: Bool[np.ndarray, " songs"],
) -> dict[str, Any]:
    """Scores of a model of the mode over songs.

    `log_loss_gain` is by how much the log loss is under the constant's, and `auc` the area under
    the curve, each with its 95 % interval over songs; `majority` is the accuracy of the mode that
    is more frequent.

    Args:
        probabilities: of minor.
        minor: whether each song is.
        share: what the constant says of each song: the share of minor where the model learnt.
        answers: whether the model answers minor.
    """

    def gain(draw: np.ndarray) -> float:
        return log_loss(share[draw], minor[draw]) - log_loss(probabilities[draw], minor[draw])

    def area(draw: np.ndarray) -> float:
        return area_under_curve(probabilities[draw], minor[draw])

    count = len(minor)
    both = bool(minor.any() and not minor.all())
    return {
        "songs": count,
        "minor": float(minor.mean()),
        "answered_minor": float(answers.mean()),
        "log_loss": log_loss(probabilities, minor),
        "constant_log_loss": log_loss(share, minor),
        "log_loss_gain": dataclasses.asdict(bootstrap(gain, count)),
        "auc": dataclasses.asdict(bootstrap(area, count)) if both else None,
        "accuracy": finite(float((answers == minor).mean())),
        "accuracy_at_half": finite(float(((probabilities > 0.5) == minor).mean())),
        "majority": float(max(minor.mean(), 1 - minor.mean())),
    }
