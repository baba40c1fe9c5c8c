"""Start one run of a deployment and follow it: `python -m flows.commands.start nightly --parameters
'{"preset": "demo"}'`.

The run happens where the deployment is served, or on a worker; the server is the one that
PREFECT_API_URL names. The run's log goes to stderr as it comes. A run that does not complete is one
line on stderr and exit code 1; Ctrl-C stops following it, not the run.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp
from prefect.client.schemas.objects import FlowRun, Log, State
from prefect.client.schemas.sorting import LogSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from flows.engine.deployments import DEPLOYMENTS
from vmt.errors import VmtError

LOOK_EVERY_S = 1.0
# Lines reach the server in batches, so that an earlier one may come later.
LATE = timedelta(seconds=10)
PAGE = 200
SERVER_AWAY_S = 120.0

Show = Callable[[str], None]


class RunFailed(VmtError):
    """A run ended otherwise than it should."""


def begin(client: SyncPrefectClient, name: str, parameters: Mapping[str, Any]) -> FlowRun:
    """Ask for a run of the deployment `name`.

    Raises:
        RunFailed: if the server knows no such deployment.
    """
    try:
        deployment = client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound as error:
        raise RunFailed(
            f"deployment {name}: {client.api_url} knows none of that name; `vmt up` serves it"
        ) from error
    return client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters))


def follow(client: SyncPrefectClient, run: FlowRun, show: Show) -> State[Any]:
    """Show a run's log until it ends; its final state. A server that restarts meanwhile is waited
    for.

    Raises:
        RunFailed: if the run was deleted, or the server stays away.
    """
    shown, since, answered_at = (
        set[UUID](),
        run.created or datetime.now().astimezone(),
        time.monotonic(),
    )
    while True:
        try:
            state = client.read_flow_run(run.id).state
            # Read after the state: when that is final, the log is whole but for what is still on
            # its way.
            since = _show_new(client, run.id, since, shown, show)
            answered_at = time.monotonic()
            if state is not None and state.is_final():
                time.sleep(LOOK_EVERY_S)
                _show_new(client, run.id, since, shown, show)
                return state
        except ObjectNotFound as error:
            raise RunFailed(f"run {run.name}: deleted before it ended") from error
        except httpx.TransportError as error:
            if time.monotonic() - answered_at > SERVER_AWAY_S:
                raise RunFailed(
                    f"run {run.name}: {client.api_url} no longer answers ({error})"
                ) from error
        time.sleep(LOOK_EVERY_S)


def _show_new(
    client: SyncPrefectClient, run: UUID, since: datetime, shown: set[UUID], show: Show
) -> datetime:
    """Show lines that were not shown yet; when the newest was written."""
    only = LogFilter(
        flow_run_id=LogFilterFlowRunId(any_=[run]),
        timestamp=LogFilterTimestamp.model_validate({"after_": since - LATE}),
    )
    offset = 0
    while page := client.read_logs(
        log_filter=only, limit=PAGE, offset=offset, sort=LogSort.TIMESTAMP_ASC
    ):
        for line in page:
            if line.id not in shown:
                shown.add(line.id)
                show(_words(line))
                since = max(since, line.timestamp)
        offset += len(page)
    return since


def _words(line: Log) -> str:
    # A traceback stays in Prefect's own log.
    return (
        f"{line.timestamp.astimezone():%H:%M:%S} {line.message.partition(chr(10) + 'Traceback')[0]}"
    )


def _show(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.commands.start", description="Start a run of a deployment."
    )
    parser.add_argument("deployment", choices=[each.name for each in DEPLOYMENTS])
    parser.add_argument(
        "--parameters", default="{}", metavar="JSON", help="the flow's parameters, as one object"
    )
    given = parser.parse_args(arguments)
    try:
        parameters = json.loads(given.parameters)
    except json.JSONDecodeError as error:
        parser.error(f"--parameters is not JSON: {error}")
    if not isinstance(parameters, dict):
        parser.error(f"--parameters is not an object: {given.parameters}")
    if not PREFECT_API_URL.value():
        parser.error("PREFECT_API_URL names no server")
    try:
        with get_client(sync_client=True) as client:
            run = begin(client, given.deployment, parameters)
            sys.stderr.write(f"the run {run.name} of {given.deployment} is asked for\n")
            state = follow(client, run, _show)
        if not state.is_completed():
            raise RunFailed(f"run {run.name} of {given.deployment}: {state.name}: {state.message}")
    except KeyboardInterrupt:
        sys.stderr.write("no longer followed; the run goes on, and Prefect's page shows it\n")
        return 130
    except VmtError as error:
        sys.stderr.write(f"vmt: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    # A script's `... &` has it ignored, and then nobody could stop following.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
