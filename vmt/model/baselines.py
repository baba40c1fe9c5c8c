"""Chord models that never see the video: what a transformer has to beat.

Each gives log-probabilities of the next chord for every position of a song, so that one scorer
serves them and the transformer. They read songs as AMT is trained and scored: the first
`max_seconds` seconds alone, END a target like any other where the song ends in time.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from vmt import chords

_SMOOTHING = 0.01
"""Added to every count, so that a chord that training never saw keeps some probability."""
_WHOLE = 10**9
_TINY = 1e-12


@runtime_checkable
class Baseline(Protocol):
    """Predicts each next chord from the chords so far."""

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        ...


def transitions(
    tokens: Int64[np.ndarray, " _"], max_seconds: int = _WHOLE
) -> tuple[Int64[np.ndarray, " time"], Int64[np.ndarray, " time"]]:
    """Each chord and the one of the next second; END after the last, where the song ends before
    `max_seconds`.
    """
    if len(tokens) < max_seconds:
        return tokens, np.append(tokens[1:], chords.END)
    return tokens[: max_seconds - 1], tokens[1:max_seconds]


class Unigram:
    """How often each chord follows anything."""

    def __init__(self, songs: Sequence[Int64[np.ndarray, " _"]], max_seconds: int = _WHOLE) -> None:
        counts = np.full(chords.PAD, _SMOOTHING)
        for tokens in songs:
            np.add.at(counts, transitions(tokens, max_seconds)[1], 1)
        self.log_probabilities = np.log(counts / counts.sum())

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        return np.broadcast_to(self.log_probabilities, (len(tokens), chords.PAD))


class RepeatLast:
    """Repeats the chord with the probability that training songs repeat theirs, and otherwise draws
    from the unigram.
    """

    def __init__(self, songs: Sequence[Int64[np.ndarray, " _"]], max_seconds: int = _WHOLE) -> None:
        pairs = [transitions(tokens, max_seconds) for tokens in songs]
        stays = sum(int((before == after).sum()) for before, after in pairs)
        self.share = (stays + 1) / (sum(len(before) for before, _ in pairs) + 2)
        self.unigram = np.exp(Unigram(songs, max_seconds).log_probabilities)

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        probabilities = np.tile((1 - self.share) * self.unigram, (len(tokens), 1))
        probabilities[np.arange(len(tokens)), tokens] += self.share
        logs: Float64[np.ndarray, "time vocabulary"] = np.log(probabilities)
        return logs


class Bigram:
    """How often each chord follows each chord, backing off to the unigram.

    Source: Witten and Bell 1991: the unigram weighs as much as the number of different chords that
        followed.
    """

    def __init__(self, songs: Sequence[Int64[np.ndarray, " _"]], max_seconds: int = _WHOLE) -> None:
        unigram = np.exp(Unigram(songs, max_seconds).log_probabilities)
        counts = np.zeros((chords.PAD, chords.PAD))
        for tokens in songs:
            np.add.at(counts, transitions(tokens, max_seconds), 1)
        backoff = (counts > 0).sum(1, keepdims=True).clip(min=1)
        self.log_probabilities = np.log(
            (counts + backoff * unigram) / (counts.sum(1, keepdims=True) + backoff)
        )

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`."""
        rows: Float64[np.ndarray, "time vocabulary"] = self.log_probabilities[tokens]
        return rows


class SongNgram:
    """A bigram mixed with an n-gram of the song so far, which is updated every second.

    The song's n-grams of order 1 to `order` are counted up to each second and backed off one to the
    next, the shortest to the bigram; the shorter one weighs `escape` for each different chord that
    followed the longer.
    """

    def __init__(
        self,
        songs: Sequence[Int64[np.ndarray, " _"]],
        max_seconds: int = _WHOLE,
        *,
        order: int = 8,
        share: float = 0.7,
        escape: float = 2.0,
    ) -> None:
        self.bigram = np.exp(Bigram(songs, max_seconds).log_probabilities)
        self.order = order
        self.share = share
        self.escape = escape

    def predict(self, tokens: Int64[np.ndarray, " time"]) -> Float64[np.ndarray, "time vocabulary"]:
        """Log-probabilities over all tokens but PAD, after each of `tokens`; each sees only the
        song up to there.
        """
        song = tokens.tolist()
        followed: dict[tuple[int, ...], dict[int, int]] = {}
        probabilities = np.empty((len(song), chords.PAD))

        for now, chord in enumerate(song):
            for length in range(min(self.order, now + 1)):
                counts = followed.setdefault(tuple(song[now - length : now]), {})
                counts[chord] = counts.get(chord, 0) + 1

            # From the shortest context to the longest: a longer one takes what weight it has.
            own = self.bigram[chord]
            for length in range(min(self.order, now + 2)):
                if known := followed.get(tuple(song[now + 1 - length : now + 1])):
                    weight = self.escape * len(known)
                    total = sum(known.values()) + weight
                    own = own * (weight / total)
                    for after, count in known.items():
                        own[after] += count / total
            probabilities[now] = (1 - self.share) * self.bigram[chord] + self.share * own
        return np.log(np.maximum(probabilities, _TINY))


def told_the_end(
    log_probabilities: Float64[np.ndarray, "time vocabulary"], ends: bool
) -> Float64[np.ndarray, "time vocabulary"]:
    """What a baseline says once it knows the seconds left, as the models know them: END after the
    last chord of a song that `ends` in time, and nowhere else.
    """
    told = np.array(log_probabilities)
    told[:, chords.END] = -np.inf
    told -= np.log(np.exp(told).sum(1, keepdims=True))
    if ends:
        told[-1] = -np.inf
        told[-1, chords.END] = 0.0
    return np.asarray(np.maximum(told, np.log(_TINY)))


def chord_nll(model: Baseline, songs: Sequence[Int64[np.ndarray, " _"]], max_seconds: int) -> float:
    """Mean over songs of the mean negative log-likelihood, in nats.

    Args:
        model: what predicts.
        songs: tokens of each song.
        max_seconds: songs are cut to this length; END counts where it falls inside.
    """
    scores = []
    for tokens in songs:
        before, after = transitions(tokens, max_seconds)
        told = told_the_end(model.predict(before), bool(after[-1] == chords.END))
        scores.append(-told[np.arange(len(after)), after].mean())
    return float(np.mean(scores))
