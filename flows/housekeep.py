"""`housekeep`: removes old weights, leftovers of killed jobs, and Prefect's old runs."""

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
from flows.engine.deployments import Deployment
from flows.engine.events import reporter
from flows.engine.names import NAMES
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import RETRY, Json, store
from vmt.catalog.records import encode
from vmt.jobs.upkeep.housekeep import HousekeepReport
from vmt.jobs.upkeep.housekeep import housekeep as job

DEPLOYMENT = Deployment(
    "housekeep",
    "Remove old weights, leftovers of killed jobs and Prefect's old runs.",
    queue="cpu",
    cron="0 5 * * 0",
)
PAGE = 200  # the most that Prefect returns
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED]


@task(name="housekeep", **RETRY)
def clean_store(keep_every: int, keep_days: int, dry_run: bool) -> HousekeepReport:
    """Remove old weights and leftovers from the store.

    Args:
        keep_every: epochs whose number it divides keep their weights; 0 keeps none by number.
        keep_days: weights younger than this stay.
        dry_run: whether nothing is removed.
    """
    return job(
        store(), keep_every=keep_every, keep_days=keep_days, dry_run=dry_run, on_event=reporter()
    )


@task(name="delete old runs", **RETRY)
def delete_old_runs(days: int, dry_run: bool) -> int:
    """Delete Prefect's runs that ended more than `days` ago, with their task runs and states; their
    number.
    """
    before = DateTime.now(UTC) - timedelta(days=days)
    with get_client(sync_client=True) as client:
        return sum(1 for _ in _old_runs(client, before, keep=dry_run))


def _old_runs(client: SyncPrefectClient, before: DateTime, *, keep: bool) -> Iterator[FlowRun]:
    """Runs that ended before a time, page by page; each is deleted unless `keep`.

    Args:
        client: of the server.
        before: the time.
        keep: whether the runs stay.
    """
    # The server may have runs of other users, which are not ours to delete.
    ours = FlowFilter(name=FlowFilterName(any_=list(NAMES)))
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
                except ObjectNotFound:  # another run of this flow deleted it
                    continue
            yield run
        if len(page) < PAGE:
            return
        offset += PAGE if keep else 0


@flow(name="housekeep", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def housekeep(
    keep_every: int = 5, keep_days: int = 14, runs_days: int = 30, dry_run: bool = False
) -> Json:
    """Remove old weights, leftovers of killed jobs, and Prefect's old runs.

    Args:
        keep_every: epochs whose number it divides keep their weights, besides the best, the last
            and the champion's; 0 keeps none by number.
        keep_days: weights younger than this stay.
        runs_days: Prefect's runs that ended longer ago than this are deleted.
        dry_run: whether nothing is removed, only reported.

    Returns:
        The removed keys, the freed bytes, the runs that were marked as stopped, and the number of
        Prefect's runs that were deleted.
    """
    report = clean_store(keep_every, keep_days, dry_run)
    prefect_runs = delete_old_runs(runs_days, dry_run)
    publish_housekeeping(report, prefect_runs)
    return {**encode(report), "prefect_runs": prefect_runs}
