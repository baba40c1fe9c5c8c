"""What deployments on workers rest on: the work pool, its queues, and the automations that end lost
runs.

`python -m flows.engine.automations` makes what is missing on the server that PREFECT_API_URL names
and brings the automations up to date; then `python -m flows.commands.deploy` finds its pool.
Running it again changes nothing.
"""

from datetime import timedelta
from typing import Any

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.engine.deployments import DEPLOYMENTS, POOL

HEARTBEAT = "prefect.flow-run.heartbeat"
# Six heartbeats are missing (flows/engine/environment.py). With fewer, a Prefect server that was
# away for two minutes would find every run lost when it comes back, before the runs that live can
# say so.
LOST_AFTER_S = 180
# Far above what a start takes: 6 s on a quiet machine, half a minute on a crowded one.
BEGINS_WITHIN_S = 600


def lost_runs(after_s: int = LOST_AFTER_S) -> AutomationCore:
    """The automation that sets a run Crashed when its heartbeat stops.

    A worker that is killed leaves its run Running for ever, and a deployment that allows one run at
    a time would never start again.
    """
    return _crash(
        "vmt: lost runs crash",
        "A run without a heartbeat has lost its worker or its machine; it must not block its "
        "deployment.",
        HEARTBEAT,
        after_s,
        f"no heartbeat for {after_s} s: the worker or its machine is gone",
    )


def runs_that_never_begin(after_s: int = BEGINS_WITHIN_S) -> AutomationCore:
    """The automation that sets a run Crashed whose worker was gone before the run's process could
    begin.
    """
    return _crash(
        "vmt: runs that never begin crash",
        "A run that a worker took and that sends no heartbeat has lost it; it must not block "
        "its deployment.",
        "prefect.flow-run.Pending",
        after_s,
        f"it did not begin within {after_s} s: the worker or its machine is gone",
    )


def _crash(name: str, description: str, after: str, within_s: int, message: str) -> AutomationCore:
    ended = {
        f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")
    }
    names = [each.name for each in DEPLOYMENTS]
    ours: dict[str, str | list[str]] = {
        "prefect.resource.role": "flow",
        "prefect.resource.name": names,
    }
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(ours),  # somebody else's runs may send no heartbeat
            for_each={"prefect.resource.id"},
            after={after},
            expect={HEARTBEAT, *ended},
            posture=Posture.Proactive,
            within=timedelta(seconds=within_s),
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed", force=False, state=StateType.CRASHED, message=message
            )
        ],
    )


def prepare_pool(client: SyncPrefectClient) -> None:
    """Make the work pool and the queues that the deployments name, where they are missing."""
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        )
    for queue in sorted({deployment.queue for deployment in DEPLOYMENTS}):
        try:
            client.create_work_queue(queue, work_pool_name=POOL)
        except ObjectAlreadyExists:
            continue


def prepare_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Make the automation, or bring it up to date.

    One that stands as it should is left alone: changed, it would forget the heartbeats it has seen,
    and a run that was lost before would never crash.
    """
    present = client.read_automations_by_name(automation.name)
    if present and _declared(present[0]) == _declared(automation):
        return
    if present:
        client.update_automation(present[0].id, automation)
    else:
        client.create_automation(automation)


def prepare_automations(client: SyncPrefectClient) -> None:
    """Those that end runs which lost their worker."""
    for automation in (lost_runs(), runs_that_never_begin()):
        prepare_automation(client, automation)


def _declared(automation: AutomationCore) -> dict[str, Any]:
    """What somebody declares of an automation; the server adds ids."""
    return automation.model_dump(include=set(AutomationCore.model_fields))


if __name__ == "__main__":
    with get_client(sync_client=True) as client:
        prepare_pool(client)
        prepare_automations(client)
