"""The epoch loop. Everything random in epoch e follows from (seed, e), so that a run that goes on
from a saved epoch ends as one never stopped.
"""

import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vmt import chords
from vmt.dataset.songs import Batch, Song, bucketed, input_statistics, stretched
from vmt.errors import TrainingError
from vmt.hardware import choose_precision, fitting_threads
from vmt.training.config import TrainConfig
from vmt.training.distributed import ALONE, Team
from vmt.training.objectives import Objective, autocast
from vmt.training.results import EpochResult
from vmt.training.schedule import learn_rate

_BETAS = (0.9, 0.98)
_EPSILON = 1e-8


class Trainer:
    """Trains an objective's model on songs held in memory, an epoch at a time.

    Attributes:
        epoch: the last finished epoch; -1 before epoch 0 is measured.
        step: optimizer steps taken.
        first_epoch: the one that is measured and not trained: 0, or where a run goes on from
            another's weights.
    """

    def __init__(
        self,
        objective: Objective,
        config: TrainConfig,
        train: Sequence[Song],
        validation: Sequence[Song],
        *,
        d_model: int,
        device: torch.device,
        team: Team = ALONE,
    ) -> None:
        if not train and config.epochs > 0:
            raise TrainingError(
                "the training set is empty; freeze a dataset with at least one training video"
            )
        self.objective = objective
        self.config = config
        self.train_songs = list(train)
        self.validation_songs = list(validation)
        self.device = device
        self.team = team
        self.precision = choose_precision(config.precision, device)
        self.d_model = d_model
        self.start_at(0, 0)
        self.model = objective.model.to(device)
        self._noise_scale = (
            _semantic_deviation(self.train_songs) if config.feature_noise and train else None
        )
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=0.0,
            betas=_BETAS,
            eps=_EPSILON,
            weight_decay=config.weight_decay,
            fused=True,
        )
        # Whether a loss of this epoch was not finite. The fused optimizer reads it on its device
        # and then leaves the weights as they are, so that no step waits for a copy to the host.
        self._failed = torch.zeros((), device=device)
        self.optimizer.found_inf = self._failed  # type: ignore[attr-defined]

    @property
    def total_steps(self) -> int:
        """The last step's number."""
        epochs = self.config.epochs - self.first_epoch
        return self._first_step + epochs * math.ceil(len(self.train_songs) / self.config.batch_size)

    def start_at(self, epoch: int, step: int) -> None:
        """Begin at `epoch`, of which the model holds the weights, after `step` optimizer steps."""
        self.first_epoch, self._first_step = epoch, step
        self.epoch, self.step = epoch - 1, step

    def run_epoch(self) -> EpochResult:
        """Train the next epoch (the first one trains nothing) and measure both sets.

        Raises:
            TrainingError: if a loss is not finite; the weights are then those before the step.
        """
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        with fitting_threads(parameters, self.device), _deterministic(self.config.deterministic):
            return self._run_epoch(self.epoch + 1)

    def _run_epoch(self, epoch: int) -> EpochResult:
        if epoch > self.first_epoch:
            self._train(epoch)
        self.epoch = epoch
        rate = learn_rate(self.config, self.step, self.d_model, self.total_steps)
        train, validation = (
            self.objective.scores(songs, self.device, self.precision, self.team)
            for songs in (self.train_songs, self.validation_songs)
        )
        return EpochResult(epoch, rate, train, validation)

    def _train(self, epoch: int) -> None:
        self.model.train()
        order = random.Random(f"{self.config.seed}/{epoch}")
        noise = np.random.default_rng([self.config.seed, epoch])
        torch.manual_seed(self.config.seed * 1_000_003 + epoch + self.team.rank * 1_000_000_007)
        self._failed.zero_()
        batches = list(bucketed(self.train_songs, self.config.batch_size, order))
        losses = []
        with ThreadPoolExecutor(1) as ahead:
            # One batch ahead: while a step computes, the next batch is varied, padded and its
            # songs' memory computed. One thread, so that chance is drawn in order.
            waiting = [ahead.submit(self._prepare, songs, noise) for songs in batches[:1]]
            for songs, later in zip(batches, [*batches[1:], None], strict=True):
                batch = waiting.pop().result()
                if later is not None:
                    waiting = [ahead.submit(self._prepare, later, noise)]
                losses.append(self._take_step(batch, len(songs)))
                if self.device.type == "cpu":  # nothing to wait for
                    self._check(losses[-1:], [songs], epoch)
        self._check(losses, batches, epoch)

    def _prepare(self, songs: list[Song], noise: np.random.Generator) -> Batch | None:
        """This rank's part of a batch, on the host; None where there is nothing left for it."""
        varied = [self._varied(song, noise) for song in songs]
        own = self.team.share(varied)
        return self.objective.batch(own) if own else None

    def _check(self, losses: list[Tensor], batches: list[list[Song]], epoch: int) -> None:
        """Raise where the loss of a step is not finite."""
        values = torch.stack(losses).tolist() if losses else []
        for value, songs in zip(values, batches, strict=True):
            if not math.isfinite(value):
                raise TrainingError(
                    f"epoch {epoch}: the loss is {value} on songs "
                    f"{', '.join(song.id for song in songs)}; look at "
                    "their features, lower learn_rate or set gradient_clip; the weights of epoch "
                    f"{epoch - 1} are kept"
                )

    def _take_step(self, own: Batch | None, songs: int) -> Tensor:
        """One optimizer step, which changes nothing once a loss is not finite; the batch's mean
        loss, on the device.

        Args:
            own: this rank's part of the batch, on the host.
            songs: of the whole batch.
        """
        loss = torch.zeros((), device=self.device)
        if own is not None:
            batch = own.to(self.device)
            with autocast(self.device, self.precision):
                loss = self.objective.training_losses(batch).sum() / songs
        mean = self.team.total(loss.detach())
        self._failed.copy_(torch.maximum(self._failed, (~torch.isfinite(mean)).float()))
        self.optimizer.zero_grad()
        if own is not None:
            torch.autograd.backward(loss)
        self.team.sum_gradients(self.model.parameters())
        if self.config.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self.step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = learn_rate(self.config, self.step, self.d_model, self.total_steps)
        self.optimizer.step()
        return mean

    def _varied(self, song: Song, rng: np.random.Generator) -> Song:
        """The song as this epoch sees it: stretched, moved, cropped, noised or blanked, where it is
        to be.
        """
        config = self.config
        if config.stretch:
            song = stretched(song, math.exp(rng.uniform(-config.stretch, config.stretch)))
        if config.transpose and rng.random() < config.transpose:
            song = replace(song, tokens=chords.transpose(song.tokens, int(rng.integers(1, 12))))
        if config.crop_seconds and song.seconds > config.crop_seconds:
            first = int(rng.integers(song.seconds - config.crop_seconds + 1))
            part = slice(first, first + config.crop_seconds)
            song = Song(
                song.id,
                song.video[part],
                song.emotion[part],
                song.tokens[part],
                song.minor,
                song.rhythm[part],
                {name: values[part] for name, values in song.inputs.items()},
            )
        if config.drop_video and rng.random() < config.drop_video:
            blank = {name: np.zeros_like(values) for name, values in song.inputs.items()}
            return replace(song, video=np.zeros_like(song.video), inputs=blank)
        if self._noise_scale is not None:
            noise = rng.standard_normal(song.video.shape, dtype=np.float32) * (
                config.feature_noise * self._noise_scale
            )
            song = replace(song, video=song.video + noise)
        return song

    def state(self) -> dict[str, Tensor]:
        """What going on needs beside the weights: the optimizer's moments and the counts."""
        tensors = {"epoch": torch.tensor(self.epoch), "step": torch.tensor(self.step)}
        for name, parameter in self.model.named_parameters():
            for kind, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{kind}/{name}"] = value
        return tensors

    def load_state(self, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Go on from the weights and `state` of a saved epoch."""
        self.model.load_state_dict(weights)
        self.epoch, self.step = int(state["epoch"]), int(state["step"])
        self.load_moments(state)

    def load_moments(self, state: dict[str, Tensor]) -> None:
        """Go on with the optimizer's moments in a `state`."""
        for name, parameter in self.model.named_parameters():
            saved = {
                kind: state[f"{kind}/{name}"]
                for kind in ("step", "exp_avg", "exp_avg_sq")
                if f"{kind}/{name}" in state
            }
            if saved:
                self.optimizer.state[parameter] = {
                    kind: value.clone().to(self.device) for kind, value in saved.items()
                }


def _semantic_deviation(songs: Sequence[Song]) -> Float32[np.ndarray, " f"]:
    """Deviation of each semantic input over all seconds; 0 for the other eight inputs, which take
    no noise.
    """
    _, deviation = input_statistics(songs)
    deviation[-8:] = 0
    return deviation


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    """Within the body PyTorch takes deterministic kernels alone, where that is `wanted`, and raises
    where an operation has none.
    """
    before = torch.are_deterministic_algorithms_enabled()
    if wanted:
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
