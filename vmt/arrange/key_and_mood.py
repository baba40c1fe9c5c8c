"""Which key a soundtrack sounds in, and how mood and loudness follow what a person asked for."""

import dataclasses

import numpy as np
from jaxtyping import Float32

from vmt import chords
from vmt.arrange.config import GenerateConfig
from vmt.features.record import Features

QUIETEST = 1e-4
"""Loudness under this counts as this much: silence has no level in decibels."""


def with_emotion(features: Features, config: GenerateConfig) -> Features:
    """Features with the emotions that a person asked for in place of the picture's.

    The last row of a curve holds until the end. Features are returned as they are where nobody
    asked for an emotion.
    """
    rows = config.emotion_rows()
    if not rows:
        return features
    held = np.minimum(np.arange(features.seconds), len(rows) - 1)
    return dataclasses.replace(features, emotion=np.array(rows, dtype=np.float32)[held])


def sounding_key(
    features: Features, config: GenerateConfig, seed: tuple[int, ...], *, picture_is_minor: bool
) -> chords.Key:
    """The key that a person asked for. For `auto` a random tonic, and the mode of the emotions that
    a person asked for, else the one that the run has learnt to expect of the picture.

    Args:
        features: with the emotions that were asked for.
        config: whose `key` is a key, or `auto`.
        seed: of the tonic.
        picture_is_minor: what the run's `vmt.model.mode.ModeModel` says of the picture.
    """
    if config.key != "auto":
        return chords.parse_key(config.key)
    tonic = int(np.random.default_rng(seed).integers(12))
    asked = bool(config.emotion_rows())
    return chords.Key(tonic, mood_is_minor(features) if asked else picture_is_minor)


def mood_is_minor(features: Features) -> bool:
    """The mode of emotions that a person asked for: minor where fear, tension and sadness outweigh
    excitement and rest, in the mean over all seconds.
    """
    mean: dict[str, float] = dict(
        zip(chords.EMOTIONS, features.emotion.mean(0).tolist(), strict=True)
    )
    return mean["fearful"] + mean["tense"] + mean["sad"] > mean["exciting"] + mean["relaxing"]


def scale_loudness(
    loudness: Float32[np.ndarray, " time"], scale: float
) -> Float32[np.ndarray, " time"]:
    """A loudness curve whose distances from its mean, in decibels, are `scale` times as far.

    Args:
        loudness: 0 to 1, one value a second.
        scale: 0 gives a flat curve, 1 the same one.

    Returns:
        0 to 1, one value a second.
    """
    level = np.log(np.maximum(loudness, QUIETEST))
    centre = level.mean()
    return np.asarray(np.clip(np.exp(centre + scale * (level - centre)), 0, 1), dtype=np.float32)
