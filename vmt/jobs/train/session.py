"""Fit a run: the transformer and its biGRU, every epoch's weights in the store, resumable at any
moment.
"""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vmt.catalog.runs import HASHES, MODE, Run, Turn, now
from vmt.errors import ObjectNotFound, RunTaken, TrainingError, VmtError
from vmt.jobs.train.best_epoch import best_epoch
from vmt.jobs.train.training_data import Material
from vmt.model import checkpoints
from vmt.model.architectures import build
from vmt.model.baselines import Bigram, Unigram, chord_nll
from vmt.model.chord_model import ChordModel
from vmt.model.mode import learn_mode
from vmt.model.regressor import VideoRegressor
from vmt.runtime.events import OnEvent
from vmt.training.config import RunConfig, TrainConfig
from vmt.training.distributed import ALONE, Team
from vmt.training.objectives import ChordObjective, Objective, RhythmObjective, rhythm_statistics
from vmt.training.publisher import Publisher
from vmt.training.results import (
    COLUMNS,
    LOSSES,
    REGRESSION_COLUMNS,
    EpochResult,
    best,
    best_epochs,
    to_csv,
)
from vmt.training.trainer import Trainer

UNUSED = "regression/unused.safetensors"
"""Where a run keeps tensors of a published regression that generation has no use for."""


@dataclass(frozen=True)
class Start:
    """Where a run begins other than at random weights of epoch 0.

    Attributes:
        provenance: what model_params.json says of it, under one name: `from` or `imported`.
        weights: reads the transformer's tensors; called only where the run has none of its own yet.
        epoch: the first row of the run's table: measured, not trained.
        step: optimizer steps taken before.
        moments: reads the optimizer's state; a fresh one where None.
        regressor: the biGRU's tensors, which are then not trained.
        unused: tensors of the file that they came from, kept with the run so that it can be written
            again.
    """

    provenance: Mapping[str, Any] = field(default_factory=dict)
    weights: Callable[[], dict[str, Tensor]] | None = None
    epoch: int = 0
    step: int = 0
    moments: Callable[[], dict[str, Tensor]] | None = None
    regressor: dict[str, Tensor] | None = None
    unused: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class _Part:
    """One of the two trainings of a run: where it stands and what its files are called."""

    folder: str
    best_weights: str
    columns: tuple[str, ...]
    selected_column: int
    to_bytes: Callable[[], bytes]


