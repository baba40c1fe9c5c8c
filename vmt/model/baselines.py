"""Chord models that never see the video: what a transformer has to beat.

Each gives log-probabilities of the next chord for every position of a song, so that one scorer serves them and the
transformer.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from vmt import chords

_SMOOTHING = 0.05
"""Added to every count, so that what training never saw keeps a little probability."""


def targets_of(tokens: Int64[np.ndarray, " time"]) -> Int64[np.ndarray, " time"]:
    """The next chord at each second, END after the last."""
    return np.append(tokens[1:], chords.END)


class Unigram:
    """How often each chord follows anything."""

    def __init__(self, songs: Sequence[Int64[np.ndarray, " _"]]) -> None:
        counts = np.full(chords.PAD, _SMOOTHING)
        for tokens in songs:
            np.add.at(counts, targets_of(tokens), 1)
        self.log_probabilities = np.log(counts / counts.sum())

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        return np.broadcast_to(self.log_probabilities, (len(tokens), chords.PAD))


class Bigram:
    """How often each chord follows each chord, backing off to the unigram."""

    def __init__(self, songs: Sequence[Int64[np.ndarray, " _"]], backoff: float = 1.0) -> None:
        unigram = np.exp(Unigram(songs).log_probabilities)
        counts = np.tile(backoff * unigram, (chords.PAD, 1))
        for tokens in songs:
            np.add.at(counts, (tokens, targets_of(tokens)), 1)
        self.log_probabilities = np.log(counts / counts.sum(1, keepdims=True))

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        rows: Float64[np.ndarray, "time vocabulary"] = self.log_probabilities[tokens]
        return rows


def chord_nll(model: Unigram | Bigram, songs: Sequence[Int64[np.ndarray, " _"]], max_seconds: int) -> float:
    """Mean over songs of the mean negative log-likelihood, in nats; songs cut to `max_seconds`, END counted where it
    falls inside.
    """
    scores = []
    for tokens in songs:
        targets = targets_of(tokens)[:max_seconds] if len(tokens) < max_seconds else tokens[1:max_seconds]
        predicted = model.predict(tokens[: len(targets)])
        scores.append(-predicted[np.arange(len(targets)), targets].mean())
    return float(np.mean(scores))
