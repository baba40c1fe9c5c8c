"""The deployments: one table, for `serve` on one machine and for prefect.yaml (work pools and workers).

A test holds the table and prefect.yaml equal.
`python -m flows.deployments` serves them all from one process, on the Prefect server that PREFECT_API_URL names.
"""

import importlib
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

POOL = "vmt"
# SQLite, Prefect's own database on one machine, fails under more runs at a time.
SERVE_LIMIT = 2


@dataclass(frozen=True)
class Deployment:
    """One deployment; it bears the name of its flow, which is the name of its module as well.

    Attributes:
        name: of the deployment, the flow, the flow's function and its module in `flows`.
        queue: of the work pool `POOL`: `gpu` for what a GPU machine should do, `cpu` for the rest.
        cron: when it starts by itself; by hand alone if None. In UTC, so that no start moves or doubles when the
            clocks change.
        parameters: those that differ from the flow's own defaults.
        overlap: whether a second run may start while one is going; otherwise the second is cancelled at once.
    """

    name: str
    description: str
    queue: str
    cron: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    overlap: bool = False

    @property
    def entrypoint(self) -> str:
        """File and function, relative to the root of the checkout."""
        return f"flows/{self.name}.py:{self.name}"

    def flow(self) -> Flow[..., Any]:
        """The flow that it runs."""
        found = getattr(importlib.import_module(f"flows.{self.name}"), self.name)
        assert isinstance(found, Flow)
        return found

    def served(self) -> RunnerDeployment:
        """For `serve`, which knows no work pools."""
        # On the deployment alone: with a limit on a queue as well, a second run would wait instead of being cancelled.
        once = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
        deployment = self.flow().to_deployment(
            name=self.name,
            description=self.description,
            schedule=Cron(self.cron, timezone="UTC") if self.cron else None,
            parameters=self.parameters,
            concurrency_limit=None if self.overlap else once,
        )
        assert isinstance(deployment, RunnerDeployment)
        return deployment

    def declared(self) -> dict[str, Any]:
        """The entry of prefect.yaml."""
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "entrypoint": self.entrypoint,
            "parameters": self.parameters,
            "schedules": [{"cron": self.cron, "timezone": "UTC"}] if self.cron else [],
            "work_pool": {"name": POOL, "work_queue_name": self.queue},
        }
        if not self.overlap:
            entry["concurrency_limit"] = {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        return entry


DEPLOYMENTS = (
    Deployment("ingest", "New videos under videos/ become features.", queue="cpu", cron="*/15 * * * *"),
    Deployment(
        "nightly",
        "Ingest, freeze, train if the dataset grew enough, promote, write soundtracks of showcase and inbox.",
        queue="gpu",
        cron="30 3 * * *",
    ),
    Deployment("train", "One training run on a dataset version, with a preset and overrides.", queue="gpu"),
    Deployment("generate", "Soundtracks for a list of videos or a prefix.", queue="gpu", overlap=True),
)


def serve_all() -> None:
    """Serve every deployment from this process until it is stopped."""
    # Schedules outlive a restart: pausing them on shutdown would leave nightly off after an upgrade.
    serve(*(deployment.served() for deployment in DEPLOYMENTS), limit=SERVE_LIMIT, pause_on_shutdown=False)


if __name__ == "__main__":
    serve_all()
