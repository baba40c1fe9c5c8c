"""A whole production on loopback for the tests of faults: SeaweedFS behind a proxy, Prefect's
server on Postgres, a worker.

What a flow needs is small and ready: videos whose features stand in the store already, so that a
case spends its time where the fault strikes. Each case has a part of the bucket of its own, and is
compared with an undisturbed run.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import (
    ConcurrencyLimitStrategy,
    ConcurrencyOptions,
    FlowRun,
    StateType,
)
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.engine.automations import lost_runs, prepare_automation, prepare_pool
from flows.engine.deployments import POOL
from flows.engine.table import DEPLOYMENTS
from tests.flows.conftest import EXTRACTOR
from tests.integration.proxy import Proxy
from tests.postgres import Postgres, postgres
from tests.prefect_server import ROOT, PrefectServer, start_worker, stop
from tests.servers import S3Server, s3_server
from vmt.settings import Settings
from vmt.store import ObjectStore, open_store

FINAL = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
PRODUCT = {
    "VMT_CLIP_MODEL": EXTRACTOR.clip_model,
    "VMT_CLIP_WEIGHTS": EXTRACTOR.clip_weights,
    "VMT_DEVICE": "cpu",
    "VMT_WORKERS": "1",
    "OMP_NUM_THREADS": "1",
}


class Rig:
    """Everything that runs, and what can be done to it."""

    def __init__(self, folder: Path, s3: S3Server, database: Postgres) -> None:
        self.folder, self.s3, self.database = folder, s3, database
        self.proxy = Proxy(s3.ports[0])
        self.server = PrefectServer(folder, database.url)
        self.worker: subprocess.Popen[bytes] | None = None
        self.client: SyncPrefectClient | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The product's environment, by way of the proxy."""
        endpoint = f"http://127.0.0.1:{self.proxy.port}"
        return {
            **PRODUCT,
            **self.s3.environment,
            "VMT_S3_ENDPOINT_URL": endpoint,
            "VMT_CACHE": str(self.folder / "cache"),
        }

    def prepare(self, lost_after_s: int) -> None:
        """Pool, automation and deployments, without schedules; and a worker."""
        self.server.wait_until_ready()
        prepare_pool(self.api)
        self.lose_runs_after(lost_after_s)
        once = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
        for each in DEPLOYMENTS:
            flow_id = self.api.create_flow_from_name(each.name)
            self.api.create_deployment(
                flow_id,
                each.name,
                entrypoint=each.entrypoint,
                path=str(ROOT),
                pull_steps=[
                    {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
                ],
                work_pool_name=POOL,
                work_queue_name=each.queue,
                job_variables=each.declared()["work_pool"]["job_variables"],
                concurrency_limit=None if each.overlap else 1,
                concurrency_options=None if each.overlap else once,
            )
        self.start_worker()

    def lose_runs_after(self, seconds: int) -> None:
        """Have runs whose heartbeat stops crash after this time; runs that begin later alone."""
        prepare_automation(self.api, lost_runs(seconds))

    @property
    def api(self) -> SyncPrefectClient:
        assert self.client is not None
        return self.client

    def start_worker(self) -> None:
        self.worker = start_worker(self.server, POOL, self.settings, self.folder / "worker.log")

    def store(self, case: str) -> ObjectStore:
        """A case's part of the bucket, behind the proxy's back."""
        return open_store(f"s3://{self.s3.bucket}/{case}", self.s3.settings)

    def start(self, flow: str, case: str, parameters: Mapping[str, Any]) -> UUID:
        """Ask for a run on a case's part of the bucket."""
        deployment = self.api.read_deployment_by_name(f"{flow}/{flow}")
        variables = {"env": {"VMT_STORE": f"s3://{self.s3.bucket}/{case}"}}
        run = self.api.create_flow_run_from_deployment(
            deployment.id, parameters=dict(parameters), job_variables=variables
        )
        return run.id

    def read(self, run: UUID) -> FlowRun:
        return self.api.read_flow_run(run)

    def wait(self, run: UUID, timeout_s: float = 300) -> StateType:
        """The state in which a run ends."""
        deadline = time.monotonic() + timeout_s
        while (state := self.read(run).state_type) not in FINAL:
            assert time.monotonic() < deadline, f"run is {state}\n{self.logs()}"
            time.sleep(0.5)
        assert state is not None
        ended = self.read(run).state
        print(f"{run} ended {state}: {ended.message if ended else ''}")
        return state

    def logs(self) -> str:
        return "\n".join(
            f"--- {each}\n{(self.folder / each).read_text(errors='replace')[-4000:]}"
            for each in ("worker.log", "server.log")
            if (self.folder / each).exists()
        )

    def kill_run(self, run: UUID) -> None:
        _kill_all(f"PREFECT__FLOW_RUN_ID={run}")

    def kill_worker(self) -> None:
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()

    def end_worker(self) -> None:
        assert self.worker is not None
        stop(self.worker)

    def restart_server(self) -> None:
        self.server.start()
        self.server.wait_until_ready()

    def slots(self, flow: str) -> int:
        """Slots that a deployment's runs hold."""
        limit = self.api.read_deployment_by_name(f"{flow}/{flow}").global_concurrency_limit
        return limit.active_slots if limit is not None else 0

    def under_way(self) -> list[str]:
        """Runs that say they are going on."""
        return [each.name for each in self.api.read_flow_runs() if each.state_type not in FINAL]


def _kill_all(variable: str) -> None:
    """Kill every process whose environment says so."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.name.isdigit() and variable.encode() in (entry / "environ").read_bytes().split(
                b"\0"
            ):
                os.kill(int(entry.name), signal.SIGKILL)


@contextlib.contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Starting, to be prepared; killed at the end, flow processes without a worker included."""
    with s3_server(folder / "s3") as s3, postgres() as database:
        made = Rig(folder, s3, database)
        try:
            with (
                temporary_settings({PREFECT_API_URL: made.server.url}),
                get_client(sync_client=True) as client,
            ):
                made.client = client
                yield made
        finally:
            _kill_all(f"PREFECT_HOME={folder}")
            made.server.process.wait()
            if made.worker is not None:
                made.worker.wait()
            made.proxy.close()


def copy(source: ObjectStore, target: ObjectStore, folder: Path) -> None:
    """Every object."""
    for each in source.list():
        path = folder / "copied"
        source.get_file(each.key, path)
        target.put_file(each.key, path)


def product_settings(store: ObjectStore, cache: Path) -> Settings:
    return Settings(
        store=store.url,
        cache=cache,
        clip_model=EXTRACTOR.clip_model,
        clip_weights=EXTRACTOR.clip_weights,
        device="cpu",
        workers=1,
    )
