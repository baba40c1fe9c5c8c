"""What a flow declares of its deployment, as `DEPLOYMENT`; `flows.engine.table` collects them."""

import importlib
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from flows.engine.environment import DEPLOYED_VERSION, FLOWS

POOL = "vmt"


@dataclass(frozen=True)
class After:
    """An event that starts a deployment. Prefect makes an automation of it and deletes it with the
    deployment.

    Attributes:
        event: name of the event.
        flow: only events from runs of this flow count.
        parameters: parameters of the deployment, by name, with the payload field that each takes.
    """

    event: str
    flow: str
    parameters: dict[str, str]

    def declared(self, name: str) -> dict[str, Any]:
        """The trigger, as in prefect.yaml."""
        return {
            "name": f"vmt: {name} after {self.event}",
            "expect": [self.event],
            "match_related": {"prefect.resource.role": "flow", "prefect.resource.name": self.flow},
            "parameters": {
                name: f"{{{{ event.payload.{field} }}}}" for name, field in self.parameters.items()
            },
        }


@dataclass(frozen=True)
class Deployment:
    """One deployment; deployment, flow and module have the same name.

    Attributes:
        name: of the deployment, the flow, the flow's function and its module in `flows`.
        description: shown on Prefect's page.
        queue: of the work pool `POOL`: `gpu` for work that a GPU speeds up, otherwise `cpu`.
        cron: schedule in UTC, so that no run moves or doubles when the clocks change; None for a
            deployment that is started by hand.
        parameters: parameters that differ from the defaults of the flow.
        overlap: whether runs may overlap; if not, a second run is cancelled at once.
        after: the event that starts the deployment, if any.
    """

    name: str
    description: str
    queue: str
    cron: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    overlap: bool = False
    after: "After | None" = None

    @property
    def entrypoint(self) -> str:
        """File and function, relative to the root of the checkout."""
        return f"flows/{self.name}.py:{self.name}"

    def flow(self) -> Flow[..., Any]:
        """The flow of the deployment."""
        flow = getattr(importlib.import_module(f"flows.{self.name}"), self.name)
        assert isinstance(flow, Flow)
        return flow

    def served(self) -> RunnerDeployment:
        """The deployment for `serve`, without a work pool."""
        # The limit is on the deployment only: with a limit on the queue as well, a second run would
        # wait instead of being cancelled.
        once = ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        )
        deployment = self.flow().to_deployment(
            name=self.name,
            description=self.description,
            schedule=Cron(self.cron, timezone="UTC") if self.cron else None,
            parameters=self.parameters,
            concurrency_limit=None if self.overlap else once,
            triggers=[DeploymentEventTrigger(**self.after.declared(self.name))]
            if self.after
            else [],
        )
        assert isinstance(deployment, RunnerDeployment)
        return deployment

    def declared(self) -> dict[str, Any]:
        """The deployment's entry of prefect.yaml."""
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "entrypoint": self.entrypoint,
            "parameters": self.parameters,
            "schedules": [{"cron": self.cron, "timezone": "UTC"}] if self.cron else [],
            "work_pool": {
                "name": POOL,
                "work_queue_name": self.queue,
                "job_variables": {"env": {**FLOWS, **DEPLOYED_VERSION}},
            },
        }
        if not self.overlap:
            entry["concurrency_limit"] = {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        if self.after:
            entry["triggers"] = [self.after.declared(self.name)]
        return entry
