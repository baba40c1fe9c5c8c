"""The progress of a job, read from its events: the current stage and how much of it is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# Event, name of the stage that it starts, payload field with the number of items.
_STARTED = {
    "vmt.ingest.started": ("ingest", "new"),
    "vmt.generate.started": ("soundtracks", "new"),
    "vmt.check.started": ("songs", "songs"),
    "vmt.score.started": ("scores", "outputs"),
}
_ITEM_DONE = {
    "vmt.video.ingested": "ingest",
    "vmt.video.refused": "ingest",
    "vmt.video.failed": "ingest",
    "vmt.soundtrack.ready": "soundtracks",
    "vmt.soundtrack.failed": "soundtracks",
    "vmt.check.done": "songs",
    "vmt.score.done": "scores",
}


@dataclass(frozen=True)
class Stage:
    """One stage of a job.

    Attributes:
        name: such as `ingest`, `training` or `soundtracks`.
        done: finished items, 0 to `total`.
        total: all items, 1 or more.
        detail: what else is known, such as the loss of the last epoch.
    """

    name: str
    done: int
    total: int
    detail: str = ""

    @property
    def share(self) -> float:
        """The finished part, 0 to 1."""
        return min(1.0, self.done / self.total)


@dataclass
class ProgressTracker:
    """Follows the events of one job.

    >>> tracker = ProgressTracker()
    >>> tracker.follow("vmt.ingest.started", {"new": 2})
    Stage(name='ingest', done=0, total=2, detail='')
    >>> tracker.follow("vmt.video.ingested", {"key": "videos/a.mp4"}).done
    1
    """

    _stages: dict[str, Stage] = field(default_factory=dict)

    def follow(self, event: str, payload: Mapping[str, Any]) -> Stage | None:
        """The stage that an event changes; None for an event without progress."""
        if event in _STARTED:
            name, counted = _STARTED[event]
            return self._set(Stage(name, 0, int(payload[counted])))

        if event in _ITEM_DONE and _ITEM_DONE[event] in self._stages:
            stage = self._stages[_ITEM_DONE[event]]
            return self._set(replace(stage, done=stage.done + 1))

        if event == "vmt.epoch.finished":
            loss = payload.get("validation", {}).get("chord")
            detail = "" if loss is None else f"chord NLL {loss:.4f}"
            return self._set(Stage("training", payload["epoch"], payload["of"], detail))

        if event == "vmt.demo.made":
            return self._set(Stage("demo videos", payload["made"], payload["videos"]))
        return None

    def _set(self, stage: Stage) -> Stage | None:
        if stage.total < 1:  # nothing is new, or a run without epochs
            return None
        self._stages[stage.name] = stage
        return stage


def event_text(payload: Mapping[str, Any], prefix: str = "") -> str:
    """A payload as text for logs; lists are left out.

    >>> event_text({"epoch": 3, "validation": {"chord": 2.10344}, "keys": ["a"]})
    'epoch=3 validation.chord=2.1034'
    """
    parts = []
    for name, value in payload.items():
        if isinstance(value, Mapping):
            parts.append(event_text(value, f"{prefix}{name}."))
        elif isinstance(value, float):
            parts.append(f"{prefix}{name}={value:.4f}")
        elif not isinstance(value, list | tuple):
            parts.append(f"{prefix}{name}={value}")
    return " ".join(part for part in parts if part)
