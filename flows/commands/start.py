"""`vmt flow start NAME`: start a run of a deployment and follow it to its end.

The server is the one that PREFECT_API_URL names; the run happens on a worker, or where the
deployment is served. The log of the run goes to stderr as it comes. A run that does not complete is
one line on stderr and exit code 1; Ctrl-C stops following, and the run continues.
"""

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

from flows.commands.arguments import FlowCall, exit_code, parse_call
from vmt.errors import VmtError

LOOK_EVERY_S = 1.0
# Log lines reach the server in batches, so an older line may arrive after a newer one.
LATE = timedelta(seconds=10)
PAGE = 200
SERVER_AWAY_S = 120.0

Show = Callable[[str], None]


class RunFailed(VmtError):
    """A run did not complete, or could not be started."""


def begin(client: SyncPrefectClient, name: str, parameters: Mapping[str, Any]) -> FlowRun:
    """Create a run of the deployment `name`.

    Raises:
        RunFailed: if the server knows no such deployment.
    """
    try:
        deployment = client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound as error:
        raise RunFailed(
            f"deployment {name}: {client.api_url} has no deployment of that name; `vmt up` or "
            "`vmt flow deploy` creates it"
        ) from error
    return client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters))


def follow(client: SyncPrefectClient, run: FlowRun, show: Show) -> State[Any]:
    """Show the log of a run until it ends; its final state.

    A server that restarts meanwhile is waited for, up to `SERVER_AWAY_S`.

    Args:
        client: of the server.
        run: to follow.
        show: receives one line at a time.

    Raises:
        RunFailed: if the run was deleted, or the server does not come back.
    """
    shown = set[UUID]()
    since = run.created or datetime.now().astimezone()
    answered_at = time.monotonic()
    while True:
        try:
            state = client.read_flow_run(run.id).state
            # The log is read after the state: once the state is final, only lines that are still
            # on their way are missing.
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
    """Show the lines that are new; the time of the newest one.

    Args:
        client: of the server.
        run: whose log is read.
        since: time of the newest line shown so far.
        shown: ids of the lines shown so far.
        show: receives one line at a time.
    """
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
                show(_text(line))
                since = max(since, line.timestamp)
        offset += len(page)
    return since


def _text(line: Log) -> str:
    # The traceback of an error is left to Prefect's own log.
    return (
        f"{line.timestamp.astimezone():%H:%M:%S} {line.message.partition(chr(10) + 'Traceback')[0]}"
    )


def _show(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _start(call: FlowCall) -> None:
    """Start a run and follow it.

    Raises:
        RunFailed: if it does not complete.
    """
    if not PREFECT_API_URL.value():
        raise RunFailed("PREFECT_API_URL names no server; set it, or use `vmt flow run`")
    with get_client(sync_client=True) as client:
        run = begin(client, call.name, call.parameters)
        _show(f"the run {run.name} of {call.name} is requested")
        state = follow(client, run, _show)
    if not state.is_completed():
        raise RunFailed(f"run {run.name} of {call.name}: {state.name}: {state.message}")


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    call = parse_call("start", "Start a run of a deployment and follow it.", arguments)
    try:
        return exit_code(lambda: _start(call))
    except KeyboardInterrupt:
        _show("no longer followed; the run continues, and Prefect's page shows it")
        return 130


if __name__ == "__main__":
    # A script's `... &` ignores SIGINT for its children, and Ctrl-C could not stop following.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
