"""Train a run on a dataset version, from random weights or from another run's epoch."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from vmt.catalog import keys
from vmt.catalog.page_index_writers import note_run
from vmt.catalog.records.runs import RunParameters, RunSource
from vmt.catalog.runs import Run
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.jobs.train.report import report_missing
from vmt.jobs.train.session import Start, TrainingSession
from vmt.jobs.train.training_data import TrainingData, load_training_data
from vmt.model import checkpoints
from vmt.model.architectures import recorded_config
from vmt.model.presets import Preset
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore
from vmt.training.config import RunConfig, continued_config, run_config
from vmt.training.distributed import ALONE, Team

_FIRST_PRESET = "vmt"


def train(
    store: ObjectStore,
    dataset: str | None = None,
    *,
    preset: str | Preset | None = None,
    run: str | None = None,
    overrides: Mapping[str, object] | None = None,
    source: str | None = None,
    source_epoch: int | None = None,
    device: str = "auto",
    team: Team = ALONE,
    on_event: OnEvent = ignore,
) -> str:
    """Train a preset on a dataset version, or resume a run that was stopped.

    The run's name follows from its inputs unless given, so that the same call resumes its own run:
    a finished one is left as it is.

    With `source` a new run continues from another run's epoch, with that run's settings and
    numbering: its table begins at the source's epoch, measured on the dataset, and holds the epochs
    that this run keeps weights of, so that its best epoch is one of them. From the last epoch of
    the source the optimizer, the step count and the schedule continue, and where the schedule does
    not look at the number of epochs (`amt`) every later epoch is, bit for bit, what the source
    would have come to. From an earlier epoch, whose optimizer is not kept, it is a warm start:
    fresh optimizer, schedule from its first step. The biGRU is trained from scratch on the dataset.

    Args:
        store: the store.
        dataset: `main` (its newest version) or `main@v0003`; None for the source's own version, or
            `main`.
        preset: a preset, or the name of a built-in one; `vmt` where None. A run with a source has
            the source's.
        run: its name; one that follows from the inputs where None.
        overrides: fields of the model's configuration and `TrainConfig` in place of the preset's
            or the source's.
        source: the run to continue from.
        source_epoch: its epoch; the last where None.
        device: `auto`, `cpu` or `cuda`.
        team: the processes that train together; see `vmt.training.distributed`.
        on_event: is told of each epoch.

    Returns:
        The run's name.

    Raises:
        TrainingError: if the settings are wrong, the training set is empty, a loss is not finite, a
            run of that name has other settings, or the source has no such epoch or reads other
            inputs.
        DatasetError: if the dataset is not there or its features are gone.
    """
    if source is None:
        songs = load_training_data(store, dataset or "main")
        config = run_config(
            preset or _FIRST_PRESET, songs.d_semantic, overrides or {}, songs.seconds
        )
        target, start = Run(store, run or _name(config, songs)), Start()
    else:
        if preset is not None:
            given = preset if isinstance(preset, str) else preset.name
            raise TrainingError(
                f"preset {given}: a run that continues from another keeps its preset; leave it out"
            )
        origin = _Origin.find(Run(store, source), source_epoch)
        songs = load_training_data(store, dataset or origin.parameters.dataset or "main")
        config = origin.config(songs, overrides or {})
        target = Run(store, run or _name(config, songs, f"/{source}@{origin.epoch}"))
        start = origin.start(target)
    name = TrainingSession(
        target, config, songs, choose_device(device), on_event, start, team
    ).finish()
    if team.leads:
        report_missing(store, name)
        note_run(store, name)
    return name


def _name(config: RunConfig, songs: TrainingData, origin: str = "") -> str:
    settings = json.dumps(dataclasses.asdict(config), sort_keys=True)
    digest = hashlib.sha256(f"{songs.dataset}/{settings}{origin}".encode()).hexdigest()[:6]
    return f"{config.preset}-{str(songs.dataset).replace('@', '-')}-{digest}"


@dataclass(frozen=True)
class _Origin:
    """The epoch of another run that a run continues from."""

    run: Run
    epoch: int
    parameters: RunParameters

    @classmethod
    def find(cls, run: Run, epoch: int | None) -> "_Origin":
        parameters, rows = run.parameters(), run.results()
        if not rows:
            raise TrainingError(
                f"run {run.name}: no epoch is finished yet, so none to continue from"
            )
        return cls(run, rows[-1].epoch if epoch is None else epoch, parameters)

    def config(self, songs: TrainingData, overrides: Mapping[str, object]) -> RunConfig:
        model = recorded_config(self.parameters.architecture, self.parameters.model)
        if model.d_semantic != songs.d_semantic:
            raise TrainingError(
                f"run {self.run.name} reads {model.d_semantic} semantic features and dataset "
                f"{songs.dataset} has {songs.d_semantic}; name a dataset of the same CLIP model"
            )
        return continued_config(
            self.parameters.preset, model, self.parameters.train, overrides, self.epoch
        )

    def start(self, target: Run) -> Start:
        """Where `target` begins; what it recorded at its first start holds, even where the source
        was trained further since.
        """
        parameters = target.saved_parameters()
        source = parameters.source if parameters is not None else None
        if source is None or (source.run, source.epoch) != (self.run.name, self.epoch):
            kept = self.run.store.head(self._state_key) is not None
            step = int(self._state()["step"]) if kept else 0
            source = RunSource(self.run.name, self.epoch, step, kept)
        return Start(
            source=source,
            weights=self._weights,
            epoch=self.epoch,
            step=source.step,
            moments=self._state if source.optimizer else None,
        )

    def _weights(self) -> dict[str, Tensor]:
        return checkpoints.from_bytes(
            self.run.weights(self.epoch), self.run.weights_key(self.epoch)
        )[0]

    @property
    def _state_key(self) -> str:
        return keys.optimizer(self.run.name, self.epoch)

    def _state(self) -> dict[str, Tensor]:
        return checkpoints.from_bytes(self.run.store.get(self._state_key), self._state_key)[0]
