"""What deployments on workers need: the work pool, its queues, and the automations that end lost
runs. `vmt flow prepare` makes them.
"""

from datetime import timedelta
from typing import Any

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.engine.deployments import POOL
from flows.engine.table import DEPLOYMENTS

HEARTBEAT = "prefect.flow-run.heartbeat"
# Six missing heartbeats (flows/engine/environment.py). With fewer, a Prefect server that was away
# for two minutes would set every living run Crashed when it comes back, before their heartbeats
# arrive.
LOST_AFTER_S = 180
# Far above the time of a start: 6 s on a quiet machine, half a minute on a busy one.
BEGINS_WITHIN_S = 600


def lost_runs(after_s: int = LOST_AFTER_S) -> AutomationCore:
    """The automation that sets a run Crashed when its heartbeat stops.

    A killed worker leaves its run Running for ever, and a deployment that allows one run at a time
    would never start again.
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
    """The automation that sets a run Crashed if its worker died before the process of the run
    started.
    """
    return _crash(
        "vmt: runs that never begin crash",
        "A run that a worker took and that sends no heartbeat has lost its worker; it must not "
        "block its deployment.",
        "prefect.flow-run.Pending",
        after_s,
        f"it did not begin within {after_s} s: the worker or its machine is gone",
    )


def _crash(name: str, description: str, after: str, within_s: int, message: str) -> AutomationCore:
    """An automation that sets a run Crashed.

    Args:
        name: of the automation; it identifies the automation on the server.
        description: shown on Prefect's page.
        after: the event that starts the wait.
        within_s: seconds without a heartbeat or a final state after that event.
        message: of the state Crashed.
    """
    ended = {
        f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")
    }
    names = [deployment.name for deployment in DEPLOYMENTS]
    ours: dict[str, str | list[str]] = {
        "prefect.resource.role": "flow",
        "prefect.resource.name": names,
    }
    return AutomationCore(
        name=name,
        description=description,
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(ours),  # other users' runs may send no heartbeat
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

    An automation that is up to date is not written: an update discards the heartbeats that it has
    seen, and a run that was lost before would never crash.
    """
    present = client.read_automations_by_name(automation.name)
    if present and _declared(present[0]) == _declared(automation):
        return
    if present:
        client.update_automation(present[0].id, automation)
    else:
        client.create_automation(automation)


def prepare_automations(client: SyncPrefectClient) -> None:
    """Make the automations that end runs without a worker, or bring them up to date."""
    for automation in (lost_runs(), runs_that_never_begin()):
        prepare_automation(client, automation)


def _declared(automation: AutomationCore) -> dict[str, Any]:
    """The declared fields of an automation, without the ids that the server adds."""
    return automation.model_dump(include=set(AutomationCore.model_fields))
