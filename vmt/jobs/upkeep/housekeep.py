"""Keeping house: weights that nobody will ask for, and what killed jobs left behind.

Of every run these weights stay: every best epoch (by each loss), the selected and the last one,
whatever is or was the champion, every n-th epoch, and all that are younger than so many days. Rows
of results.csv stay for ever. A removed epoch's optimizer state is not touched: only the last epoch
has one.

Left behind means older than `LEFT_AFTER` and owned by nobody: files of a take whose record was
never written, optimizer states that a run's loop does not name, uploads that never ended. A run
that says `running` but has written nothing for that long is marked failed, so that no page shows it
as going on; `vmt train` goes on with it all the same.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from vmt.catalog.runs import Run, now, read_champion, runs
from vmt.errors import SettingsError
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectInfo, ObjectStore
from vmt.training.results import best

LEFT_AFTER = timedelta(days=2)
"""Longer than any job may take."""
_EPOCH = re.compile(r"/weights/epoch_(\d{4,})\.safetensors$")
_STATE = re.compile(r"/state/optimizer_(\d{4,})\.safetensors$")


@dataclass(frozen=True)
class HousekeepReport:
    """What was removed, or would be.

    Attributes:
        weights: keys of the epochs' weights.
        left_behind: keys of objects, and unfinished uploads in words.
        stopped: runs that said `running` and were not.
        freed_bytes: of the objects; unfinished uploads not counted.
        dry_run: whether nothing was touched.
    """

    weights: tuple[str, ...]
    left_behind: tuple[str, ...]
    stopped: tuple[str, ...]
    freed_bytes: int
    dry_run: bool


def housekeep(
    store: ObjectStore,
    *,
    keep_every: int = 5,
    keep_days: int = 14,
    dry_run: bool = False,
    at: datetime | None = None,
    on_event: OnEvent = ignore,
) -> HousekeepReport:
    """Remove old weights and what killed jobs left behind.

    Args:
        keep_every: epochs whose number it divides stay; 0 keeps none for its number.
        keep_days: weights younger than this stay, 0 or more.
        dry_run: only say what would be removed.
        at: the time now; the clock's where None.

    Raises:
        SettingsError: if a number is negative.
        StoreError: if the store fails; what was removed before stays removed.
    """
    if min(keep_every, keep_days) < 0:
        raise SettingsError(f"keep_every {keep_every} and keep_days {keep_days} must be 0 or more")
    clock = at or datetime.now(UTC)
    weights: list[ObjectInfo] = []
    left: list[ObjectInfo] = []
    stopped: list[str] = []
    crowned = _crowned(store)
    for run in runs(store):
        objects = list(store.list(run.key("")))
        for folder in ("", "regression/"):
            kept = _kept(run, folder, keep_every) | (
                crowned.get(run.name, set()) if not folder else set()
            )
            weights += _old_weights(run, folder, objects, kept, clock - timedelta(days=keep_days))
            left += _lost_states(run, folder, objects, clock - LEFT_AFTER)
        if _stalled(run, objects, clock - LEFT_AFTER):
            stopped.append(run.name)
    left += _without_record(store.list("outputs/"), clock - LEFT_AFTER)
    uploads = list(store.unfinished(clock - LEFT_AFTER, remove=not dry_run))
    if not dry_run:
        for each in (*weights, *left):
            store.delete(each.key)
        for name in stopped:
            _mark_stopped(Run(store, name))
    report = HousekeepReport(
        tuple(each.key for each in weights),
        (*(each.key for each in left), *uploads),
        tuple(stopped),
        sum(each.size for each in (*weights, *left)),
        dry_run,
    )
    counts = {
        "weights": len(report.weights),
        "left_behind": len(report.left_behind),
        "stopped": len(stopped),
    }
    on_event(
        "vmt.housekeep.done", {**counts, "freed_bytes": report.freed_bytes, "dry_run": dry_run}
    )
    return report


def _crowned(store: ObjectStore) -> dict[str, set[int]]:
    """Epochs that are or were the champion, by run: a rollback may ask for them."""
    champion = read_champion(store)
    found: dict[str, set[int]] = {}
    if champion is not None:
        found.setdefault(champion.run, set()).add(champion.epoch)
        for each in champion.history:
            found.setdefault(each["run"], set()).add(int(each["epoch"]))
    return found


def _kept(run: Run, folder: str, keep_every: int) -> set[int]:
    """Epochs that stay for what they are."""
    rows = run.results(folder)
    if not rows:
        return set()
    kept = {rows[-1].epoch, *(best(rows, column).epoch for column in range(3))}
    loop = run.read_json(f"{folder}state/loop.json")
    if (
        loop is not None
    ):  # where training goes on, which may be one epoch behind the table of a run that was killed
        kept.add(int(loop["epoch"]))
    if not folder and run.read_json("best_epochs.json") is not None:
        kept.add(run.best_epoch())
    if keep_every:
        kept |= {row.epoch for row in rows if row.epoch % keep_every == 0}
    return kept


def _old_weights(
    run: Run, folder: str, objects: Iterable[ObjectInfo], kept: set[int], before: datetime
) -> Iterator[ObjectInfo]:
    """Weights of finished epochs; of a run without any rows none is touched."""
    finished = {row.epoch for row in run.results(folder)}
    prefix = run.key(f"{folder}weights/")
    for each in objects:
        name = _EPOCH.search(each.key)
        if name is not None and each.key.startswith(prefix) and each.modified < before:
            epoch = int(name[1])
            if epoch in finished and epoch not in kept:
                yield each


def _lost_states(
    run: Run, folder: str, objects: Iterable[ObjectInfo], before: datetime
) -> Iterator[ObjectInfo]:
    loop = run.read_json(f"{folder}state/loop.json")
    prefix = run.key(f"{folder}state/")
    for each in objects:
        name = _STATE.search(each.key)
        if name is None or not each.key.startswith(prefix) or each.modified >= before:
            continue
        if loop is None or int(name[1]) != int(loop["epoch"]):
            yield each


def _stalled(run: Run, objects: Iterable[ObjectInfo], before: datetime) -> bool:
    """Whether a run says that it is running and wrote nothing for long."""
    newest = max((each.modified for each in objects), default=before)
    return newest < before and _says_running(run.read_json("summary.json"))


def _says_running(summary: dict[str, Any] | None) -> bool:
    return summary is not None and summary.get("state") == "running"


def _mark_stopped(run: Run) -> None:
    summary = run.read_json("summary.json")
    if summary is not None and _says_running(summary):
        error = (
            f"it stopped after epoch {summary['epochs']} and nobody went on; train with the "
            "same arguments goes on"
        )
        run.write_json(
            "summary.json", {**summary, "state": "failed", "finished_at": now(), "error": error}
        )


def _without_record(objects: Iterable[ObjectInfo], before: datetime) -> Iterator[ObjectInfo]:
    """Files of takes, `outputs/<run>/<epoch>/<id>/<take>/<file>`, that no record publishes."""
    takes = (each for each in objects if each.key.count("/") == 5)
    for _, files in groupby(takes, lambda each: each.key.rpartition("/")[0]):
        group = list(files)
        if (
            not any(each.key.endswith(".json") for each in group)
            and max(each.modified for each in group) < before
        ):
            yield from group