class Fitting:
    """One call that fits a run, after its inputs are read."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        songs: Material,
        device: torch.device,
        on_event: OnEvent,
        start: Start = Start(),
        team: Team = ALONE,
    ) -> None:
        self.run = run
        self.config = config
        self.material = songs
        self.device = device
        self.on_event = on_event
        self.start = start
        self.team = team
        self.started = time.monotonic()
        earlier = run.read_json("summary.json") or {}
        self.started_at = earlier.get("started_at") or now()
        self.seconds_before = float(earlier.get("seconds") or 0)
        self.rows: list[EpochResult] = []
        self.turn: Turn

    def parameters(self) -> dict[str, Any]:
        """model_params.json, less what only training tells."""
        return {
            "run": self.run.name,
            "preset": self.config.preset,
            "dataset": self.material.dataset,
            "chord_labels": self.material.chord_labels,
            "extractor": self.material.extractor,
            "untrained": self.material.untrained,
            "max_sequence_midi": 2048,
            "seed": self.config.train.seed,
            "from": None,
            "imported": None,
            "model": dataclasses.asdict(self.config.model),
            "train": dataclasses.asdict(self.config.train),
            "regressor": dataclasses.asdict(self.config.regressor),
            "regression": dataclasses.asdict(self.config.regression),
            **self.start.provenance,
        }

    def finish(self) -> str:
        """Fit what is missing of the run, and name it; a finished run is left as it is.

        Raises:
            TrainingError: if a loss is not finite, or a run of that name has other settings.
            RunTaken: if another process takes the run meanwhile.
        """
        self._check_same()
        if not self._done():
            try:
                self._fit_both()
            except RunTaken:  # the summary is the other's
                raise
            except VmtError as error:
                if self.team.leads:
                    self._summarise("failed", error=str(error))
                raise
        self.team.wait()
        return self.run.name

    def _check_same(self) -> None:
        """Refuse a name that another configuration holds."""
        saved = self.run.read_json("model_params.json")
        if saved is None:
            return
        for name, value in self.parameters().items():
            if saved.get(name) != value:
                raise TrainingError(
                    f"run {self.run.name} exists with another {name}: {saved.get(name)!r}, not "
                    f"{value!r}; "
                    "choose another run name"
                )

    def _done(self) -> bool:
        summary = self.run.read_json("summary.json")
        return summary is not None and summary["state"] == "done"

    def _fit_both(self) -> None:
        """Both trainings and the summary that publishes the run."""
        if self.team.leads:
            self.turn = Turn.take(self.run)
        self.rows = self._fit_chords()
        if self.team.leads:
            self._fit_mode()
        regression = self._regression_summary(best(self._fit_rhythm(), 0))
        if not self.team.leads:
            return
        self.turn.check()
        # Before the run is done: killed between the two, the next start would leave a finished run
        # as it is, and who waits for the event would never hear of it.
        selection = best_epoch(self.run.store, self.run.name, on_event=self.on_event)
        self._summarise("done", regression=regression, epoch=selection.epoch)
        self.turn.end()

    def _fit_chords(self) -> list[EpochResult]:
        torch.manual_seed(self.config.train.seed)
        model = build(self.config.model)
        objective = ChordObjective(model, self.config.train)
        fresh = self.run.read_json("state/loop.json") is None
        if self.start.weights is None:
            objective.learn_inputs(self.material.train)
        elif fresh:
            model.load_state_dict(self.start.weights())
        trainer = self._trainer(objective, self.config.train, self.config.model.d_model, self.team)
        trainer.start_at(self.start.epoch, self.start.step)
        if fresh and self.start.moments is not None:
            trainer.load_moments(self.start.moments())
        if self.team.leads:
            self._write_parameters(model, trainer)
        column = LOSSES.index(self.config.train.select_by)
        to_bytes = partial(checkpoints.transformer_bytes, model)
        return self._fit(trainer, _Part("", "best_loss_weights", COLUMNS, column, to_bytes))

    def _fit_mode(self) -> None:
        """Major or minor from the picture; solved in a moment, so it is not resumed."""
        songs = self.material.train
        if not songs or self.run.store.head(self.run.key(MODE)) is not None:
            return
        video = [song.video for song in songs]
        model = learn_mode(video, [song.minor for song in songs], self.config.train.seed)
        self.turn.check()
        self.run.store.put(self.run.key(MODE), checkpoints.mode_bytes(model))

    def _fit_rhythm(self) -> list[EpochResult]:
        """The biGRU, small enough that each rank trains the whole of it."""
        torch.manual_seed(self.config.regression.seed)
        model = VideoRegressor(self.config.regressor)
        objective = RhythmObjective(model)
        if self.start.regressor is None:
            objective.learn_statistics(self.material.train)
        else:
            model.load_state_dict(self.start.regressor)
        if self.start.unused and self.team.leads:
            self.run.store.put(self.run.key(UNUSED), checkpoints.to_bytes(self.start.unused))
        trainer = self._trainer(
            objective, self.config.regression, self.config.regressor.d_model, ALONE
        )
        to_bytes = partial(checkpoints.regressor_bytes, model)
        return self._fit(
            trainer, _Part("regression/", "best_rmse_weights", REGRESSION_COLUMNS, 0, to_bytes)
        )

    def _trainer(
        self, objective: Objective, config: TrainConfig, d_model: int, team: Team
    ) -> Trainer:
        songs = self.material
        return Trainer(
            objective,
            config,
            songs.train,
            songs.validation,
            d_model=d_model,
            device=self.device,
            team=team,
        )

    def _write_parameters(self, model: ChordModel, trainer: Trainer) -> None:
        extra = {
            "architecture": self.config.model.kind,
            "parameters": model.n_parameters,
            "precision": trainer.precision,
            "device": self.device.type,
            "vmt_version": package_version("vmt"),
        }
        if self.run.read_json("model_params.json") is None:
            self.run.write_json(
                "model_params.json", {**self.parameters(), **extra, "created_at": self.started_at}
            )

    def _fit(self, trainer: Trainer, part: _Part) -> list[EpochResult]:
        """Epochs to the last, or until patience ends, each published in the background."""
        rows = self._resume(trainer, part)
        self.team.wait()  # nobody writes before all have read where the run stands
        with Publisher() as publisher:
            while trainer.epoch < trainer.config.epochs and not _impatient(rows, trainer, part):
                row = trainer.run_epoch()
                rows = [*rows, row]
                if not self.team.leads:
                    continue
                weights, state = part.to_bytes(), checkpoints.to_bytes(trainer.state())
                publisher.submit(partial(self._publish, part, rows, weights, state))
        return rows

    def _resume(self, trainer: Trainer, part: _Part) -> list[EpochResult]:
        loop_name = part.folder + "state/loop.json"
        loop = self.run.read_json(loop_name)
        if loop is None:
            return []
        epoch = int(loop["epoch"])
        weights_key = self.run.key(f"{part.folder}weights/epoch_{epoch:04d}.safetensors")
        state_key = self.run.key(f"{part.folder}state/optimizer_{epoch:04d}.safetensors")
        try:
            weights, _ = checkpoints.from_bytes(self.run.store.get(weights_key), weights_key)
            state, _ = checkpoints.from_bytes(self.run.store.get(state_key), state_key)
        except ObjectNotFound:
            if self.run.read_json(loop_name) == loop:
                raise
            return self._resume(
                trainer, part
            )  # whoever had the run before published one epoch more
        trainer.load_state(weights, state)
        if self.team.leads:
            self._drop_states(part, keep=state_key)
        return [row for row in self.run.results(part.folder) if row.epoch <= epoch]

    def _drop_states(self, part: _Part, keep: str) -> None:
        """Delete optimizer states of other epochs, the last one's and what a killed upload left."""
        for each in list(self.run.store.list(self.run.key(f"{part.folder}state/optimizer_"))):
            if each.key != keep:
                self.run.store.delete(each.key)

    def _publish(self, part: _Part, rows: list[EpochResult], weights: bytes, state: bytes) -> None:
        """One epoch's objects; `state/loop.json` comes last and makes them count."""
        self.turn.check()
        run, epoch = self.run, rows[-1].epoch
        run.store.put(run.key(f"{part.folder}weights/epoch_{epoch:04d}.safetensors"), weights)
        hashes = run.read_json(part.folder + HASHES) or {}
        run.write_json(
            part.folder + HASHES, {**hashes, str(epoch): hashlib.sha256(weights).hexdigest()}
        )
        run.store.put(run.key(f"{part.folder}state/optimizer_{epoch:04d}.safetensors"), state)
        if best(rows, part.selected_column).epoch == epoch:
            run.store.put(run.key(f"{part.folder}{part.best_weights}.safetensors"), weights)
        run.store.put(run.key(f"{part.folder}results.csv"), to_csv(rows, part.columns))
        if part.columns == COLUMNS:
            run.write_json("best_epochs.json", best_epochs(rows, self.config.train.select_by))
        run.write_json(f"{part.folder}state/loop.json", {"epoch": epoch})
        run.store.delete(run.key(f"{part.folder}state/optimizer_{epoch - 1:04d}.safetensors"))
        if part.columns == COLUMNS:
            self.rows = rows
            self._summarise("running")
            losses = {
                "train": dict(zip(LOSSES, rows[-1].train, strict=True)),
                "validation": dict(zip(LOSSES, rows[-1].validation, strict=True)),
            }
            self.on_event(
                "vmt.epoch.finished",
                {"run": run.name, "epoch": epoch, "of": self.config.train.epochs, **losses},
            )

    def _summarise(
        self,
        state: str,
        *,
        regression: dict[str, Any] | None = None,
        epoch: int | None = None,
        error: str | None = None,
    ) -> None:
        """Write summary.json, what lists and pages read of a run; `epoch` is the one selected, if
        that is settled.
        """
        rows = self.rows or self.run.results()
        usable = [row for row in rows if epoch in (None, row.epoch)]
        selected = best(usable, LOSSES.index(self.config.train.select_by)) if usable else None
        summary = {
            "run": self.run.name,
            "preset": self.config.preset,
            "dataset": self.material.dataset,
            "chord_labels": self.material.chord_labels,
            "extractor": self.material.extractor,
            "untrained": self.material.untrained,
            "state": state,
            "started_at": self.started_at,
            "finished_at": None if state == "running" else now(),
            "seconds": round(self.seconds_before + time.monotonic() - self.started, 1),
            "epochs": rows[-1].epoch if rows else None,
            "planned_epochs": self.config.train.epochs,
            "selected_by": self.config.train.select_by,
            "best_epoch": selected.epoch if selected else None,
            "best": selected.losses() if selected else None,
            "last": rows[-1].losses() if rows else None,
            "baselines": self._baselines,
            "regression": regression,
            "error": error,
        }
        self.run.write_json("summary.json", summary)

    @cached_property
    def _baselines(self) -> dict[str, float] | None:
        if not self.material.validation:
            return None
        known, unseen = (
            [song.tokens for song in side]
            for side in (self.material.train, self.material.validation)
        )
        seconds = self.config.model.max_seconds
        return {
            "unigram": chord_nll(Unigram(known, seconds), unseen, seconds),
            "bigram": chord_nll(Bigram(known, seconds), unseen, seconds),
        }

    def _regression_summary(self, row: EpochResult) -> dict[str, Any]:
        summary = {
            "best_epoch": row.epoch,
            "rmse_note_density": _number(row.validation[1]),
            "rmse_loudness": _number(row.validation[2]),
        }
        if self.material.validation:
            mean, _ = rhythm_statistics(self.material.train)
            errors = np.concatenate([song.rhythm for song in self.material.validation]) - mean
            known = np.isfinite(errors)
            constant = np.sqrt(
                (np.where(known, errors.astype(np.float64), 0) ** 2).sum(0)
                / known.sum(0).clip(min=1)
            )
            summary |= {
                "constant_rmse_note_density": float(constant[0]),
                "constant_rmse_loudness": float(constant[1]),
            }
        return summary


def _impatient(rows: list[EpochResult], trainer: Trainer, part: _Part) -> bool:
    if not trainer.config.patience or not rows:
        return False
    return (
        rows[-1].epoch - best(rows, part.selected_column, trainer.config.min_change).epoch
        >= trainer.config.patience
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
