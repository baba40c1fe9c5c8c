"""`python -m flows.commands.deploy`: `prefect deploy --all` of prefect.yaml, but what somebody
paused stays paused.

Deploying writes each deployment anew with its schedules active, so after an upgrade the nightly run
that an operator paused in Prefect's page would start again. Run it in the checkout, as `prefect
deploy` itself.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # it comes with Prefect, which reads prefect.yaml with it
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import DeploymentResponse

from flows.commands.serve import rests, standing

DECLARED = Path("prefect.yaml")


def as_it_stands(
    declared: dict[str, Any], present: Mapping[str, DeploymentResponse]
) -> dict[str, Any]:
    """What prefect.yaml declares, each deployment as paused as the server knows it."""
    deployments = []
    for each in declared["deployments"]:
        found = present.get(each["name"])
        if found is not None:
            schedules = [
                {**schedule, "active": False} if rests(found) else schedule
                for schedule in each["schedules"]
            ]
            each = {**each, "paused": found.paused, "schedules": schedules}
        deployments.append(each)
    return {**declared, "deployments": deployments}


def main() -> int:
    """Deploy; the exit code of `prefect deploy`."""
    with get_client(sync_client=True) as client:
        declared = as_it_stands(yaml.safe_load(DECLARED.read_text()), standing(client))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DECLARED.name
        path.write_text(yaml.safe_dump(declared, sort_keys=False))
        command = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(path)]
        return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
