"""`nightly`: from what is new in the bucket to soundtracks by a model that has seen it."""

from dataclasses import dataclass
from typing import Any

from prefect import flow

from flows.artifacts import publish_losses, publish_night, publish_soundtracks, require_share
from flows.tasks import (
    Json,
    challenge_champion,
    count_videos,
    freeze_dataset,
    generate_soundtracks,
    held_out_videos,
    ingest_videos,
    last_trained_dataset,
    list_videos,
    store,
    train_model,
)

GROWTH_SHARE = 0.05
GROWTH_VIDEOS = 10


@dataclass(frozen=True)
class Decision:
    """Whether to train, and why or why not."""

    train: bool
    reason: str


def decide(videos: int, before: int | None, *, force: bool) -> Decision:
    """Train the first time, when told, or when the dataset grew enough since it was last trained on.

    Args:
        videos: in the newest dataset version.
        before: in the version that was last trained on; None before the first training.
        force: train whatever the growth.
    """
    if before is None:
        return Decision(True, f"the dataset has {videos} videos and was never trained on")
    growth = f"the dataset has {videos} videos, and had {before} when it was last trained on"
    if force:
        return Decision(True, f"told to train; {growth}")
    grown = videos - before
    if grown >= GROWTH_VIDEOS or (grown > 0 and grown >= GROWTH_SHARE * before):
        return Decision(True, growth)
    return Decision(False, f"{growth}; it trains again with {GROWTH_SHARE:.0%} or {GROWTH_VIDEOS} more")


@flow(name="nightly")
def nightly(
    dataset: str = "main",
    preset: str = "amt",
    overrides: dict[str, Any] | None = None,
    chord_labels: int = 157,
    min_validation: int = 1,
    min_test: int = 1,
    force: bool = False,
    fail_above: float = 0.5,
) -> Json:
    """Ingest, freeze, train if the dataset grew enough, let the new run challenge the champion, write soundtracks.

    Too many failures fail the flow at its end, when everything that can be done is done.

    Args:
        dataset: its name; a new version is frozen when its videos changed.
        preset: of model and training.
        overrides: settings that differ from the preset's.
        chord_labels: 25 or 157.
        min_validation: videos that a first version validates on, at least.
        min_test: videos that a first version holds out, at least; the held-out videos are the showcase.
        force: train even if the dataset did not grow.
        fail_above: the share of unusable videos, or of failed soundtracks, over which the flow fails, 0 to 1.

    Returns:
        The dataset version, the decision, the run if one was trained and the verdict on it, and the reports of ingest
        and generate.
    """
    ingested = ingest_videos("videos/")
    version = freeze_dataset(dataset, chord_labels, min_validation, min_test)
    before = last_trained_dataset(dataset, preset)
    decision = decide(count_videos(version), None if before is None else count_videos(before), force=force)
    run, verdict = None, "no challenger"
    if decision.train:
        run = train_model(version, preset, None, overrides or {})
        publish_losses(store(), run)
        verdict = challenge_champion(run)
    videos = [*held_out_videos(version), *list_videos("inbox/")]
    generated = generate_soundtracks(videos)
    publish_soundtracks(store(), generated)
    night = {
        "dataset": version,
        "decision": decision.reason,
        "run": run,
        "verdict": verdict,
        "ingest": ingested,
        "generate": generated,
    }
    publish_night(night)
    require_share([*ingested["refused"], *ingested["failed"]], ingested["found"], fail_above, "videos are not usable")
    require_share(generated["failed"], len(videos), fail_above, "soundtracks failed")
    return night
