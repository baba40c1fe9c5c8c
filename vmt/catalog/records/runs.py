"""What a run keeps: its parameters, its summary, its best epochs, and who trains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vmt.catalog.records.codec import Json, Record
from vmt.model.config import RegressorConfig
from vmt.training.config import TrainConfig
from vmt.training.results import LOSSES, EpochResult, best

RunState = Literal["starting", "running", "done", "failed"]
Losses = Mapping[str, float | None]
"""Validation losses by name (`total`, `chord`, `emotion`); None without a validation set."""


@dataclass(frozen=True)
class RunSource:
    """The epoch of another run that a run continues from.

    Attributes:
        run: the other run.
        epoch: its epoch.
        step: optimizer steps that it had taken.
        optimizer: whether its optimizer's state was there to continue with.
    """

    run: str
    epoch: int
    step: int = 0
    optimizer: bool = False


@dataclass(frozen=True)
class ImportedWeights:
    """The published files that a run was made of.

    Attributes:
        file: the name of the transformer's file.
        sha256: of its bytes.
        regression: SHA-256 of the regression's file; None where the biGRU was trained here.
    """

    file: str
    sha256: str
    regression: str | None = None


@dataclass(frozen=True)
class RunParameters(Record):
    """What a run is made of: enough to train it again.

    Attributes:
        run: its name.
        preset: the name of the preset.
        dataset: the version it was trained on; None for imported weights without one.
        chord_labels: 25 or 157.
        extractor: the name of the extractor whose features it reads.
        untrained: whether these features come of untrained weights.
        max_sequence_midi: kept for the published code's readers.
        seed: of weights, order, dropout and noise.
        source: the run that it continues from; `from` in JSON.
        imported: the published files that it was made of.
        model: settings of the chord model; which ones depends on its architecture.
        train: settings of its training.
        regressor: settings of the biGRU.
        regression: settings of the biGRU's training.
        architecture: of the chord model; None in runs of 0.1.0, whose preset tells it.
        parameters: how many numbers the chord model has.
        precision: of its training.
        device: it was trained on, `cpu` or `cuda`.
        vmt_version: that began it.
        created_at: when.
    """

    run: str
    preset: str
    dataset: str | None
    chord_labels: int
    extractor: str
    untrained: bool = False
    max_sequence_midi: int = 2048
    seed: int = 0
    source: RunSource | None = field(default=None, metadata={"json": "from"})
    imported: ImportedWeights | None = None
    model: Mapping[str, object] = field(default_factory=dict)
    train: TrainConfig = field(default_factory=TrainConfig)
    regressor: RegressorConfig = field(default_factory=RegressorConfig)
    regression: TrainConfig = field(default_factory=TrainConfig)
    architecture: str | None = None
    parameters: int | None = None
    precision: str | None = None
    device: str | None = None
    vmt_version: str | None = None
    created_at: str | None = None


@dataclass(frozen=True)
class RunBaselines:
    """Chord NLL of models that only count, on the validation songs, in nats."""

    unigram: float | None = None
    bigram: float | None = None


@dataclass(frozen=True)
class RegressionSummary:
    """The biGRU's best epoch on the validation songs.

    Attributes:
        best_epoch: its number.
        rmse_note_density: in notes a second.
        rmse_loudness: 0 to 1.
        constant_rmse_note_density: of the training songs' mean, which knows no video.
        constant_rmse_loudness: likewise.
    """

    best_epoch: int
    rmse_note_density: float | None = None
    rmse_loudness: float | None = None
    constant_rmse_note_density: float | None = field(default=None, metadata={"sparse": True})
    constant_rmse_loudness: float | None = field(default=None, metadata={"sparse": True})


@dataclass(frozen=True)
class RunSummary(Record):
    """What lists and pages read of a run.

    Attributes:
        run: its name.
        state: `running`, `done` or `failed`; `starting` is never stored.
        preset: the name of the preset.
        dataset: the version that it is trained on.
        chord_labels: 25 or 157.
        extractor: the name of the extractor whose features it reads.
        untrained: whether these features come of untrained weights.
        started_at: ISO 8601, UTC.
        finished_at: None while it runs.
        seconds: of training, over all its starts.
        epochs: the number of the last finished epoch.
        planned_epochs: the number of the last epoch to train.
        selected_by: the loss that selects the best epoch, `total` or `chord`.
        best_epoch: the epoch that it selects.
        best: validation losses of that epoch.
        last: validation losses of the last epoch.
        baselines: what the validation losses are compared with.
        regression: the biGRU's best epoch.
        error: why it failed.
    """

    run: str
    state: RunState
    preset: str = ""
    dataset: str | None = None
    chord_labels: int | None = None
    extractor: str | None = None
    untrained: bool = False
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    epochs: int | None = None
    planned_epochs: int | None = None
    selected_by: str = "total"
    best_epoch: int | None = None
    best: Losses | None = None
    last: Losses | None = None
    baselines: RunBaselines | None = None
    regression: RegressionSummary | None = None
    error: str | None = None


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the lowest value of one validation loss; the value is None without a
    validation set, where the training loss decides.
    """

    epoch: int
    value: float | None


