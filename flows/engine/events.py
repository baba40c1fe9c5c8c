"""The events of a job in Prefect: lines of the run's log, events for automations, progress on its
pages.
"""

import time
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.events import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from vmt.runtime.events import OnEvent
from vmt.runtime.progress import ProgressTracker, event_text

# The work does not wait for a server that is away: Prefect's own client would retry for minutes at
# every epoch.
NO_RETRIES = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 5.0}
RETRY_AFTER_S = 30.0


def resource(payload: Mapping[str, Any]) -> str:
    """The resource of an event: `vmt.run.<run>`, `vmt.dataset.<version>`, `vmt.video.<id>` or
    `vmt.store`.
    """
    for key, kind in (
        ("id", "video"),
        ("video", "video"),
        ("run", "run"),
        ("dataset", "dataset"),
        ("key", "object"),
    ):
        if payload.get(key) is not None:
            return f"vmt.{kind}.{payload[key]}"
    return "vmt.store"


@dataclass
class Progress:
    """Progress artifacts of one task: the epochs of a training, the items of a batch.

    They are not updated while the server does not answer; the next try is after `RETRY_AFTER_S`.
    """

    artifacts: dict[str, UUID] = field(default_factory=dict)
    tracker: ProgressTracker = field(default_factory=ProgressTracker)
    retry_at: float = 0.0

    def follow(self, event: str, payload: Mapping[str, Any]) -> None:
        """Update the artifact of the stage that an event changes, if it changes one."""
        stage = self.tracker.follow(event, payload)
        if stage is None or not stage.done:
            return
        name = f"training-{payload['run']}" if stage.name == "training" else stage.name
        self._show(name, stage.share)

    def _show(self, name: str, share: float) -> None:
        if time.monotonic() < self.retry_at:
            return
        try:
            with temporary_settings(NO_RETRIES):
                self._write(name, 100 * share)
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            get_run_logger().warning("the progress artifact is not updated: %s", error)
            self.retry_at = time.monotonic() + RETRY_AFTER_S

    def _write(self, name: str, percent: float) -> None:
        if name in self.artifacts:
            update_progress_artifact(self.artifacts[name], percent)
            return
        # Prefect lists an artifact only if it has a key.
        artifact = create_progress_artifact(
            percent, key=artifact_key("progress", name), description=f"Progress: {name}"
        )
        assert isinstance(artifact, UUID)
        self.artifacts[name] = artifact


def artifact_key(*parts: str) -> str:
    """A key of an artifact: lower-case letters, digits and dashes."""
    return "-".join(
        "".join(c if c.isalnum() and c.isascii() else "-" for c in part.lower()) for part in parts
    )


def reporter() -> OnEvent:
    """The `on_event` of a job; call it in a task; the result works in all threads of the task."""
    log, progress, context = get_run_logger(), Progress(), copy_context()

    def publish(name: str, payload: Mapping[str, Any]) -> None:
        emit_event(name, resource={"prefect.resource.id": resource(payload)}, payload=dict(payload))
        progress.follow(name, payload)

    def report(name: str, payload: Mapping[str, Any]) -> None:
        log.info("%s %s", name, event_text(payload))
        # Training publishes from a thread of its own; the copied context tells Prefect which flow
        # run the event belongs to.
        context.copy().run(publish, name, payload)

    return report
