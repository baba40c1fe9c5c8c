"""`housekeep`: retention of weights, of what killed jobs left behind, and of Prefect's old runs."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, timedelta

from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.types import DateTime

from flows.engine.artifacts import publish_housekeeping
from flows.engine.deployments import DEPLOYMENTS
from flows.engine.events import reporter
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import RETRY, Json, store
from vmt.jobs.upkeep.housekeep import housekeep as job

PAGE = 200  # the most that Prefect returns
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED]


@task(name="housekeep", **RETRY)
def clean_store(keep_every: int, keep_days: int, dry_run: bool) -> Json:
    """What nobody will ask for leaves the store."""
    report = job(
        store(), keep_every=keep_every, keep_days=keep_days, dry_run=dry_run, on_event=reporter()
    )
    return dataclasses.asdict(report)


@task(name="forget old runs", **RETRY)
def forget_old_runs(days: int, dry_run: bool) -> int:
    """Delete Prefect's runs that ended over `days` ago, their task runs and states with them; how
    many there were.
    """
    before = DateTime.now(UTC) - timedelta(days=days)
    with get_client(sync_client=True) as client:
        return sum(1 for _ in _old_runs(client, before, keep=dry_run))


def _old_runs(client: SyncPrefectClient, before: DateTime, *, keep: bool) -> Iterator[FlowRun]:
    """Runs that ended before a moment, page by page; deleted on the way unless `keep`."""
    # The server may be others' as well, whose runs are theirs to keep.
    ours = FlowFilter(name=FlowFilterName(any_=[each.name for each in DEPLOYMENTS]))
    old = FlowRunFilter(
        end_time=FlowRunFilterEndTime(before_=before),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ENDED)),
    )
    offset = 0
    while True:
        page: list[FlowRun] = client.read_flow_runs(
            flow_filter=ours, flow_run_filter=old, limit=PAGE, offset=offset
        )
        for run in page:
            if not keep:
                try:
                    client.delete_flow_run(run.id)
                except ObjectNotFound:  # somebody else keeps house as well
                    continue
            yield run
        if len(page) < PAGE:
            return
        offset += PAGE if keep else 0


@flow(name="housekeep", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def housekeep(
    keep_every: int = 5, keep_days: int = 14, runs_days: int = 30, dry_run: bool = False
) -> Json:
    """Remove old weights, what killed jobs left behind, and Prefect's old runs.

    Args:
        keep_every: epochs whose number it divides keep their weights, beside the best, last and
            champion's; 0 keeps none for its number.
        keep_days: weights younger than this stay.
        runs_days: Prefect's runs that ended longer ago than this are deleted.
        dry_run: only say what would be removed.

    Returns:
        The keys of what was removed, what was freed, the runs that were marked as stopped, and how
        many of Prefect's runs were deleted.
    """
    report = {
        **clean_store(keep_every, keep_days, dry_run),
        "prefect_runs": forget_old_runs(runs_days, dry_run),
    }
    publish_housekeeping(report)
    return report
