"""Compare epochs or runs by what they make of the same videos: scores and outputs side by side."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from vmt.arrange.config import GenerateConfig
from vmt.errors import GenerationError
from vmt.jobs.soundtrack.generate import chosen, generate
from vmt.jobs.soundtrack.score import Scores, listener, score_outputs
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.settings import Settings
from vmt.store import ObjectStore


@dataclass(frozen=True)
class Contender:
    """A run and epoch, what it made (video id to the record's key) and how that scores."""

    run: str
    epoch: int
    outputs: dict[str, str]
    failed: dict[str, str]
    scores: Scores


@dataclass(frozen=True)
class Comparison:
    """Contenders in the order asked, and the key of the JSON object that holds it all."""

    key: str
    contenders: tuple[Contender, ...]


def compare(
    store: ObjectStore,
    settings: Settings,
    contenders: Sequence[tuple[str, int | None]],
    video_keys: Sequence[str],
    *,
    config: GenerateConfig = GenerateConfig(),  # noqa: B008
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> Comparison:
    """Let each run and epoch write soundtracks for the same videos with the same seed, and score
    them.

    Args:
        contenders: runs, with their epochs; the one that a run selected where None.
        video_keys: the videos' keys.
        config: of every soundtrack.

    Raises:
        GenerationError: if there are fewer than two contenders, two are the same, or one made
            nothing.
        TrainingError: if a run or an epoch is not in the store.
    """
    resolved = [chosen(store, run, epoch) for run, epoch in contenders]
    names = [f"{run.name}@{epoch}" for run, epoch in resolved]
    if len(set(names)) < max(2, len(names)):
        raise GenerationError(
            f"compare {', '.join(names)}: name two or more, all different, as RUN@EPOCH"
        )
    for run, epoch in resolved:
        run.weights(epoch)
    hear = listener(settings.device)
    found = []
    for run, epoch in resolved:
        report = generate(
            store,
            settings,
            video_keys,
            run=run.name,
            epoch=epoch,
            config=config,
            map=map,
            on_event=on_event,
        )
        outputs = {
            each.id: each.files["json"]
            for each in sorted((*report.made, *report.known), key=lambda e: e.id)
        }
        failed = {each.key: each.reason for each in report.failed}
        if not outputs:
            raise GenerationError(
                f"run {run.name}, epoch {epoch} made nothing: {'; '.join(failed.values())}"
            )
        scores = score_outputs(store, list(outputs.values()), hear, on_event=on_event)
        found.append(Contender(run.name, epoch, outputs, failed, scores))
    keys = [key for each in found for key in each.outputs.values()]
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:10]
    comparison = Comparison(f"evaluations/compare/{digest}.json", tuple(found))
    content = [{**vars(each), "scores": vars(each.scores)} for each in found]
    store.put(comparison.key, json.dumps({"contenders": content}, indent=1).encode())
    return comparison
