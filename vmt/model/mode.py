"""Major or minor: the mode that a video asks for, learnt from the songs of a data set.

A logistic regression on the mean of a video's features. Its penalty is chosen by cross-validation
on the training songs, and where none of them beats the constant it is the constant: the share of
minor in the training songs. It answers minor as often as they are in minor.

Source: ridge-penalised logistic regression by Newton's method (le Cessie and van Houwelingen 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from vmt.model.config import EXTRA_INPUTS

MUVI_SYNC_SHARE = 0.29
"""Share of minor in MuVi-Sync's songs, for runs that have no model of the mode."""
_PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03)
_FOLDS = 5
_FEWEST = 20
"""Songs under which nothing is learnt but the share."""
_NEWTON_STEPS = 30
_SMALLEST = 1e-6


def mode_features(video: Float32[np.ndarray, "time f"]) -> Float64[np.ndarray, " features"]:
    """What of a whole video tells its mode: the means of the semantic inputs, how strong the motion
    is, how often it cuts, the means of the emotions.

    Args:
        video: a model's inputs a second: semantic, scene offset + 1, motion, six emotions.
    """
    semantic, rest = video[:, :-EXTRA_INPUTS], video[:, -EXTRA_INPUTS:].astype(np.float64)
    pace = [np.log1p(rest[:, 1].mean()), (rest[:, 0] <= 1).mean()]
    return np.concatenate([semantic.mean(0, dtype=np.float64), pace, rest[:, 2:].mean(0)])


@dataclass(frozen=True)
class ModeModel:
    """How likely a video's song is in minor.

    Attributes:
        mean: of each feature over the training songs; `scale` 1 over its deviation.
        weights: of the standardised features; all 0 where only the share is known.
        bias: log-odds of a video of mean features.
        share: of minor among the training songs.
        threshold: the probability from which on the answer is minor, as often as in the training
            songs.
    """

    mean: Float64[np.ndarray, " features"]
    scale: Float64[np.ndarray, " features"]
    weights: Float64[np.ndarray, " features"]
    bias: float
    share: float
    threshold: float

    @property
    def learnt(self) -> bool:
        """Whether it looks at the video at all."""
        return bool(self.weights.any())

    def probability(self, video: Float32[np.ndarray, "time f"]) -> float:
        """Of minor, 0 to 1."""
        if not self.learnt:
            return self.share
        return float(self._probabilities(mode_features(video)[None])[0])

    def _probabilities(
        self, features: Float64[np.ndarray, "songs features"]
    ) -> Float64[np.ndarray, " songs"]:
        return _sigmoid(((features - self.mean) * self.scale) @ self.weights + self.bias)

    def is_minor(self, video: Float32[np.ndarray, "time f"], draw: float) -> bool:
        """The mode for a video.

        Args:
            video: a model's inputs a second.
            draw: 0 to 1, which settles the mode where only the share of minor is known.
        """
        if self.learnt:
            return self.probability(video) >= self.threshold
        return bool(draw < self.share)


def constant_mode(share: float = MUVI_SYNC_SHARE, features: int = 0) -> ModeModel:
    """A model that knows the share of minor alone."""
    nothing = np.zeros(features)
    odds = np.clip(share, _SMALLEST, 1 - _SMALLEST)
    return ModeModel(nothing, nothing, nothing, float(np.log(odds / (1 - odds))), share, 0.5)


def learn_mode(
    videos: Sequence[Float32[np.ndarray, "_ f"]], minor: Sequence[bool], seed: int = 0
) -> ModeModel:
    """The model of the training songs' videos and modes; the constant where they are too few, all
    of one mode, or tell nothing.

    Args:
        videos: a model's inputs a second, of each song.
        minor: whether each song is in minor.
        seed: of the folds that choose the penalty.
    """
    features = np.stack([mode_features(video) for video in videos])
    return fit_mode(features, np.array(minor, dtype=bool), seed)


def fit_mode(
    features: Float64[np.ndarray, "songs features"], minor: Bool[np.ndarray, " songs"], seed: int
) -> ModeModel:
    """`learn_mode` of songs whose `mode_features` are known."""
    share = float(minor.mean())
    rare = min(int(minor.sum()), int((~minor).sum()))
    constant = constant_mode(share, features.shape[1])
    if len(minor) < _FEWEST or rare < _FOLDS:
        return constant

    fold = np.random.default_rng(seed).permutation(len(minor)) % _FOLDS
    losses = {
        penalty: log_loss(_held_out(features, minor, penalty, fold), minor)
        for penalty in _PENALTIES
    }
    penalty = min(losses, key=lambda penalty: losses[penalty])
    if losses[penalty] >= log_loss(_held_out_share(minor, fold), minor):
        return constant

    model = _fit(features, minor, penalty)
    own = np.sort(model._probabilities(features))
    threshold = float(own[len(own) - int(minor.sum())])
    return ModeModel(model.mean, model.scale, model.weights, model.bias, share, threshold)


def _held_out(
    features: np.ndarray, minor: np.ndarray, penalty: float, fold: Int64[np.ndarray, " songs"]
) -> Float64[np.ndarray, " songs"]:
    """Probabilities of each song by a model of the other folds."""
    probabilities = np.empty(len(minor))
    for number in range(int(fold.max()) + 1):
        inside = fold == number
        model = _fit(features[~inside], minor[~inside], penalty)
        probabilities[inside] = model._probabilities(features[inside])
    return probabilities


def _held_out_share(
    minor: Bool[np.ndarray, " songs"], fold: Int64[np.ndarray, " songs"]
) -> Float64[np.ndarray, " songs"]:
    """The share of minor in the other folds, for each song."""
    return np.array([minor[fold != number].mean() for number in fold])


def _fit(features: np.ndarray, minor: np.ndarray, penalty: float) -> ModeModel:
    """Weights that minimise the mean log loss and `penalty` / 2 x their squares."""
    mean, deviation = features.mean(0), features.std(0)
    scale = 1 / np.where(deviation > _SMALLEST, deviation, np.inf)
    inputs = np.column_stack([np.ones(len(features)), (features - mean) * scale])
    share = np.clip(minor.mean(), _SMALLEST, 1 - _SMALLEST)
    weights = np.zeros(inputs.shape[1])
    weights[0] = np.log(share / (1 - share))
    ridge = penalty * len(inputs) * np.eye(len(weights))
    ridge[0, 0] = 0.0

    for _ in range(_NEWTON_STEPS):
        likely = _sigmoid(inputs @ weights)
        slope = inputs.T @ (likely - minor) + ridge @ weights
        curvature = (inputs.T * (likely * (1 - likely))) @ inputs + ridge
        move = np.linalg.solve(curvature, slope)
        weights = weights - move
        if np.abs(move).max() < _SMALLEST:
            break
    return ModeModel(mean, scale, weights[1:], float(weights[0]), float(share), 0.5)


def _sigmoid(odds: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    return np.asarray(1 / (1 + np.exp(-odds)))


def log_loss(
    probabilities: Float64[np.ndarray, " songs"], minor: Bool[np.ndarray, " songs"]
) -> float:
    """Mean negative log-likelihood, in nats."""
    likely = np.clip(np.where(minor, probabilities, 1 - probabilities), _SMALLEST, 1)
    return float(-np.log(likely).mean())