@dataclass(frozen=True)
class PassedOver:
    """A better epoch that cannot be used, and why."""

    epoch: int
    reason: str


@dataclass(frozen=True)
class BestEpochs(Record):
    """The best epochs of a run.

    Attributes:
        selected_by: the loss that decides, `total` or `chord`.
        selected: the epoch that the run selects.
        best: the best epoch by each loss.
        passed_over: better epochs whose weights are missing or damaged, best first.
    """

    selected_by: str
    selected: int
    best: Mapping[str, BestEpoch] = field(default_factory=dict)
    passed_over: tuple[PassedOver, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[EpochResult], select_by: str) -> "BestEpochs":
        """Best epochs by each validation loss, the one of `select_by` selected."""
        leaders = {name: best(rows, column) for column, name in enumerate(LOSSES)}
        return cls(
            select_by,
            leaders[select_by].epoch,
            {name: BestEpoch(row.epoch, row.losses()[name]) for name, row in leaders.items()},
        )


@dataclass(frozen=True)
class WeightHashes(Record):
    """The SHA-256 of each epoch's weights, by the epoch's number as text."""

    epochs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def upgrade(cls, content: Json, schema: int) -> Json:
        """0.1.0 stored the map alone."""
        return {"epochs": content}


@dataclass(frozen=True)
class LoopState(Record):
    """The epoch at which training resumes: its weights and its optimizer's state are stored."""

    epoch: int


@dataclass(frozen=True)
class LeaseRecord(Record):
    """The process that trains a run.

    Attributes:
        token: random; whoever wrote it last holds the run.
        since: when.
    """

    token: str
    since: str


@dataclass(frozen=True)
class RunVerdict(Record):
    """What the gate decided about a run.

    Attributes:
        verdict: a sentence.
        promoted: whether the run became the champion.
        at: when.
    """

    verdict: str
    promoted: bool
    at: str


@dataclass(frozen=True)
class FormerChampion:
    """A run and epoch that served, from `since` to `until`; `rolled_back` where a rollback ended
    it.
    """

    run: str
    epoch: int
    since: str
    until: str
    rolled_back: bool = False


@dataclass(frozen=True)
class Champion(Record):
    """The run and epoch that serve, since when, and what served before, oldest first."""

    run: str
    epoch: int
    since: str
    history: tuple[FormerChampion, ...] = ()

    @property
    def epochs(self) -> tuple[tuple[str, int], ...]:
        """Every run and epoch that serves or served, newest first, each once."""
        former = ((past.run, past.epoch) for past in reversed(self.history))
        return tuple(dict.fromkeys(((self.run, self.epoch), *former)))
