"""Which epoch of a run is best: the lowest loss in results.csv whose weights are there and whole.

A run writes down the SHA-256 of every epoch's weights before the epoch counts. Weights that are
gone, that hash to something else, or that cannot be read are passed over, and the next best epoch
is looked at. So one file is read as a rule, and every file only where all are damaged.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vmt.catalog.records.runs import BestEpochs, PassedOver
from vmt.catalog.runs import Run
from vmt.errors import TrainingError, WeightsError
from vmt.model.checkpoints import load_transformer
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore
from vmt.training.results import LOSSES, EpochResult, best


@dataclass(frozen=True)
class Selection:
    """The epoch that a run selects.

    Attributes:
        run: its name.
        epoch: the number.
        selected_by: the loss that decides, `total` or `chord`.
        validation: the epoch's losses by name; None where there is no validation set.
        weights_sha256: of its weights in the store.
        passed_over: better epochs whose weights are missing or damaged, best first.
    """

    run: str
    epoch: int
    selected_by: str
    validation: Mapping[str, float | None]
    weights_sha256: str
    passed_over: tuple[PassedOver, ...]


def best_epoch(store: ObjectStore, run: str, *, on_event: OnEvent = ignore) -> Selection:
    """Select a run's best epoch, and write it to best_epochs.json and summary.json where they name
    another one.

    Args:
        store: the store.
        run: its name.
        on_event: is told of the selection.

    Raises:
        TrainingError: if there is no such run, no epoch is finished, or no epoch's weights can be
            used.
    """
    named = Run(store, run)
    select_by = named.parameters().train.select_by
    rows = named.results()
    if not rows:
        raise TrainingError(
            f"run {run}: no epoch is finished yet; start `vmt train` again to resume"
        )
    passed_over: list[PassedOver] = []
    left = list(rows)
    while left:
        row = best(left, LOSSES.index(select_by))
        try:
            sha256 = check_weights(named, row.epoch)
        except (TrainingError, WeightsError) as error:
            passed_over.append(PassedOver(row.epoch, str(error)))
            left.remove(row)
            continue
        selection = Selection(run, row.epoch, select_by, row.losses(), sha256, tuple(passed_over))
        _write(named, rows, row, selection)
        skipped = [vars(better) for better in passed_over]
        on_event("vmt.best-epoch", {**vars(selection), "passed_over": skipped})
        return selection
    raise TrainingError(
        f"run {run}: none of its {len(rows)} epochs has weights that can be used, the best one: "
        f"{passed_over[0].reason}; train it again under another name"
    )


def check_weights(run: Run, epoch: int) -> str:
    """The SHA-256 of an epoch's weights, if they are what training wrote.

    Weights of runs that wrote down no hashes count when they can be loaded.

    Raises:
        TrainingError: if there are none, or they hash to something else.
        WeightsError: if they cannot be read.
    """
    data = run.weights(epoch)
    sha256 = hashlib.sha256(data).hexdigest()
    written = run.weight_hash(epoch)
    if written is None:
        load_transformer(data, run.weights_key(epoch))
    elif written != sha256:
        raise TrainingError(
            f"run {run.name}: weights of epoch {epoch} are damaged: their SHA-256 is "
            f"{sha256[:12]}..., training wrote {written[:12]}...; restore "
            f"{run.weights_key(epoch)} from a backup, or take another epoch"
        )
    return sha256


def _write(run: Run, rows: list[EpochResult], row: EpochResult, selection: Selection) -> None:
    """The selection where pages and other jobs read it; nothing where it is there already."""
    epochs = replace(
        BestEpochs.of(rows, selection.selected_by),
        selected=row.epoch,
        passed_over=selection.passed_over,
    )
    if run.best_epochs() != epochs:
        run.write_best_epochs(epochs)
    summary = run.summary()
    if summary is not None and summary.best_epoch != row.epoch:
        run.write_summary(replace(summary, best_epoch=row.epoch, best=row.losses()))
