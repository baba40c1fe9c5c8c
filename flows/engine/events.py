"""What becomes of a job's events: lines of the run's log, Prefect's events for automations,
progress on its pages.
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

BATCHES = {
    "vmt.ingest.started": "ingest",
    "vmt.generate.started": "soundtracks",
    "vmt.score.started": "scores",
}
ITEMS = {
    "vmt.video.ingested": "ingest",
    "vmt.video.refused": "ingest",
    "vmt.video.failed": "ingest",
    "vmt.soundtrack.ready": "soundtracks",
    "vmt.soundtrack.failed": "soundtracks",
    "vmt.score.done": "scores",
}

# Work does not wait for a server that is away: Prefect's own client would ask for minutes, at every
# epoch.
AT_ONCE = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 5.0}
ASK_AGAIN_S = 30.0


def words(payload: Mapping[str, Any], prefix: str = "") -> str:
    """A payload for readers of logs: `epoch=3 validation.chord=2.1034`; lists are left out."""
    found = []
    for name, value in payload.items():
        if isinstance(value, Mapping):
            found.append(words(value, f"{prefix}{name}."))
        elif isinstance(value, float):
            found.append(f"{prefix}{name}={value:.4f}")
        elif not isinstance(value, list | tuple):
            found.append(f"{prefix}{name}={value}")
    return " ".join(word for word in found if word)


def resource(payload: Mapping[str, Any]) -> str:
    """What an event is about: `vmt.run.<run>`, `vmt.dataset.<version>`, `vmt.video.<id>`, or the
    store.
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
    """Progress artifacts of one task: a training's epochs, a batch's items.

    While the server does not answer they stay as they are; it is asked again after `ASK_AGAIN_S`.
    """

    artifacts: dict[str, UUID] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    ask_at: float = 0.0

    def follow(self, event: str, payload: Mapping[str, Any]) -> None:
        """Show what an event says of the progress; most say nothing."""
        if event == "vmt.epoch.finished" and payload["of"]:
            self._show(f"training-{payload['run']}", payload["epoch"] / payload["of"])
        elif event in BATCHES:
            name = BATCHES[event]
            self.wanted[name], self.done[name] = (
                int(payload.get("new", payload.get("outputs", 0))),
                0,
            )
        elif event in ITEMS and self.wanted.get(ITEMS[event]):
            name = ITEMS[event]
            self.done[name] += 1
            self._show(name, self.done[name] / self.wanted[name])

    def _show(self, name: str, share: float) -> None:
        if time.monotonic() < self.ask_at:
            return
        try:
            with temporary_settings(AT_ONCE):
                self._write(name, 100 * min(1.0, share))
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            get_run_logger().warning("progress is not shown: %s", error)
            self.ask_at = time.monotonic() + ASK_AGAIN_S

    def _write(self, name: str, percent: float) -> None:
        if name in self.artifacts:
            update_progress_artifact(self.artifacts[name], percent)
            return
        # Without a key an artifact is not listed.
        made = create_progress_artifact(
            percent, key=artifact_key("progress", name), description=f"Progress: {name}"
        )
        assert isinstance(made, UUID)
        self.artifacts[name] = made


def artifact_key(*parts: str) -> str:
    """Lower-case letters, digits and dashes."""
    return "-".join(
        "".join(c if c.isalnum() and c.isascii() else "-" for c in part.lower()) for part in parts
    )


def reporter() -> OnEvent:
    """A job's `on_event`; to be called in a task, and usable in its threads."""
    log, progress, context = get_run_logger(), Progress(), copy_context()

    def tell(name: str, payload: Mapping[str, Any]) -> None:
        emit_event(name, resource={"prefect.resource.id": resource(payload)}, payload=dict(payload))
        progress.follow(name, payload)

    def report(name: str, payload: Mapping[str, Any]) -> None:
        log.info("%s %s", name, words(payload))
        # Training publishes from a thread of its own, where an event would not know which flow run
        # it belongs to.
        context.copy().run(tell, name, payload)

    return report
