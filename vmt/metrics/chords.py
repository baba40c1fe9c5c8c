"""How good a model is, song by song: chords, the affective terms, and the video's share in both and
in rhythm.

Everything is teacher-forced: the chord of second k + 1 given the true ones up to k. Scores are
means over songs, of the mean over a song's seconds; END counts as a target where the song ends
within the model's seconds. "Changes" are the seconds whose chord differs from the one before.
"""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64

from vmt import chords
from vmt.dataset.songs import Song, collate
from vmt.metrics.bootstrap import Interval, bootstrap
from vmt.model.baselines import Baseline, told_the_end
from vmt.model.chord_model import ChordModel
from vmt.model.loss import CHORD_WEIGHT, EMOTION_WEIGHT, untilted

SURE_EMOTION = 0.8
"""Seconds whose strongest emotion is less likely than this are left out of the affective
correspondence.
"""
_IMPOSSIBLE = -30.0
_FLOOR = 1e-6
_LIFTS = (5e-4, 1e-3, 2e-3, 4e-3)
_SHIFTS = (5.0, 6.0, 7.0, 8.0)
HITS = (1, 3, 5)

Logits = Float[np.ndarray, "positions vocabulary"]
Predict = Callable[[Song], Logits]
"""Logits of every position of a song, over the whole vocabulary."""


@dataclass(frozen=True)
class Reading:
    """How a model reads a song: the seconds it takes, and whether padding counts in the emotion
    term.
    """

    max_seconds: int
    count_padding: bool

    def positions(
        self, song: Song
    ) -> tuple[
        Int64[np.ndarray, " n"], Int64[np.ndarray, " positions"], Int64[np.ndarray, " positions"]
    ]:
        """The chords that are read, and the targets and emotions, padding included where
        it counts.
        """
        batch = collate([song], self.max_seconds, fixed=self.count_padding)
        targets = batch.targets[0].numpy()
        return (
            batch.inputs[0].numpy()[: int((targets != chords.PAD).sum())],
            targets,
            batch.emotions[0].numpy(),
        )


@dataclass(frozen=True)
class SongScore:
    """One song's scores, a value for each second unless said otherwise.

    Attributes:
        nll: of the true chord, in nats.
        rank: how many tokens are likelier than the true one.
        target: the true token; `guess` the likeliest.
        changed: whether the target differs from the chord before.
        emotion: BCE of the whole song.
        correspondence: share of sure seconds whose likeliest chord suits the emotion, of the whole
            song; nan without.
    """

    nll: Float64[np.ndarray, " n"]
    rank: Int64[np.ndarray, " n"]
    target: Int64[np.ndarray, " n"]
    guess: Int64[np.ndarray, " n"]
    changed: Bool[np.ndarray, " n"]
    emotion: float
    correspondence: float


def model_logits(model: ChordModel, device: torch.device, change_weight: float = 1.0) -> Predict:
    """The model's logits, one song at a time as it was trained to read them.

    Args:
        model: taken to `device`.
        device: to compute on.
        change_weight: of the model's training, taken out as in sampling; with 1 the logits are
            tilted towards changes by what training had.
    """
    model = model.to(device).eval()
    config = model.config

    @torch.inference_mode()
    def predict(song: Song) -> Logits:
        batch = collate(
            [song], config.max_seconds, fixed=not config.mask_padding, inputs=config.inputs
        ).to(device)
        logits = model(batch.video, batch.inputs, batch.minor, batch.lengths)
        fair: Logits = untilted(logits, batch.inputs, change_weight)[0].cpu().numpy()
        return fair

    return predict


def baseline_logits(baseline: Baseline, reading: Reading, *, told: bool = True) -> Predict:
    """A baseline's log-probabilities as logits; it knows where the song ends, so padding is PAD for
    sure.

    Args:
        baseline: what predicts.
        reading: how the model that it stands beside reads a song.
        told: tell it the seconds left, as the models know them, so that END is sure where it
            comes; without, it guesses END as it guesses chords.
    """

    def predict(song: Song) -> Logits:
        inputs, targets, _ = reading.positions(song)
        logits = np.full((len(targets), chords.VOCABULARY_SIZE), _IMPOSSIBLE)
        ends = bool(targets[len(inputs) - 1] == chords.END)
        known = baseline.predict(inputs)
        logits[: len(inputs), : chords.PAD] = told_the_end(known, ends) if told else known
        logits[len(inputs) :, chords.PAD] = -_IMPOSSIBLE
        return logits

    return predict


