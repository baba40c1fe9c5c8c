"""Environment variables of a flow's process, whether a worker, `serve` or `run` starts it."""

from vmt import __version__

HEARTBEAT_S = 30
FLOWS = {
    # Prefect's own default is 180 s, and a run without a heartbeat for
    # `flows.engine.automations.LOST_AFTER_S` counts as lost.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # Four minutes of retries, where the default of 5 makes one minute: a run survives a Prefect
    # server that is away for a while.
    "PREFECT_CLIENT_MAX_RETRIES": "7",
    # Prefect's server answers 500 while its own database is away; 429, 502 and 503 are retried
    # anyway.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
}
DEPLOYED_VERSION = {"VMT_DEPLOYED_VERSION": __version__}
"""The version that deployed a flow, for its worker: see `flows.engine.version`."""
