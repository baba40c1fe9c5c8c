"""The names of flow runs: the flow, its subject and its time, such as `nightly main 2026-11-28
03:30`.

Prefect renames a run when it begins; until then it has a random name. The time is in UTC, like the
schedules.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from prefect.runtime import flow_run


def run_name() -> str:
    """The name of the flow run that is about to begin; for `flow_run_name` of every flow."""
    start = flow_run.scheduled_start_time
    parts = [flow_run.flow_name, subject(flow_run.parameters), f"{start:%Y-%m-%d %H:%M}"]
    return " ".join(str(part) for part in parts if part)


def subject(parameters: Mapping[str, Any]) -> str:
    """What a flow works on, in a few words: the first of the parameters that says it."""
    if parameters.get("rollback"):
        return "rollback"
    for name in ("videos", "contenders"):
        if items := parameters.get(name):
            more = f"+{len(items) - 1}" if len(items) > 1 else ""
            return f"{PurePosixPath(str(items[0])).stem}{more}"
    for name in ("run", "manifest", "dataset"):
        if value := parameters.get(name):
            return str(value)
    return ""
