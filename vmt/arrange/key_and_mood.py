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


def sounding_key(features: Features, config: GenerateConfig, seed: tuple[int, ...]) -> chords.Key:
    """The key that a person asked for, or a random tonic and the mode of the emotions.

    Args:
        features: whose emotions decide the mode.
        config: whose `key` is a key, or `auto`.
        seed: of the tonic.
    """
    if config.key != "auto":
        return chords.parse_key(config.key)
    tonic = int(np.random.default_rng(seed).integers(12))
    return chords.Key(tonic, mood_is_minor(features))


def mood_is_minor(features: Features) -> bool:
    """The mode that the picture asks for: minor where fear, tension and sadness outweigh excitement
    and rest, in the mean over all seconds.
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
