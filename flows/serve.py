"""`python -m flows.serve`: all deployments from one process, as `vmt up` starts it.

One process that serves is the only one that runs their flows. So a run that says it is running when it starts lost its
process when the last one was killed, and would keep its deployment from ever starting again: it is set Crashed.
"""

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.deployments import DEPLOYMENTS, serve_all
from flows.prepare import prepare_automations

UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def bury_lost_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Set Crashed what the last process left under way; those runs. Their slots come free."""
    found: list[FlowRun] = client.read_flow_runs(
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[each.name for each in DEPLOYMENTS])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
    )
    for run in found:
        client.set_flow_run_state(run.id, Crashed(message="the process that ran it was killed; start it again"))
    return found


if __name__ == "__main__":
    with get_client(sync_client=True) as client:
        bury_lost_runs(client)
        prepare_automations(client)
    serve_all()
