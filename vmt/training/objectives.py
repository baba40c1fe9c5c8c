"""What a model is trained for: the loss of a step and the scores of an epoch, for chords and for
rhythm.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from vmt.dataset.songs import Batch, Song, bucketed, collate, input_statistics
from vmt.hardware import Precision
from vmt.model.chord_model import ChordModel, TrainingSongs
from vmt.model.loss import CHORD_WEIGHT, EMOTION_WEIGHT, losses, untilted
from vmt.model.regressor import VideoRegressor
from vmt.model.song_memory import SongContext
from vmt.training.config import TrainConfig
from vmt.training.distributed import ALONE, Team

_EVALUATION_BATCH = 8
NO_SCORES = (float("nan"),) * 3


@runtime_checkable
class Objective(Protocol):
    """A model, how to batch songs for it, its training loss and its three scores."""

    @property
    def model(self) -> nn.Module:
        """What is trained."""
        ...

    def batch(self, songs: Sequence[Song]) -> Batch:
        """Songs side by side as the model reads them."""
        ...

    def training_losses(self, batch: Batch) -> Float[Tensor, " batch"]:
        """The loss of each song in a training step."""
        ...

    def scores(
        self, songs: Sequence[Song], device: torch.device, precision: Precision, team: Team = ALONE
    ) -> tuple[float, float, float]:
        """Three numbers over `songs` in eval mode, which the team shares; nan where there
        are none.
        """
        ...


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Matrix products in bfloat16 where asked for; weights, norms and losses stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def rhythm_statistics(
    songs: Sequence[Song],
) -> tuple[Float32[np.ndarray, " 2"], Float32[np.ndarray, " 2"]]:
    """Mean and deviation of note density and loudness over all seconds where they are known; 0 and
    1 where they never are.
    """
    rhythm = np.concatenate([song.rhythm for song in songs]).astype(np.float64)
    known = np.isfinite(rhythm)
    count = known.sum(0).clip(min=1)
    mean = np.where(known, rhythm, 0).sum(0) / count
    variance = np.where(known, (rhythm - mean) ** 2, 0).sum(0) / count
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def _batches(objective: Objective, songs: Sequence[Song], device: torch.device) -> Iterable[Batch]:
    for group in bucketed(songs, _EVALUATION_BATCH):
        yield objective.batch(group).to(device)


class ChordObjective:
    """Chords of the next second under the affective loss."""

    def __init__(self, model: ChordModel, config: TrainConfig) -> None:
        self._model = model
        self._config = config
        self._contexts: dict[bytes, SongContext | None] = {}

    @property
    def model(self) -> ChordModel:
        """The transformer."""
        return self._model

    def learn_inputs(self, songs: Sequence[Song]) -> None:
        """Take from the training songs what the model wants to know of them before the
        first step.
        """
        tokens = [song.tokens for song in songs]
        statistics = partial(input_statistics, songs, self._model.config.inputs)
        self._model.learn_songs(TrainingSongs(statistics, tokens))

    def batch(self, songs: Sequence[Song]) -> Batch:
        """Padded to the published 300 seconds, or to the longest song where the model masks
        padding.
        """
        return self._with_context(self._collated(songs))

    def _collated(self, songs: Sequence[Song]) -> Batch:
        config = self._model.config
        return collate(
            songs, config.max_seconds, fixed=not config.mask_padding, inputs=config.inputs
        )

    def _with_context(self, batch: Batch, *, keep: bool = False) -> Batch:
        """The batch with what its chords say of themselves, where the model reads it: computed on
        the host, where the chords come from, so that no device waits for it.

        Args:
            batch: on the host.
            keep: remember the context, of songs that every epoch scores; about 0.9 KB a second.
        """
        if not keep:
            return dataclasses.replace(batch, context=self._model.context_of(batch.inputs))
        key = hashlib.blake2b(batch.inputs.numpy().tobytes()).digest()
        if key not in self._contexts:
            self._contexts[key] = self._model.context_of(batch.inputs)
        return dataclasses.replace(batch, context=self._contexts[key])

    def _logits(self, batch: Batch) -> Float[Tensor, "batch length vocabulary"]:
        own = () if batch.context is None else (batch.context,)
        logits: Tensor = self._model(batch.video, batch.inputs, batch.minor, batch.lengths, *own)
        return logits

    def training_losses(self, batch: Batch) -> Float[Tensor, " batch"]:
        """The weighted chord and emotion loss of each song."""
        changed = batch.targets != batch.inputs
        both = losses(
            self._logits(batch),
            batch.targets,
            batch.emotions,
            count_padding=not self._model.config.mask_padding,
            label_smoothing=self._config.label_smoothing,
            weights=1 + (self._config.change_weight - 1) * changed,
        )
        return (
            1 - self._config.emotion_weight
        ) * both.chord + self._config.emotion_weight * both.emotion

    @torch.inference_mode()
    def scores(
        self, songs: Sequence[Song], device: torch.device, precision: Precision, team: Team = ALONE
    ) -> tuple[float, float, float]:
        """Total, chord and emotion loss of the distribution that is sampled (see `untilted`), mean
        over songs; total = 0.4 chord + 0.6 emotion.
        """
        if not songs:
            return NO_SCORES
        self._model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        for group in bucketed(team.share(songs), _EVALUATION_BATCH):
            batch = self._with_context(self._collated(group), keep=True).to(device)
            with autocast(device, precision):
                logits = self._logits(batch)
            both = losses(
                untilted(logits, batch.inputs, self._config.change_weight),
                batch.targets,
                batch.emotions,
                count_padding=not self._model.config.mask_padding,
            )
            sums += torch.stack([both.chord, both.emotion]).double().sum(1)
        chord, emotion = (team.total(sums) / len(songs)).tolist()
        return CHORD_WEIGHT * chord + EMOTION_WEIGHT * emotion, chord, emotion


class RhythmObjective:
    """Note density and loudness of each second, padding left out."""

    def __init__(self, model: VideoRegressor) -> None:
        self._model = model

    @property
    def model(self) -> VideoRegressor:
        """The biGRU."""
        return self._model

    def learn_statistics(self, songs: Sequence[Song]) -> None:
        """Take the statistics of inputs and targets from the training songs."""
        self._model.set_statistics(*input_statistics(songs), *rhythm_statistics(songs))

    def batch(self, songs: Sequence[Song]) -> Batch:
        """Whole songs, padded to the longest."""
        return collate(songs, max(song.seconds for song in songs), fixed=False)

    def training_losses(self, batch: Batch) -> Float[Tensor, " batch"]:
        """Mean squared error in units of the targets' deviation."""
        wanted = (batch.rhythm - self._model.target_mean) / self._model.target_deviation
        known = wanted.isfinite()
        predicted = self._model.standardised(batch.video, batch.lengths)
        errors = F.mse_loss(predicted, wanted.where(known, predicted.detach()), reduction="none")
        return errors.sum((1, 2)) / known.sum((1, 2)).clamp(min=1)

    @torch.inference_mode()
    def scores(
        self, songs: Sequence[Song], device: torch.device, precision: Precision, team: Team = ALONE
    ) -> tuple[float, float, float]:
        """Mean squared error in units of deviation; RMSE of note density and of loudness, pooled
        over all seconds.
        """
        if not songs:
            return NO_SCORES
        self._model.eval()
        sums = torch.zeros(
            2, 2, dtype=torch.float64, device=device
        )  # of squares, and of seconds; by target
        for batch in _batches(self, team.share(songs), device):
            error = (self._model(batch.video, batch.lengths) - batch.rhythm).flatten(0, 1).double()
            sums += torch.stack([error.square().nansum(0), (~error.isnan()).sum(0)])
        square, seconds = team.total(sums)
        mean_square = square / seconds
        relative = float((mean_square / self._model.target_deviation.double().square()).mean())
        rmse = mean_square.sqrt()
        return relative, float(rmse[0]), float(rmse[1])
