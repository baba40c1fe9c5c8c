"""Compare epochs or runs by what they make of the same videos: scores and outputs side by side."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from vmt.arrange.config import GenerateConfig
from vmt.catalog import documents, keys
from vmt.catalog.records.soundtracks import Comparison, Contender
from vmt.catalog.runs import Run
from vmt.errors import GenerationError
from vmt.jobs.soundtrack.generate import generate, resolve_run
from vmt.jobs.soundtrack.score import listener, score_outputs
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.settings import Settings
from vmt.store import ObjectStore


@dataclass(frozen=True)
class ComparisonReport:
    """Contenders in the order asked, and the key of the `Comparison` that holds them."""

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
) -> ComparisonReport:
    """Let each run and epoch write soundtracks for the same videos with the same seed, and score
    them.

    Args:
        store: the store.
        settings: device, SoundFont and cache.
        contenders: runs, with their epochs; the one that a run selected where None.
        video_keys: the videos' keys.
        config: of every soundtrack.
        map: spreads the work on each video over workers.
        on_event: is told of each soundtrack and its scores.

    Raises:
        GenerationError: if there are fewer than two contenders, two are the same, or one made
            nothing.
        TrainingError: if a run or an epoch is not in the store.
    """
    resolved = [resolve_run(store, run, epoch) for run, epoch in contenders]
    names = [f"{run.name}@{epoch}" for run, epoch in resolved]
    if len(set(names)) < max(2, len(names)):
        raise GenerationError(
            f"compare {', '.join(names)}: name two or more, all different, as RUN@EPOCH"
        )
    for run, epoch in resolved:
        run.weights(epoch)  # all are there before the first begins

    hear = listener(settings.device)

    def contend(run: Run, epoch: int) -> Contender:
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
        soundtracks = sorted((*report.made, *report.known), key=lambda soundtrack: soundtrack.id)
        outputs = {soundtrack.id: soundtrack.files["json"] for soundtrack in soundtracks}
        failed = {failure.key: failure.reason for failure in report.failed}
        if not outputs:
            raise GenerationError(
                f"run {run.name}, epoch {epoch} made nothing: {'; '.join(failed.values())}"
            )
        scores = score_outputs(store, list(outputs.values()), hear, on_event=on_event)
        return Contender(run.name, epoch, outputs, failed, scores)

    compared = tuple(contend(run, epoch) for run, epoch in resolved)
    records = [key for contender in compared for key in contender.outputs.values()]
    digest = hashlib.sha256("\n".join(records).encode()).hexdigest()[:10]
    key = keys.comparison(digest)
    documents.write(store, key, Comparison(compared))
    return ComparisonReport(key, compared)
