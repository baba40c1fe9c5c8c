"""Generate soundtracks in bulk: chords, MIDI, FLAC and MP4 for each video, and a record of what
made them.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmt.arrange.config import GenerateConfig
from vmt.catalog.page_index_writers import note_soundtracks
from vmt.catalog.runs import Run, read_champion
from vmt.errors import GenerationError, ObjectNotFound, StoreError
from vmt.jobs.soundtrack.composer import (
    Composer,
    Failure,
    Source,
    Take,
    Written,
    recorded_config,
    replayed,
    take_name,
)
from vmt.jobs.soundtrack.render_take import produce
from vmt.jobs.soundtrack.styles import find_style, style_source
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.runtime.worker_pool import WorkerFailure
from vmt.settings import Settings
from vmt.store import ObjectStore

__all__ = ["Failure", "GenerateReport", "Soundtrack", "chosen", "generate", "replay"]


@dataclass(frozen=True)
class Soundtrack:
    """One finished take: the keys of its files by kind (lab, mid, flac, mp4, json, and stems)."""

    id: str
    run: str
    epoch: int
    take: str
    files: Mapping[str, str]
    title: str = ""


@dataclass(frozen=True)
class GenerateReport:
    """What a batch made, what it found done, what failed, and the key of its summary."""

    made: tuple[Soundtrack, ...]
    known: tuple[Soundtrack, ...]
    failed: tuple[Failure, ...]
    summary: str = ""


def generate(
    store: ObjectStore,
    settings: Settings,
    video_keys: Sequence[str],
    *,
    run: str | None = None,
    epoch: int | None = None,
    config: GenerateConfig = GenerateConfig(),  # noqa: B008
    takes: int = 1,
    refused: Sequence[Failure] = (),
    force: bool = False,
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> GenerateReport:
    """Write soundtracks for videos in the store; one bad video never stops the others.

    A take that exists with the same inputs is left as it is. A summary beside the outputs says what
    was made, where it is, what failed and why.

    Args:
        settings: device, SoundFont and cache; the extractor is the one that the run was trained on.
        video_keys: the videos' keys.
        run: whose model composes; the champion where None.
        epoch: of that run; the one it selected where None.
        config: of the first take; the following ones have the seeds that follow.
        takes: how many soundtracks each video gets, 1 to 100.
        refused: videos that failed on their way to the store, for the report.
        force: make what exists again.
        map: spreads the work on each video over workers; the model's batch stays in this process.
            Over `Processes` a video that crashes or hangs fails alone.

    Raises:
        GenerationError: if there is no champion yet, or nobody knows how the features it was
            trained on were made.
        TrainingError: if the run or the epoch is not in the store.
    """
    if not 1 <= takes <= 100:
        raise GenerationError(f"takes {takes} must be 1 to 100")
    find_style(config.style, style_source(store, settings))  # a wrong name fails before any work
    composer = Composer(store, settings, *chosen(store, run, epoch))
    configs = [dataclasses.replace(config, seed=config.seed + number) for number in range(takes)]
    read = _read(composer, video_keys, map)
    failed = [*refused, *(each for each in read if isinstance(each, Failure))]
    wanted = [
        composer.take(source, each)
        for source in read
        if isinstance(source, Source)
        for each in configs
    ]
    known = (
        [] if force else [found for take in wanted if (found := _known(composer, take)) is not None]
    )
    done = {(each.id, each.take) for each in known}
    new = [take for take in wanted if (take.source.id, take.name) not in done]
    on_event("vmt.generate.started", {"videos": len(video_keys), "new": len(new)})
    made, spoilt = _produce(
        composer, list(zip(new, composer.compose(new), strict=True)), map, on_event
    )
    report = GenerateReport(tuple(made), tuple(known), (*failed, *spoilt))
    return _summarised(
        composer,
        report,
        {"videos": sorted(video_keys), "settings": dataclasses.asdict(config)},
        takes,
    )


def replay(
    store: ObjectStore, settings: Settings, record: Mapping[str, Any], *, on_event: OnEvent = ignore
) -> GenerateReport:
    """Make an output again from its record: the same bytes of .lab and .mid, wherever it is played
    again.

    Chords and curves are the record's, so that no model has to give the same numbers on another
    machine.

    Args:
        record: an output's JSON.

    Raises:
        GenerationError: if the record is no output's, was changed, is another version's, or its
            video is another one.
        TrainingError: if its run or epoch is not in the store.
    """
    try:
        config = recorded_config(record["settings"])
        video, run, epoch, name = (
            record["video"],
            Run(store, record["run"]),
            int(record["epoch"]),
            record["take"],
        )
        score = replayed(record)
    except (KeyError, TypeError, ValueError) as error:
        raise GenerationError(
            f"record: not the JSON of an output ({error!r}); give an <id>_cgen_rd.json"
        ) from error
    composer = Composer(store, settings, run, epoch)
    own = composer.inputs(video["sha256"], dataclasses.asdict(config)) | {
        "soundfont": record["soundfont"]["sha256"],
        "precision": record["precision"],
    }
    if take_name(own) != name or score.digest() != record["score_sha256"]:
        raise GenerationError(
            f"record of {video['id']}, take {name}: changed by hand, or made by other weights "
            "or by another "
            f"version of VMT than this (it says {record['vmt_version']}); generate a new take "
            "instead"
        )
    composer.precision = record["precision"]
    source = composer.read(video["key"])
    if isinstance(source, Failure):
        return GenerateReport((), (), (source,))
    if source.sha256 != video["sha256"]:
        raise GenerationError(
            f"video {video['key']}: not the one that the record is of; put that one back"
        )
    on_event("vmt.generate.started", {"videos": 1, "new": 1})
    made, failed = _produce(
        composer, [(composer.take(source, config), score)], thread_map, on_event
    )
    report = GenerateReport(tuple(made), (), tuple(failed))
    _note(composer, report)
    return report


def chosen(store: ObjectStore, run: str | None, epoch: int | None) -> tuple[Run, int]:
    """The run and epoch that compose: those named, or the champion.

    Raises:
        GenerationError: if there is no champion yet.
        TrainingError: if the run is not in the store.
    """
    if run is not None:
        named = Run(store, run)
        named.parameters()
        return named, named.best_epoch() if epoch is None else epoch
    if epoch is not None:
        raise GenerationError(f"epoch {epoch} of which run? name one")
    champion = read_champion(store)
    if champion is None:
        raise GenerationError(
            f"store {store.url}: no champion yet; train a run and promote it, or name a run"
        )
    return Run(store, champion.run), champion.epoch


def _read(composer: Composer, video_keys: Sequence[str], map: Map) -> list[Source | Failure]:
    """Videos with their features; only what has none yet is worth a process."""
    video_keys = list(dict.fromkeys(video_keys))
    composer.learn_ids(video_keys)
    kept = dict(zip(video_keys, thread_map(composer.read_kept, video_keys), strict=True))
    unknown = [key for key, each in kept.items() if each is None]
    for key, each in zip(unknown, map(composer.read, unknown), strict=True):
        kept[key] = Failure(key, each.reason) if isinstance(each, WorkerFailure) else each
    return [each for each in kept.values() if each is not None]


def _known(composer: Composer, take: Take) -> Soundtrack | None:
    try:
        files = json.loads(composer.store.get(take.keys["json"]))["files"]
    except ObjectNotFound:
        return None
    source = take.source
    return Soundtrack(source.id, composer.run.name, composer.epoch, take.name, files, source.title)


def _produce(
    composer: Composer, work: Sequence[tuple[Take, Written]], map: Map, on_event: OnEvent
) -> tuple[list[Soundtrack], list[Failure]]:
    """Render takes, each outcome announced."""
    made, failed = [], []
    for (take, _), outcome in zip(work, map(partial(_made, composer), work), strict=True):
        if isinstance(outcome, WorkerFailure):
            outcome = Failure(
                take.source.key, f"{outcome.reason}; try it alone, and see the log above"
            )
        if isinstance(outcome, Failure):
            failed.append(outcome)
            on_event("vmt.soundtrack.failed", vars(outcome))
        else:
            made.append(
                Soundtrack(
                    take.source.id,
                    composer.run.name,
                    composer.epoch,
                    take.name,
                    outcome,
                    take.source.title,
                )
            )
            on_event("vmt.soundtrack.ready", vars(made[-1]))
    return made, failed


def _made(composer: Composer, pair: tuple[Take, Written]) -> dict[str, str] | Failure:
    return produce(composer, *pair)


def _summarised(
    composer: Composer, report: GenerateReport, asked: Mapping[str, Any], takes: int
) -> GenerateReport:
    """Write the batch's summary; the same batch again writes the same key."""
    asked = {**asked, "takes": takes}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:10]
    key = f"outputs/{composer.run.name}/epoch_{composer.epoch:04d}/batch-{digest}.json"
    content = {
        "run": composer.run.name,
        "epoch": composer.epoch,
        "asked": asked,
        "soundtracks": [
            {
                "id": each.id,
                "title": each.title,
                "take": each.take,
                "state": state,
                "files": dict(each.files),
            }
            for state, group in (("made", report.made), ("known", report.known))
            for each in group
        ],
        "failed": [vars(each) for each in report.failed],
    }
    try:
        _note(composer, report)
        composer.store.put(key, json.dumps(content, indent=1).encode())
    except StoreError as error:
        return dataclasses.replace(
            report, failed=(*report.failed, Failure(key, str(error), error.transient))
        )
    return dataclasses.replace(report, summary=key)


def _note(composer: Composer, report: GenerateReport) -> None:
    """Tell the summaries that pages read."""
    takes = [(each.id, each.take) for each in (*report.made, *report.known)]
    note_soundtracks(
        composer.store,
        composer.run.name,
        composer.epoch,
        takes,
        [each.files["json"] for each in report.made],
    )
