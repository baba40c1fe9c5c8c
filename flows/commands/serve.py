"""`python -m flows.commands.serve`: all deployments from one process, as `vmt up` starts it.

One process that serves is the only one that runs their flows. So a run that says it is running when
it starts lost its process when the last one was killed, and would keep its deployment from ever
starting again: it is set Crashed. Serving writes each deployment anew, as the table has it; what
somebody paused stays paused.
"""

import argparse

from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Crashed

from flows.engine.automations import prepare_automations
from flows.engine.deployments import DEPLOYMENTS
from flows.engine.notify import notify

OURS = DeploymentFilter(name=DeploymentFilterName(any_=[each.name for each in DEPLOYMENTS]))
UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
LOST = "the process that ran it was killed; start it again"
# SQLite, Prefect's own database on one machine, fails under more runs at a time.
LIMIT = 2


def bury_lost_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Set Crashed what the last process left under way; those runs. Their slots come free."""
    found: list[FlowRun] = client.read_flow_runs(
        deployment_filter=OURS,
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))
        ),
    )
    for run in found:
        client.set_flow_run_state(run.id, Crashed(message=LOST))
    return found


def notify_lost_runs(client: SyncPrefectClient, lost: list[FlowRun]) -> None:
    """Tell VMT_NOTIFY_URL of lost runs: the hooks that tell of others ran in the processes that are
    gone.
    """
    for run in lost:
        notify(f"VMT: {client.read_flow(run.flow_id).name} crashed", f"Run {run.name}: {LOST}")


def standing(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """The table's deployments that the server knows, by name."""
    return {each.name: each for each in client.read_deployments(deployment_filter=OURS)}


def rests(present: DeploymentResponse) -> bool:
    """Whether its schedules are paused; by whatever times they start it, which a new version may
    change.
    """
    return bool(present.schedules) and not any(each.active for each in present.schedules)


def as_they_stand(client: SyncPrefectClient) -> list[RunnerDeployment]:
    """The table's deployments to serve, each as paused as the server knows it."""
    present = standing(client)
    return [_paused_like(each.served(), present.get(each.name)) for each in DEPLOYMENTS]


def _paused_like(made: RunnerDeployment, present: DeploymentResponse | None) -> RunnerDeployment:
    if present is not None:
        made.paused = present.paused
        if rests(present):
            made.schedules = [
                each.model_copy(update={"active": False}) for each in made.schedules or ()
            ]
    return made


def main() -> None:
    """Serve every deployment until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.commands.serve", description="Serve every deployment."
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        help="runs at a time; more than 2 want Prefect on Postgres",
    )
    limit = parser.parse_args().limit
    with get_client(sync_client=True) as client:
        notify_lost_runs(client, bury_lost_runs(client))
        prepare_automations(client)
        deployments = as_they_stand(client)
    # Schedules outlive a restart: pausing them on shutdown would leave nightly off after an
    # upgrade.
    serve(*deployments, limit=limit, pause_on_shutdown=False)


if __name__ == "__main__":
    main()
