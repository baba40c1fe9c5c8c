"""Train a run: the transformer and its biGRU, every epoch's weights in the store, resumable at any moment."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import torch

from vmt.dataset import versions
from vmt.dataset.songs import Song
from vmt.dataset.versions import DatasetVersion
from vmt.errors import TrainingError, VmtError
from vmt.hardware import choose_device
from vmt.jobs.events import OnEvent, ignore, thread_map
from vmt.model import checkpoints
from vmt.model.baselines import Bigram, Unigram, chord_nll
from vmt.model.regressor import VideoRegressor
from vmt.model.transformer import VideoMusicTransformer
from vmt.store import ObjectStore
from vmt.training.config import RunConfig, run_config
from vmt.training.objectives import ChordObjective, RhythmObjective, rhythm_statistics
from vmt.training.publisher import Publisher
from vmt.training.registry import Run, now
from vmt.training.results import COLUMNS, LOSSES, REGRESSION_COLUMNS, EpochResult, best, best_epochs, to_csv
from vmt.training.trainer import Trainer


def train(
    store: ObjectStore,
    dataset: str,
    *,
    preset: str = "amt",
    run: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> str:
    """Train a preset on a dataset version, or go on with a run that was stopped.

    The run's name follows from its inputs unless given, so that the same call finds its own run: a finished one is left
    as it is.

    Args:
        dataset: `main` (its newest version) or `main@v0003`.
        overrides: fields of `ModelConfig` and `TrainConfig` in place of the preset's.

    Returns:
        The run's name.

    Raises:
        TrainingError: if the settings are wrong, the training set is empty, a loss is not finite, or a run of that name
            has other settings.
        DatasetError: if the dataset is not there or its features are gone.
    """
    version = versions.read(store, versions.resolve(store, dataset))
    songs = versions.load_songs(store, version, thread_map, ("train", "validation"))
    if not songs["train"]:
        raise TrainingError(f"dataset {version.ref}: no video trains; add videos and freeze again")
    config = run_config(preset, songs["train"][0].video.shape[1] - 8, overrides or {})
    target = Run(store, run or _name(config, version))
    chosen = choose_device(device)
    job = _Training(target, config, version, songs, chosen, on_event)
    job.check_same()
    if job.done():
        return target.name
    try:
        job.run_all()
    except VmtError as error:
        job.summarise("failed", error=str(error))
        raise
    return target.name


def _name(config: RunConfig, version: DatasetVersion) -> str:
    settings = json.dumps(dataclasses.asdict(config), sort_keys=True)
    digest = hashlib.sha256(f"{version.ref}/{settings}".encode()).hexdigest()[:6]
    return f"{config.preset}-{version.ref.name}-v{version.ref.version:04d}-{digest}"


@dataclass(frozen=True)
class _Part:
    """One of the two trainings of a run: where it stands and what its files are called."""

    folder: str
    best_weights: str
    columns: tuple[str, ...]
    selected_column: int
    to_bytes: Callable[[], bytes]


class _Training:
    """One call of `train`, after its inputs are read."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        version: DatasetVersion,
        songs: dict[str, list[Song]],
        device: torch.device,
        on_event: OnEvent,
    ) -> None:
        self.run = run
        self.config = config
        self.version = version
        self.songs = songs
        self.device = device
        self.on_event = on_event
        self.started = time.monotonic()
        earlier = run.read_json("summary.json") or {}
        self.started_at = earlier.get("started_at") or now()
        self.seconds_before = float(earlier.get("seconds") or 0)
        self.rows: list[EpochResult] = []

    def parameters(self) -> dict[str, Any]:
        """model_params.json, less what only training tells."""
        info = self.version.info
        return {
            "run": self.run.name,
            "preset": self.config.preset,
            "dataset": str(self.version.ref),
            "chord_labels": self.version.chord_labels,
            "extractor": info["extractor"],
            "untrained": info["untrained"],
            "max_sequence_midi": 2048,
            "seed": self.config.train.seed,
            "model": dataclasses.asdict(self.config.model),
            "train": dataclasses.asdict(self.config.train),
            "regressor": dataclasses.asdict(self.config.regressor),
            "regression": dataclasses.asdict(self.config.regression),
        }

    def check_same(self) -> None:
        """Refuse a name that another configuration holds."""
        saved = self.run.read_json("model_params.json")
        if saved is None:
            return
        for name, value in self.parameters().items():
            if saved.get(name) != value:
                raise TrainingError(
                    f"run {self.run.name} exists with another {name}: {saved.get(name)!r}, not {value!r}; "
                    "choose another run name"
                )

    def done(self) -> bool:
        """Whether the run is finished."""
        summary = self.run.read_json("summary.json")
        return summary is not None and summary["state"] == "done"

    def run_all(self) -> None:
        """Both trainings and the summary that publishes the run."""
        torch.manual_seed(self.config.train.seed)
        transformer = VideoMusicTransformer(self.config.model)
        chords_objective = ChordObjective(transformer, self.config.train)
        chords_objective.learn_inputs(self.songs["train"])
        trainer = self._trainer(chords_objective, self.config.model.d_model)
        self._write_parameters(transformer, trainer)
        part = _Part(
            "",
            "best_loss_weights",
            COLUMNS,
            LOSSES.index(self.config.train.select_by),
            partial(checkpoints.transformer_bytes, transformer),
        )
        self.rows = self._fit(trainer, part)

        torch.manual_seed(self.config.regression.seed)
        regressor = VideoRegressor(self.config.regressor)
        rhythm = RhythmObjective(regressor)
        rhythm.learn_statistics(self.songs["train"])
        trainer = self._trainer(rhythm, self.config.regressor.d_model)
        part = _Part(
            "regression/", "best_rmse_weights", REGRESSION_COLUMNS, 0, partial(checkpoints.regressor_bytes, regressor)
        )
        rows = self._fit(trainer, part)
        self.summarise("done", regression=self._regression_summary(best(rows, 0)))
        selected = best(self.rows, LOSSES.index(self.config.train.select_by))
        self.on_event(
            "vmt.best-epoch",
            {
                "run": self.run.name,
                "epoch": selected.epoch,
                "validation": dict(zip(LOSSES, selected.validation, strict=True)),
            },
        )

    def _trainer(self, objective: ChordObjective | RhythmObjective, d_model: int) -> Trainer:
        config = self.config.train if isinstance(objective, ChordObjective) else self.config.regression
        return Trainer(
            objective, config, self.songs["train"], self.songs["validation"], d_model=d_model, device=self.device
        )

    def _write_parameters(self, model: VideoMusicTransformer, trainer: Trainer) -> None:
        extra = {
            "parameters": model.n_parameters,
            "precision": trainer.precision,
            "device": self.device.type,
            "vmt_version": package_version("vmt"),
        }
        if self.run.read_json("model_params.json") is None:
            self.run.write_json("model_params.json", {**self.parameters(), **extra, "created_at": self.started_at})

    def _fit(self, trainer: Trainer, part: _Part) -> list[EpochResult]:
        """Epochs to the last, or until patience ends, each published in the background."""
        rows = self._resume(trainer, part)
        with Publisher() as publisher:
            while trainer.epoch < trainer.config.epochs and not _impatient(rows, trainer, part):
                row = trainer.run_epoch()
                rows = [*rows, row]
                weights, state = part.to_bytes(), checkpoints.to_bytes(trainer.state())
                publisher.submit(partial(self._publish, part, rows, weights, state))
        return rows

    def _resume(self, trainer: Trainer, part: _Part) -> list[EpochResult]:
        loop = self.run.read_json(part.folder + "state/loop.json")
        if loop is None:
            return []
        epoch = int(loop["epoch"])
        weights_key = self.run.key(f"{part.folder}weights/epoch_{epoch:04d}.safetensors")
        state_key = self.run.key(f"{part.folder}state/optimizer_{epoch:04d}.safetensors")
        weights, _ = checkpoints.from_bytes(self.run.store.get(weights_key), weights_key)
        state, _ = checkpoints.from_bytes(self.run.store.get(state_key), state_key)
        trainer.load_state(weights, state)
        return self.run.results(part.folder)[: epoch + 1]

    def _publish(self, part: _Part, rows: list[EpochResult], weights: bytes, state: bytes) -> None:
        """One epoch's objects; `state/loop.json` comes last and makes them count."""
        run, epoch = self.run, rows[-1].epoch
        run.store.put(run.key(f"{part.folder}weights/epoch_{epoch:04d}.safetensors"), weights)
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
            self.summarise("running")
            losses = {
                "train": dict(zip(LOSSES, rows[-1].train, strict=True)),
                "validation": dict(zip(LOSSES, rows[-1].validation, strict=True)),
            }
            self.on_event(
                "vmt.epoch.finished", {"run": run.name, "epoch": epoch, "of": self.config.train.epochs, **losses}
            )

    def summarise(self, state: str, *, regression: dict[str, Any] | None = None, error: str | None = None) -> None:
        """Write summary.json, what lists and pages read of a run."""
        rows = self.rows or self.run.results()
        selected = best(rows, LOSSES.index(self.config.train.select_by)) if rows else None
        summary = {
            "run": self.run.name,
            "preset": self.config.preset,
            "dataset": str(self.version.ref),
            "chord_labels": self.version.chord_labels,
            "extractor": self.version.info["extractor"],
            "untrained": self.version.info["untrained"],
            "state": state,
            "started_at": self.started_at,
            "finished_at": None if state == "running" else now(),
            "seconds": round(self.seconds_before + time.monotonic() - self.started, 1),
            "epochs": rows[-1].epoch if rows else None,
            "planned_epochs": self.config.train.epochs,
            "selected_by": self.config.train.select_by,
            "best_epoch": selected.epoch if selected else None,
            "best": _named(selected),
            "last": _named(rows[-1] if rows else None),
            "baselines": self._baselines,
            "regression": regression,
            "error": error,
        }
        self.run.write_json("summary.json", summary)

    @cached_property
    def _baselines(self) -> dict[str, float] | None:
        if not self.songs["validation"]:
            return None
        known, unseen = ([song.tokens for song in self.songs[side]] for side in ("train", "validation"))
        seconds = self.config.model.max_seconds
        return {
            "unigram": chord_nll(Unigram(known), unseen, seconds),
            "bigram": chord_nll(Bigram(known), unseen, seconds),
        }

    def _regression_summary(self, row: EpochResult) -> dict[str, Any]:
        mean, _ = rhythm_statistics(self.songs["train"])
        summary = {
            "best_epoch": row.epoch,
            "rmse_note_density": _number(row.validation[1]),
            "rmse_loudness": _number(row.validation[2]),
        }
        if self.songs["validation"]:
            errors = np.concatenate([song.rhythm for song in self.songs["validation"]]) - mean
            known = np.isfinite(errors)
            constant = np.sqrt((np.where(known, errors.astype(np.float64), 0) ** 2).sum(0) / known.sum(0).clip(min=1))
            summary |= {"constant_rmse_note_density": float(constant[0]), "constant_rmse_loudness": float(constant[1])}
        return summary


def _impatient(rows: list[EpochResult], trainer: Trainer, part: _Part) -> bool:
    if not trainer.config.patience or not rows:
        return False
    return rows[-1].epoch - best(rows, part.selected_column, trainer.config.min_change).epoch >= trainer.config.patience


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _named(row: EpochResult | None) -> dict[str, float | None] | None:
    return None if row is None else {name: _number(value) for name, value in zip(LOSSES, row.validation, strict=True)}
