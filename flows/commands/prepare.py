"""`vmt flow prepare`: make what the deployments need on the server that PREFECT_API_URL names.

These are the work pool, its queues and the automations; `vmt flow deploy` needs the pool. A second
run changes nothing.
"""

from prefect.client.orchestration import get_client

from flows.engine.automations import prepare_automations, prepare_pool


def main() -> None:
    """Make the pool, the queues and the automations, or bring them up to date."""
    with get_client(sync_client=True) as client:
        prepare_pool(client)
        prepare_automations(client)


if __name__ == "__main__":
    main()
