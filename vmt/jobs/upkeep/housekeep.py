"""Housekeeping: removes weights that are no longer needed, and what killed jobs left behind.

Of every run these weights stay: every best epoch (by each loss), the selected and the last one,
whatever is or was the champion, every n-th epoch, and all that are younger than so many days. Rows
of results.csv stay for ever. A removed epoch's optimizer state is not touched: only the last epoch
has one.

Left behind means older than `LEFT_AFTER` and without an owner: files of a take whose record was
never written, optimizer states that a run's loop does not name, uploads that never ended. A run
that says `running` but has written nothing for that long is marked failed, so that no page shows it
as running; `vmt train` still resumes it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from vmt.catalog import keys
from vmt.catalog.keys import Part
from vmt.catalog.records.runs import RunSummary
from vmt.catalog.runs import Run, now, read_champion, runs
from vmt.errors import SettingsError
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectInfo, ObjectStore
from vmt.training.results import best

LEFT_AFTER = timedelta(days=2)
"""Longer than any job may take."""


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
        store: the store.
        keep_every: epochs whose number it divides stay; 0 keeps none for its number.
        keep_days: weights younger than this stay, 0 or more.
        dry_run: only say what would be removed.
        at: the time now; the clock's where None.
        on_event: is told what was removed.

    Raises:
        SettingsError: if a number is negative.
        StoreError: if the store fails; what was removed before stays removed.
    """
    if min(keep_every, keep_days) < 0:
        raise SettingsError(f"keep_every {keep_every} and keep_days {keep_days} must be 0 or more")
    clock = at or datetime.now(UTC)
    old, abandoned = clock - timedelta(days=keep_days), clock - LEFT_AFTER

    # What can go.
    served = _served(store)
    weights: list[ObjectInfo] = []
    left: list[ObjectInfo] = []
    stopped: list[str] = []
    for run in runs(store):
        objects = list(store.list(keys.run_folder(run.name)))
        for part in keys.PARTS:
            kept = _kept(run, part, keep_every)
            if part == keys.CHORDS:
                kept |= served.get(run.name, set())
            weights += _old_weights(run, part, objects, kept, old)
            left += _lost_states(run, part, objects, abandoned)
        if _stalled(run, objects, abandoned):
            stopped.append(run.name)
    left += _without_record(store.list(keys.OUTPUTS), abandoned)
    uploads = list(store.unfinished(abandoned, remove=not dry_run))

    # It goes.
    if not dry_run:
        for info in (*weights, *left):
            store.delete(info.key)
        for name in stopped:
            _mark_stopped(Run(store, name))

    report = HousekeepReport(
        tuple(info.key for info in weights),
        (*(info.key for info in left), *uploads),
        tuple(stopped),
        sum(info.size for info in (*weights, *left)),
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


def _served(store: ObjectStore) -> dict[str, set[int]]:
    """Epochs that are or were the champion, by run: a rollback may ask for them."""
    champion = read_champion(store)
    epochs: dict[str, set[int]] = {}
    for run, epoch in champion.epochs if champion is not None else ():
        epochs.setdefault(run, set()).add(epoch)
    return epochs


def _kept(run: Run, part: Part, keep_every: int) -> set[int]:
    """Epochs of a part that stay, whatever their age."""
    rows = run.results(part)
    if not rows:
        return set()
    kept = {rows[-1].epoch, *(best(rows, column).epoch for column in range(3))}
    # Training resumes there: one epoch behind the table of a run that was killed, perhaps.
    loop = run.loop(part)
    if loop is not None:
        kept.add(loop.epoch)
    if part == keys.CHORDS and run.best_epochs() is not None:
        kept.add(run.best_epoch())
    if keep_every:
        kept |= {row.epoch for row in rows if row.epoch % keep_every == 0}
    return kept


def _old_weights(
    run: Run, part: Part, objects: Iterable[ObjectInfo], kept: set[int], before: datetime
) -> Iterator[ObjectInfo]:
    """Weights of finished epochs; of a run without any rows none is touched."""
    finished = {row.epoch for row in run.results(part)}
    for info in objects:
        epoch = keys.parse_weights(info.key, run.name, part)
        if epoch in finished and epoch not in kept and info.modified < before:
            yield info


def _lost_states(
    run: Run, part: Part, objects: Iterable[ObjectInfo], before: datetime
) -> Iterator[ObjectInfo]:
    """Optimizer states of epochs at which nothing resumes."""
    loop = run.loop(part)
    for info in objects:
        epoch = keys.parse_optimizer(info.key, run.name, part)
        if epoch is None or info.modified >= before:
            continue
        if loop is None or epoch != loop.epoch:
            yield info


def _stalled(run: Run, objects: Iterable[ObjectInfo], before: datetime) -> bool:
    """Whether a run says that it is running and wrote nothing for long."""
    newest = max((info.modified for info in objects), default=before)
    return newest < before and _says_running(run.summary())


def _says_running(summary: RunSummary | None) -> bool:
    return summary is not None and summary.state == "running"


def _mark_stopped(run: Run) -> None:
    summary = run.summary()
    if summary is not None and _says_running(summary):
        error = (
            f"it stopped after epoch {summary.epochs} and was not resumed; `vmt train` with the "
            "same arguments resumes it"
        )
        run.write_summary(replace(summary, state="failed", finished_at=now(), error=error))


def _without_record(objects: Iterable[ObjectInfo], before: datetime) -> Iterator[ObjectInfo]:
    """Files of takes that no record publishes."""
    files = (info for info in objects if keys.parse_output(info.key) is not None)
    for _, take in groupby(files, lambda info: info.key.rpartition("/")[0]):
        group = list(take)
        published = any(keys.is_output_record(info.key) for info in group)
        if not published and max(info.modified for info in group) < before:
            yield from group