@dataclass(frozen=True)
class AffectiveTable:
    """The affective table added to logits: nothing is learned from the picture but its strongest
    emotion.

    Attributes:
        lift: what the probability of each token whose quality suits the emotion is raised by:
            little beside a likely chord, much beside an unlikely one, as the emotion term wants it
            and the chord term hardly feels.
        shift: added to every logit, which leaves the probabilities as they are.
    """

    lift: float
    shift: float

    def add(self, logits: Logits, emotions: Int64[np.ndarray, " positions"]) -> Logits:
        """Logits with the table's part; where the song is over they stay."""
        level = np.where(chords.AFFECTIVE_TARGETS[emotions], self.lift, _FLOOR)
        changed = np.logaddexp(logits, np.log(level)) + self.shift
        return np.where((emotions == chords.PAST_END)[:, None], logits, changed)


def with_table(
    predict: Predict, reading: Reading, tuning: Sequence[Song]
) -> tuple[Predict, AffectiveTable]:
    """`predict` with the affective table, which is set for the least total on the songs of
    `tuning`.
    """
    known = [(predict(song), song) for song in tuning]

    def total(table: AffectiveTable) -> float:
        scores = [
            score_song(table.add(logits, reading.positions(song)[2]), song, reading)
            for logits, song in known
        ]
        return summary(scores)["total"] or 0.0

    table = min(
        (AffectiveTable(*levels) for levels in itertools.product(_LIFTS, _SHIFTS)), key=total
    )
    return (lambda song: table.add(predict(song), reading.positions(song)[2])), table


def score_song(logits: Logits, song: Song, reading: Reading) -> SongScore:
    """Scores of a song from the logits of its positions."""
    inputs, targets, emotions = reading.positions(song)
    wanted = chords.AFFECTIVE_TARGETS[emotions]
    logits = logits.astype(np.float64)
    bce = np.maximum(logits, 0) - logits * wanted + np.log1p(np.exp(-np.abs(logits)))
    real, true = logits[: len(inputs)], targets[: len(inputs)]
    top = real.max(1, keepdims=True)
    own = real[np.arange(len(true)), true]
    guess = real.argmax(1)
    sureness = np.append(song.video[1:, -len(chords.EMOTIONS) :].max(1), 0.0)[: len(inputs)]
    sure = (
        (sureness >= SURE_EMOTION)
        & wanted[: len(inputs), : chords.END].any(1)
        & (true != chords.END)
    )
    suits = wanted[np.arange(len(guess)), guess]
    return SongScore(
        nll=np.log(np.exp(real - top).sum(1)) + top[:, 0] - own,
        rank=(real > own[:, None]).sum(1),
        target=true,
        guess=guess,
        changed=true != inputs,
        emotion=float((bce if reading.count_padding else bce[: len(inputs)]).mean()),
        correspondence=float(suits[sure].mean()) if sure.any() else math.nan,
    )


def summary(scores: Sequence[SongScore]) -> dict[str, float | None]:
    """The row of a table: every score, a mean over songs; None where no song has it."""
    row = {
        "chord": _mean(score.nll.mean() for score in scores),
        "emotion": _mean(score.emotion for score in scores),
    }
    row["total"] = CHORD_WEIGHT * row["chord"] + EMOTION_WEIGHT * row["emotion"]
    moved = [score for score in scores if score.changed.any()]
    row["changes_chord"] = _mean(score.nll[score.changed].mean() for score in moved)
    for k in HITS:
        row[f"h{k}"] = _mean((score.rank < k).mean() for score in scores)
        row[f"changes_h{k}"] = _mean((score.rank[score.changed] < k).mean() for score in moved)
    row["correspondence"] = _mean(score.correspondence for score in scores)
    row |= _apart([score for score in scores if (score.target != chords.END).any()])
    return {name: finite(value) for name, value in row.items()}


