"""Published weights in and out: a `.pickle` becomes a run like any other, and a run's epoch a
`.pickle`.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from vmt.catalog import keys
from vmt.catalog.records.runs import ImportedWeights
from vmt.catalog.runs import Run
from vmt.errors import WeightsError
from vmt.hardware import choose_device
from vmt.jobs.train.session import Start, TrainingSession
from vmt.jobs.train.training_data import TrainingData, load_training_data
from vmt.model.checkpoints import from_bytes
from vmt.model.config import ModelConfig
from vmt.model.published import (
    read_regressor,
    read_transformer,
    regressor_pickle,
    transformer_pickle,
)
from vmt.model.regressor import RegressorConfig
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore
from vmt.training.config import REGRESSION_TRAIN, RunConfig, TrainConfig

PRESET = "published"
"""What such a run calls its preset, so that it is not taken for one that was trained here."""


@dataclass(frozen=True)
class ImportReport:
    """The run that was made, and the modules of the regression's file that VMT keeps but has no use
    for.
    """

    run: str
    unused: tuple[str, ...]


def import_weights(
    store: ObjectStore,
    file: Path,
    *,
    regression: Path | None = None,
    dataset: str | None = None,
    run: str | None = None,
    n_heads: int | None = None,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> ImportReport:
    """Make a run of published weights: its only epoch, 0, is theirs.

    It is evaluated on `dataset` and takes that dataset's extractor; without one its losses are
    unknown (nan) and its extractor is MuVi-Sync's, which published weights were trained on. Its
    biGRU is the published one where `regression` is given, else one that is trained on the dataset.
    `train` continues from it like from any run.

    Args:
        store: the store.
        file: the transformer's `state_dict`.
        regression: the regression's `state_dict`.
        dataset: `main`, or `main@v0003`.
        run: its name; one that follows from the files and the dataset where None.
        n_heads: where the tensors do not tell; 8 where None.
        device: `auto`, `cpu` or `cuda`.
        on_event: is told of each epoch of the biGRU.

    Raises:
        WeightsError: if a file is missing, damaged, another model's or holds more than tensors, or
            if there is neither a regression nor a dataset to train one on.
        TrainingError: if a run of that name holds something else.
    """
    data = _read(file)
    model = read_transformer(data, str(file), n_heads)
    songs = load_training_data(store, dataset) if dataset is not None else TrainingData()
    _check_width(file, model.config.d_semantic, songs)
    published = ImportedWeights(file.name, _sha256(data))
    regressor, tensors, unused = RegressorConfig(model.config.d_semantic), None, dict[str, Tensor]()
    regression_train = REGRESSION_TRAIN
    if regression is not None:
        data = _read(regression)
        bigru, unused = read_regressor(data, str(regression))
        _check_width(regression, bigru.config.d_semantic, songs)
        regressor, tensors = bigru.config, bigru.state_dict()
        published = dataclasses.replace(published, regression=_sha256(data))
        regression_train = dataclasses.replace(REGRESSION_TRAIN, epochs=0)
    elif not songs.train:
        raise WeightsError(
            f"{file}: has no rhythm; give the published regression's file, or a dataset to "
            "train one on"
        )
    train = TrainConfig(epochs=0)
    config = RunConfig(PRESET, model.config, train, regressor, regression_train)
    target = Run(store, run or _name(published, songs, config))
    start = Start(imported=published, weights=model.state_dict, regressor=tensors, unused=unused)
    name = TrainingSession(target, config, songs, choose_device(device), on_event, start).finish()
    return ImportReport(name, tuple(sorted({key.partition(".")[0] for key in unused})))


def _check_width(file: Path, d_semantic: int, songs: TrainingData) -> None:
    wanted = songs.d_semantic if songs.train else ModelConfig().d_semantic
    if d_semantic != wanted:
        raise WeightsError(
            f"{file}: reads {d_semantic} semantic features and {songs.dataset or 'MuVi-Sync'} "
            f"has {wanted}; "
            "name a dataset that fits"
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def export_weights(store: ObjectStore, run: str, epoch: int | None = None) -> bytes:
    """An epoch's transformer as the published code saves it; the epoch that the run selected where
    None.

    Raises:
        TrainingError: if the run or the epoch is not in the store.
        WeightsError: if the published code could not use the weights.
    """
    source = Run(store, run)
    source.parameters()
    number = source.best_epoch() if epoch is None else epoch
    return transformer_pickle(source.transformer(number), f"run {run} epoch {number}")


def export_regression(store: ObjectStore, run: str) -> bytes:
    """A run's imported regression as it was published.

    Raises:
        TrainingError: if the run is not in the store.
        WeightsError: if its biGRU was trained here, which the published code could not use.
    """
    source = Run(store, run)
    source.parameters()
    key = keys.unused_tensors(run)
    unused = from_bytes(store.get(key), key)[0] if store.head(key) is not None else {}
    return regressor_pickle(source.regressor(), unused, f"run {run}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{file}: cannot be read ({error.strerror}); name a .pickle of published weights"
        ) from error


def _name(published: ImportedWeights, songs: TrainingData, config: RunConfig) -> str:
    inputs = json.dumps(
        [published.sha256, published.regression, songs.dataset, dataclasses.asdict(config)]
    )
    return "-".join(
        [PRESET, *(songs.dataset or "").split("@"), _sha256(inputs.encode())[:6]]
    ).replace("--", "-")
