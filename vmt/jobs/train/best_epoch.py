"""Which epoch of a run is best: the lowest loss in results.csv whose weights are there and whole.

A run writes down the SHA-256 of every epoch's weights before the epoch counts. Weights that are
gone, that hash to something else, or that cannot be read are passed over, and the next best epoch
is looked at. So one file is read as a rule, and every file only where all are damaged.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from vmt.catalog.runs import HASHES, Run
from vmt.errors import TrainingError, WeightsError
from vmt.model.checkpoints import load_transformer
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore
from vmt.training.results import LOSSES, EpochResult, best, best_epochs


@dataclass(frozen=True)
class PassedOver:
    """A better epoch that cannot serve, and why."""

    epoch: int
    reason: str


@dataclass(frozen=True)
class Selection:
    """The epoch that a run selects.

    Attributes:
        selected_by: the loss that decides, `total` or `chord`.
        validation: the epoch's losses by name; None where there is no validation set.
        weights_sha256: of its weights as they stand in the store.
        passed_over: better epochs whose weights are missing or damaged, best first.
    """

    run: str
    epoch: int
    selected_by: str
    validation: dict[str, float | None]
    weights_sha256: str
    passed_over: tuple[PassedOver, ...]


def best_epoch(store: ObjectStore, run: str, *, on_event: OnEvent = ignore) -> Selection:
    """Select a run's best epoch, and write it to best_epochs.json and summary.json where they name
    another one.

    Raises:
        TrainingError: if there is no such run, no epoch is finished, or no epoch's weights can be
            used.
    """
    chosen = Run(store, run)
    select_by = str(chosen.parameters()["train"]["select_by"])
    rows = chosen.results()
    if not rows:
        raise TrainingError(
            f"run {run}: no epoch is finished yet; start `vmt train` again to go on"
        )
    passed_over: list[PassedOver] = []
    left = list(rows)
    while left:
        row = best(left, LOSSES.index(select_by))
        try:
            sha256 = check_weights(chosen, row.epoch)
        except (TrainingError, WeightsError) as error:
            passed_over.append(PassedOver(row.epoch, str(error)))
            left.remove(row)
            continue
        found = Selection(run, row.epoch, select_by, row.losses(), sha256, tuple(passed_over))
        _write(chosen, rows, row, found)
        on_event(
            "vmt.best-epoch", {**vars(found), "passed_over": [vars(each) for each in passed_over]}
        )
        return found
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
    written = (run.read_json(HASHES) or {}).get(str(epoch))
    if written is None:
        load_transformer(data, run.weights_key(epoch))
    elif written != sha256:
        raise TrainingError(
            f"run {run.name}: weights of epoch {epoch} are damaged: their SHA-256 is "
            f"{sha256[:12]}..., training "
            f"wrote {written[:12]}...; bring {run.weights_key(epoch)} back from a backup, or "
            "take another epoch"
        )
    return sha256


def _write(run: Run, rows: list[EpochResult], row: EpochResult, found: Selection) -> None:
    """The selection where pages and other jobs read it; nothing where it stands there already."""
    content: dict[str, Any] = best_epochs(rows, found.selected_by) | {"selected": row.epoch}
    if found.passed_over:
        content["passed_over"] = [vars(each) for each in found.passed_over]
    if run.read_json("best_epochs.json") != content:
        run.write_json("best_epochs.json", content)
    summary = run.read_json("summary.json")
    if summary is not None and summary.get("best_epoch") != row.epoch:
        run.write_json("summary.json", {**summary, "best_epoch": row.epoch, "best": row.losses()})
