"""What a flow's process must find in its environment, however it was started: by a worker, by
`serve`, or by itself.
"""

HEARTBEAT_S = 30
FLOWS = {
    # Prefect's own default is 180 s, and a run that sends none for
    # `flows.engine.automations.LOST_AFTER_S` counts as lost.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # Four minutes, where the default of 5 is one: a Prefect server that is away for a while ends no
    # run.
    "PREFECT_CLIENT_MAX_RETRIES": "7",
    # What Prefect's server answers while its own database is away; 429, 502 and 503 are tried again
    # anyway.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
}
