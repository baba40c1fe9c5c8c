"""`vmt flow deploy`: `prefect deploy --all` of prefect.yaml, for a first installation and upgrades.

Deploying writes each deployment again with its schedules active. After an upgrade the nightly run
that an operator paused in Prefect's page would start again, so a paused deployment or schedule is
declared as paused. Deployments of flows that this version no longer has are deleted, because their
schedules would start runs that cannot load. Run it in the folder of the checkout, as `prefect
deploy` itself.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # comes with Prefect, which reads prefect.yaml with it
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse

from flows.commands.arguments import NAMES
from flows.commands.serve import is_schedule_paused, known_deployments
from flows.engine.deployments import POOL

DECLARED = Path("prefect.yaml")


def keep_paused(
    declared: dict[str, Any], known: Mapping[str, DeploymentResponse]
) -> dict[str, Any]:
    """The declaration, with each deployment paused if the server has it paused."""
    deployments = []
    for deployment in declared["deployments"]:
        present = known.get(deployment["name"])
        if present is not None:
            schedules = deployment["schedules"]
            if is_schedule_paused(present):
                schedules = [{**schedule, "active": False} for schedule in schedules]
            deployment = {**deployment, "paused": present.paused, "schedules": schedules}
        deployments.append(deployment)
    return {**declared, "deployments": deployments}


def removed_deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """Deployments of our work pool whose flow `flows/NAME.py:NAME` this version does not have."""
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    removed = []
    for deployment in client.read_deployments(work_pool_filter=ours):
        flow = re.fullmatch(r"flows/(\w+)\.py:\1", deployment.entrypoint or "")
        if flow is not None and flow[1] == deployment.name and flow[1] not in NAMES:
            removed.append(deployment)
    return removed


def main() -> int:
    """Deploy; the exit code of `prefect deploy`."""
    with get_client(sync_client=True) as client:
        declared = keep_paused(yaml.safe_load(DECLARED.read_text()), known_deployments(client))
        for deployment in removed_deployments(client):
            client.delete_deployment(deployment.id)
            sys.stderr.write(f"deleted the deployment {deployment.name}: it has no flow any more\n")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DECLARED.name
        path.write_text(yaml.safe_dump(declared, sort_keys=False))
        command = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
        return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
