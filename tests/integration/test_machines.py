"""More than one machine: workers of one queue each, and more runs at a time than SQLite under
Prefect bears.
"""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from flows.engine.deployments import POOL
from flows.engine.table import DEPLOYMENTS
from tests.integration import world as the
from tests.integration.world import SHOWN, World
from tests.prefect_server import start_worker, stop

pytestmark = [pytest.mark.server, pytest.mark.long]
RUNS: dict[str, dict[str, Any]] = {
    "generate": {"videos": SHOWN, "force": True},
    "evaluate": {"run": "one"},
    "housekeep": {},
    "ingest": {},
}
AT_ONCE = 2  # of those that may run several at a time


@pytest.mark.timeout(900)
def test_each_machine_takes_the_work_of_its_queue_and_many_run_at_once(
    world: World, tmp_path: Path
) -> None:
    made = world.rig
    made.end_worker()
    logs = {queue: tmp_path / queue for queue in ("cpu", "gpu")}
    workers = [
        start_worker(made.server, POOL, made.settings, log, "--work-queue", queue, "--limit", "4")
        for queue, log in logs.items()
    ]
    try:
        started = {}
        for each in DEPLOYMENTS:
            for _ in range(0 if each.name not in RUNS else AT_ONCE if each.overlap else 1):
                case, store = world.begin(world.trained)
                started[made.start(each.name, case, RUNS[each.name])] = (each, store)
        for run, (each, store) in started.items():
            assert made.wait(run) == StateType.COMPLETED, made.logs()
            for queue, log in logs.items():
                assert (str(run) in log.read_text()) == (queue == each.queue), (each.name, queue)
            if each.name == "generate":
                the.same_soundtracks(store, world.finished)
        the.free(made)
    finally:
        for worker in workers:
            stop(worker)
        made.start_worker()
