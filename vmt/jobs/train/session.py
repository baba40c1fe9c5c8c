"""Train a run: its chord model and its biGRU, every epoch's weights in the store, resumable at any
moment.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as package_version

import torch
from torch import Tensor

from vmt.catalog import keys
from vmt.catalog.records import encode
from vmt.catalog.records.runs import ImportedWeights, RunParameters, RunSource
from vmt.catalog.runs import Run, TrainingLease
from vmt.errors import RunTaken, TrainingError, VmtError
from vmt.jobs.train.best_epoch import best_epoch
from vmt.jobs.train.epochs import PartTraining
from vmt.jobs.train.summarise import Summariser
from vmt.jobs.train.training_data import TrainingData
from vmt.model import checkpoints
from vmt.model.architectures import build
from vmt.model.chord_model import ChordModel
from vmt.model.mode import learn_mode
from vmt.model.regressor import VideoRegressor
from vmt.runtime.events import OnEvent
from vmt.training.config import RunConfig, TrainConfig
from vmt.training.distributed import ALONE, Team
from vmt.training.objectives import ChordObjective, Objective, RhythmObjective
from vmt.training.results import COLUMNS, LOSSES, REGRESSION_COLUMNS, EpochResult, best
from vmt.training.trainer import Trainer

_FOUND_IN_TRAINING = (
    "architecture",
    "parameters",
    "precision",
    "device",
    "vmt_version",
    "created_at",
)
"""Fields of the parameters that do not tell one run from another."""


@dataclass(frozen=True)
class Start:
    """Where a run begins other than at random weights of epoch 0.

    Attributes:
        source: the epoch of another run that it continues from.
        imported: the published files that it is made of.
        weights: reads the transformer's tensors; called only where the run has none of its own yet.
        epoch: the first row of the run's table: measured, not trained.
        step: optimizer steps taken before.
        moments: reads the optimizer's state; a fresh one where None.
        regressor: the biGRU's tensors, which are then not trained.
        unused: tensors of the imported file, kept with the run so that it can be written again.
    """

    source: RunSource | None = None
    imported: ImportedWeights | None = None
    weights: Callable[[], dict[str, Tensor]] | None = None
    epoch: int = 0
    step: int = 0
    moments: Callable[[], dict[str, Tensor]] | None = None
    regressor: dict[str, Tensor] | None = None
    unused: dict[str, Tensor] | None = None


class TrainingSession:
    """One call that trains a run, after its inputs are read."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        songs: TrainingData,
        device: torch.device,
        on_event: OnEvent,
        start: Start = Start(),
        team: Team = ALONE,
    ) -> None:
        self.run = run
        self.config = config
        self.songs = songs
        self.device = device
        self.on_event = on_event
        self.start = start
        self.team = team
        self.summariser = Summariser(run, config, songs)
        self.rows: list[EpochResult] = []

    def finish(self) -> str:
        """Train what is missing of the run, and name it; a finished run is left as it is.

        Raises:
            TrainingError: if a loss is not finite, or a run of that name has other settings.
            RunTaken: if another process takes the run meanwhile.
        """
        self._check_same()
        if not self._done():
            try:
                self._train_both()
            except RunTaken:  # the summary is the other's
                raise
            except VmtError as error:
                if self.team.leads:
                    self.summariser.write("failed", self._known_rows(), error=str(error))
                raise
        self.team.wait()
        return self.run.name

    def parameters(self) -> RunParameters:
        """The run's parameters, less what only training tells."""
        return RunParameters(
            run=self.run.name,
            preset=self.config.preset,
            dataset=self.songs.dataset,
            chord_labels=self.songs.chord_labels,
            extractor=self.songs.extractor,
            untrained=self.songs.untrained,
            seed=self.config.train.seed,
            source=self.start.source,
            imported=self.start.imported,
            model=dataclasses.asdict(self.config.model),
            train=self.config.train,
            regressor=self.config.regressor,
            regression=self.config.regression,
        )

    def _check_same(self) -> None:
        """Refuse a name that another configuration holds."""
        saved = self.run.saved_parameters()
        if saved is None:
            return
        before, now = encode(saved), encode(self.parameters())
        for name, value in now.items():
            if name not in _FOUND_IN_TRAINING and before.get(name) != value:
                raise TrainingError(
                    f"run {self.run.name} exists with another {name}: {before.get(name)!r}, not "
                    f"{value!r}; choose another run name"
                )

    def _done(self) -> bool:
        summary = self.run.summary()
        return summary is not None and summary.state == "done"

    def _train_both(self) -> None:
        """Both trainings and the summary that publishes the run."""
        lease = TrainingLease.take(self.run) if self.team.leads else None
        self.rows = self._train_chords(lease)
        self._fit_mode(lease)
        rhythm_rows = self._train_rhythm(lease)
        if lease is None:
            return
        lease.check()
        # Before the run is done: if it were killed between the two, the next start would leave a
        # finished run as it is, and nobody would be told of its best epoch.
        selection = best_epoch(self.run.store, self.run.name, on_event=self.on_event)
        regression = self.summariser.regression(best(rhythm_rows, 0))
        self.summariser.write(
            "done", self._known_rows(), regression=regression, epoch=selection.epoch
        )
        lease.end()

    def _train_chords(self, lease: TrainingLease | None) -> list[EpochResult]:
        torch.manual_seed(self.config.train.seed)
        model = build(self.config.model)
        objective = ChordObjective(model, self.config.train)
        fresh = self.run.loop() is None
        if self.start.weights is None:
            objective.learn_inputs(self.songs.train)
        elif fresh:
            model.load_state_dict(self.start.weights())

        trainer = self._trainer(objective, self.config.train, self.config.model.d_model, self.team)
        trainer.start_at(self.start.epoch, self.start.step)
        if fresh and self.start.moments is not None:
            trainer.load_moments(self.start.moments())
        if lease is not None:
            self._write_parameters(model, trainer)
        return PartTraining(
            self.run,
            keys.CHORDS,
            trainer,
            COLUMNS,
            partial(checkpoints.transformer_bytes, model),
            self.team,
            lease,
            self._tell_of_epoch,
        ).fit()

    def _fit_mode(self, lease: TrainingLease | None) -> None:
        """Learn major and minor from the picture; solved in a moment, so it is not resumed."""
        songs, key = self.songs.train, keys.mode_weights(self.run.name)
        if lease is None or not songs or self.run.store.head(key) is not None:
            return
        videos = [song.video for song in songs]
        model = learn_mode(videos, [song.minor for song in songs], self.config.train.seed)
        lease.check()
        self.run.store.put(key, checkpoints.mode_bytes(model))

    def _train_rhythm(self, lease: TrainingLease | None) -> list[EpochResult]:
        """The biGRU, small enough that each rank trains the whole of it."""
        torch.manual_seed(self.config.regression.seed)
        model = VideoRegressor(self.config.regressor)
        objective = RhythmObjective(model)
        if self.start.regressor is None:
            objective.learn_statistics(self.songs.train)
        else:
            model.load_state_dict(self.start.regressor)
        if self.start.unused and lease is not None:
            tensors = checkpoints.to_bytes(self.start.unused)
            self.run.store.put(keys.unused_tensors(self.run.name), tensors)

        d_model = self.config.regressor.d_model
        return PartTraining(
            self.run,
            keys.RHYTHM,
            self._trainer(objective, self.config.regression, d_model, ALONE),
            REGRESSION_COLUMNS,
            partial(checkpoints.regressor_bytes, model),
            self.team,
            lease,
        ).fit()

    def _trainer(
        self, objective: Objective, config: TrainConfig, d_model: int, team: Team
    ) -> Trainer:
        return Trainer(
            objective,
            config,
            self.songs.train,
            self.songs.validation,
            d_model=d_model,
            device=self.device,
            team=team,
        )

    def _write_parameters(self, model: ChordModel, trainer: Trainer) -> None:
        """The run's parameters, at its first start alone."""
        if self.run.saved_parameters() is None:
            self.run.write_parameters(
                dataclasses.replace(
                    self.parameters(),
                    architecture=self.config.model.kind,
                    parameters=model.n_parameters,
                    precision=trainer.precision,
                    device=self.device.type,
                    vmt_version=package_version("vmt"),
                    created_at=self.summariser.started_at,
                )
            )

    def _tell_of_epoch(self, rows: list[EpochResult]) -> None:
        """The summary and the event of an epoch that is in the store."""
        self.rows = rows
        self.summariser.write("running", rows)
        last = rows[-1]
        losses = {
            "train": dict(zip(LOSSES, last.train, strict=True)),
            "validation": dict(zip(LOSSES, last.validation, strict=True)),
        }
        place = {"run": self.run.name, "epoch": last.epoch, "of": self.config.train.epochs}
        self.on_event("vmt.epoch.finished", {**place, **losses})

    def _known_rows(self) -> list[EpochResult]:
        return self.rows or self.run.results()