def _apart(scores: Sequence[SongScore]) -> dict[str, float]:
    """The scores of chords without END, and of END alone."""
    chord = [score.target != chords.END for score in scores]
    row = {
        "chord_without_end": _mean(
            _of(score.nll, own) for score, own in zip(scores, chord, strict=True)
        )
    }
    row["end"] = _mean(_of(score.nll, ~own) for score, own in zip(scores, chord, strict=True))
    for k in HITS:
        row[f"h{k}_without_end"] = _mean(
            _of(score.rank < k, own) for score, own in zip(scores, chord, strict=True)
        )
        row[f"changes_h{k}_without_end"] = _mean(
            _of(score.rank < k, own & score.changed)
            for score, own in zip(scores, chord, strict=True)
        )
    return row


def _of(values: np.ndarray, which: Bool[np.ndarray, " n"]) -> float:
    """The mean of some of the values; nan of none."""
    return float(values[which].mean()) if which.any() else math.nan


def by_song(
    songs: Sequence[Song], scores: Sequence[SongScore]
) -> dict[str, dict[str, float | None]]:
    """Each song's own row of scores, by its id, which paired comparisons are made of."""
    return {song.id: summary([score]) for song, score in zip(songs, scores, strict=True)}


PAIRED = ("chord", "chord_without_end", "changes_chord", "h1", "changes_h1", "emotion")
"""Scores that two models are compared by."""


def paired(
    own: Mapping[str, Mapping[str, float | None]], other: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Interval | None]:
    """`own` less `other` for each score of `PAIRED`, a mean over the songs that both have, with its
    95 % bootstrap interval; None where no song has it.

    Args:
        own: rows of `by_song`.
        other: rows of another model, or of another epoch.
    """
    differences: dict[str, Interval | None] = {}
    for name in PAIRED:
        pairs = [(own[song][name], other[song][name]) for song in sorted(own) if song in other]
        known = np.array([a - b for a, b in pairs if a is not None and b is not None])
        differences[name] = _mean_interval(known) if len(known) else None
    return differences


def _mean_interval(values: Float64[np.ndarray, " n"]) -> Interval:
    return bootstrap(lambda draw: float(values[draw].mean()), len(values))


def _mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def confusion(scores: Sequence[SongScore], largest: int = 10) -> dict[str, Any]:
    """Seconds by true and likeliest chord, for the commonest chords; all other guesses share the
    last column.
    """
    counts = Counter(
        int(token) for score in scores for token in score.target if token != chords.END
    )
    common = [token for token, _ in counts.most_common(largest)]
    place = {token: index for index, token in enumerate(common)}
    seconds = np.zeros((len(common), len(common) + 1), dtype=int)
    for score in scores:
        for target, guess in zip(score.target.tolist(), score.guess.tolist(), strict=True):
            if target in place:
                seconds[place[target], place.get(guess, len(common))] += 1
    return {"chords": [chords.label(token) for token in common], "seconds": seconds.tolist()}


def shuffled(songs: Sequence[Song]) -> list[Song]:
    """The songs with the video of the song next in length, cut, or its last second held; none for
    fewer than two.
    """
    order = sorted(songs, key=lambda song: (song.seconds, song.id))
    if len(order) < 2:
        return []
    pairs = {
        order[i].id: order[i + 1 if i % 2 == 0 else i - 1]
        for i in range(len(order) - len(order) % 2)
    }
    if len(order) % 2:
        last = [order[-3], order[-2], order[-1]] if len(order) > 2 else []
        pairs |= {song.id: last[(i + 1) % 3] for i, song in enumerate(last)}

    def swapped(song: Song) -> Song:
        other = pairs[song.id]
        place = np.minimum(np.arange(song.seconds), other.seconds - 1)
        inputs = {name: values[place] for name, values in other.inputs.items()}
        return dataclasses.replace(song, video=other.video[place], inputs=inputs)

    return [swapped(song) for song in songs]


def chord_gain(matched: Sequence[SongScore], other: Sequence[SongScore]) -> Interval:
    """By how much the chord NLL is lower with the song's own video than with another's."""
    gain = np.array([b.nll.mean() - a.nll.mean() for a, b in zip(matched, other, strict=True)])
    return _mean_interval(gain)
