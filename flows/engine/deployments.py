"""The deployments: one table, for `serve` on one machine and for prefect.yaml (work pools and
workers).

A test holds the table and prefect.yaml equal, and `flows.commands.serve` serves it from one
process.
"""

import importlib
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron

from flows.engine.environment import FLOWS

POOL = "vmt"


@dataclass(frozen=True)
class After:
    """An event that starts a deployment: Prefect makes an automation of it, which lives and dies
    with the deployment.

    Attributes:
        event: its name.
        flow: whose runs' events count; those of other flows do not.
        parameters: of the deployment, each with the name of the event's payload field that it
            takes.
    """

    event: str
    flow: str
    parameters: dict[str, str]

    def declared(self, name: str) -> dict[str, Any]:
        """The trigger as prefect.yaml has it."""
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
    """One deployment; it bears the name of its flow, which is the name of its module as well.

    Attributes:
        name: of the deployment, the flow, the flow's function and its module in `flows`.
        queue: of the work pool `POOL`: `gpu` for what a GPU machine should do, `cpu` for the rest.
        cron: when it starts by itself; by hand alone if None. In UTC, so that no start moves or
            doubles when the clocks change.
        parameters: those that differ from the flow's own defaults.
        overlap: whether a second run may start while one is going; otherwise the second is
            cancelled at once.
        after: the event that starts it, if one does.
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
        """The flow that it runs."""
        found = getattr(importlib.import_module(f"flows.{self.name}"), self.name)
        assert isinstance(found, Flow)
        return found

    def served(self) -> RunnerDeployment:
        """For `serve`, which knows no work pools."""
        # On the deployment alone: with a limit on a queue as well, a second run would wait instead
        # of being cancelled.
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
        """The entry of prefect.yaml."""
        entry: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "entrypoint": self.entrypoint,
            "parameters": self.parameters,
            "schedules": [{"cron": self.cron, "timezone": "UTC"}] if self.cron else [],
            "work_pool": {
                "name": POOL,
                "work_queue_name": self.queue,
                "job_variables": {"env": FLOWS},
            },
        }
        if not self.overlap:
            entry["concurrency_limit"] = {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        if self.after:
            entry["triggers"] = [self.after.declared(self.name)]
        return entry


DEPLOYMENTS = (
    Deployment(
        "ingest", "New videos under videos/ become features.", queue="cpu", cron="*/15 * * * *"
    ),
    Deployment(
        "nightly",
        "Ingest, freeze, train if the dataset grew enough, evaluate, promote or not, write the "
        "showcase, report.",
        queue="gpu",
        cron="30 3 * * *",
    ),
    Deployment(
        "train", "One training run on a dataset version, with a preset and overrides.", queue="gpu"
    ),
    Deployment(
        "generate",
        "Soundtracks for a list of videos, a manifest or a prefix.",
        queue="gpu",
        overlap=True,
    ),
    Deployment(
        "inbox",
        "New videos under inbox/ get a soundtrack by the champion, once each.",
        queue="gpu",
        cron="*/5 * * * *",
    ),
    Deployment(
        "evaluate",
        "Scores of a run's epoch beside the baselines, or of soundtracks; a finished `train` "
        "starts it.",
        queue="cpu",
        overlap=True,
        after=After("vmt.best-epoch", "train", {"run": "run", "epoch": "epoch"}),
    ),
    Deployment(
        "compare",
        "Runs or epochs side by side, by soundtracks for the same videos and their scores.",
        queue="gpu",
        overlap=True,
    ),
    Deployment(
        "promote", "Let a run's epoch serve, or bring back the one that served before.", queue="cpu"
    ),
    Deployment(
        "housekeep",
        "Old weights, what killed jobs left behind, Prefect's old runs.",
        queue="cpu",
        cron="0 5 * * 0",
    ),
)
