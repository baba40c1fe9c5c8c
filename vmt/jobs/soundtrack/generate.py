"""Generate soundtracks in bulk: chords, MIDI, FLAC and MP4 for each video, and a record of what
made them.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast, get_args

from vmt.arrange.config import GenerateConfig
from vmt.catalog import documents, keys
from vmt.catalog.records import encode
from vmt.catalog.records.nights import GenerateReport, Soundtrack
from vmt.catalog.records.soundtracks import (
    BatchRequest,
    BatchSoundtrack,
    BatchSummary,
    SoundtrackRecord,
)
from vmt.catalog.runs import Run, read_champion
from vmt.errors import GenerationError, StoreError, VmtError
from vmt.hardware import Precision
from vmt.jobs.soundtrack.composer import (
    ChordScore,
    Composer,
    Failure,
    Source,
    Take,
    recorded_config,
    recorded_score,
    take_name,
)
from vmt.jobs.soundtrack.styles import find_style, style_source
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.runtime.worker_pool import WorkerFailure
from vmt.settings import Settings
from vmt.store import ObjectStore

__all__ = ["Failure", "GenerateReport", "Soundtrack", "generate", "replay", "resolve_run"]


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
        store: the store.
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
        on_event: is told of each soundtrack.

    Raises:
        GenerationError: if there is no champion yet, or it is unknown how the features it was
            trained on were made.
        TrainingError: if the run or the epoch is not in the store.
    """
    if not 1 <= takes <= 100:
        raise GenerationError(f"takes {takes} must be 1 to 100")
    find_style(config.style, style_source(store, settings))  # a wrong name fails before any work
    composer = Composer(store, settings, *resolve_run(store, run, epoch))
    configs = [dataclasses.replace(config, seed=config.seed + number) for number in range(takes)]

    # What each video is, and which of its takes are there already.
    read = _read(composer, video_keys, map)
    failed = [*refused, *(video for video in read if isinstance(video, Failure))]
    sources = [video for video in read if isinstance(video, Source)]
    wanted = [composer.take(source, own) for source in sources for own in configs]
    known = [] if force else [made for take in wanted if (made := _known(store, take)) is not None]
    done = {(soundtrack.id, soundtrack.take) for soundtrack in known}
    new = [take for take in wanted if (take.source.id, take.name) not in done]

    on_event("vmt.generate.started", {"videos": len(video_keys), "new": len(new)})
    work = list(zip(new, composer.compose(new), strict=True))
    rendered, not_rendered = _produce(composer, work, map, on_event)

    report = GenerateReport(tuple(rendered), tuple(known), (*failed, *not_rendered))
    asked = BatchRequest(tuple(sorted(video_keys)), dataclasses.asdict(config), takes)
    return _summarised(composer, report, asked)


def replay(
    store: ObjectStore, settings: Settings, record: SoundtrackRecord, *, on_event: OnEvent = ignore
) -> GenerateReport:
    """Make a soundtrack again from its record: the same bytes of .lab and .mid on any machine.

    Chords and curves are the record's, so that no model has to give the same numbers on another
    machine.

    Args:
        store: the store.
        settings: device, SoundFont and cache.
        record: of the soundtrack.
        on_event: is told of the soundtrack.

    Raises:
        GenerationError: if the record was changed, is another version's, or its video or its
            SoundFont is another one.
        TrainingError: if its run or epoch is not in the store.
    """
    video = record.video
    config = recorded_config(record.settings)
    try:
        score = recorded_score(record)
    except (ValueError, VmtError) as error:
        raise GenerationError(
            f"record of {video.id}: its key or curves are damaged ({error}); give an "
            "<id>_cgen_rd.json as it was written"
        ) from error
    composer = Composer(store, settings, Run(store, record.run), record.epoch)
    inputs = composer.inputs(video.sha256, dataclasses.asdict(config)) | {
        "soundfont": record.soundfont.sha256 if record.soundfont else "",
        "precision": record.precision,
    }
    if take_name(inputs) != record.take or score.digest() != record.score_sha256:
        raise GenerationError(
            f"record of {video.id}, take {record.take}: changed by hand, or made by other weights "
            f"or by another version of VMT than this (it says {record.vmt_version}); generate a "
            "new take instead"
        )

    font = record.soundfont
    if font is not None and font.sha256 != composer.soundfont_sha256:
        raise GenerationError(
            f"record of {video.id}: it was played with the SoundFont {font.name} (SHA-256 "
            f"{font.sha256[:12]}), and here is {composer.soundfont.name} "
            f"({composer.soundfont_sha256[:12]}), which sounds different; set VMT_SOUNDFONT to "
            "the first one, or generate a new take"
        )
    if record.precision not in get_args(Precision):
        raise GenerationError(
            f"record of {video.id}: precision {record.precision!r} must be one of "
            f"{', '.join(get_args(Precision))}"
        )
    composer.precision = cast(Precision, record.precision)
    source = composer.read(video.key)
    if isinstance(source, Failure):
        return GenerateReport((), (), (source,))
    if source.sha256 != video.sha256:
        raise GenerationError(f"video {video.key}: not the video of the record; put that one back")

    on_event("vmt.generate.started", {"videos": 1, "new": 1})
    work = [(composer.take(source, config), score)]
    made, failed = _produce(composer, work, thread_map, on_event)
    report = GenerateReport(tuple(made), (), tuple(failed))
    _note(composer, report)
    return report


def resolve_run(store: ObjectStore, run: str | None, epoch: int | None) -> tuple[Run, int]:
    """The run and epoch that compose: those named, or the champion.

    Args:
        store: the store.
        run: its name; the champion where None.
        epoch: of the run; the one that it selected where None.

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
    read = dict(zip(video_keys, thread_map(composer.read_kept, video_keys), strict=True))
    unknown = [key for key, source in read.items() if source is None]
    for key, outcome in zip(unknown, map(composer.read, unknown), strict=True):
        read[key] = Failure(key, outcome.reason) if isinstance(outcome, WorkerFailure) else outcome
    return [outcome for outcome in read.values() if outcome is not None]


def _known(store: ObjectStore, take: Take) -> Soundtrack | None:
    """The soundtrack of a take that was made before."""
    record = documents.read(store, take.folder.record, SoundtrackRecord)
    return None if record is None else _soundtrack(take, record.files)


def _soundtrack(take: Take, files: Mapping[str, str]) -> Soundtrack:
    folder = take.folder
    title = take.source.title
    return Soundtrack(folder.video, folder.run, folder.epoch, folder.take, files, title)


def _produce(
    composer: Composer, work: Sequence[tuple[Take, ChordScore]], map: Map, on_event: OnEvent
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
            made.append(_soundtrack(take, outcome))
            on_event("vmt.soundtrack.ready", vars(made[-1]))
    return made, failed


def _made(composer: Composer, pair: tuple[Take, ChordScore]) -> dict[str, str] | Failure:
    from vmt.jobs.soundtrack.render_take import produce  # loads SciPy

    return produce(composer, *pair)


def _summarised(composer: Composer, report: GenerateReport, asked: BatchRequest) -> GenerateReport:
    """Write the batch's summary; the same batch again writes the same key."""
    digest = hashlib.sha256(json.dumps(encode(asked), sort_keys=True).encode()).hexdigest()[:10]
    key = keys.batch(composer.run.name, composer.epoch, digest)
    summary = BatchSummary(
        composer.run.name,
        composer.epoch,
        asked,
        tuple(
            BatchSoundtrack(
                soundtrack.id, soundtrack.take, state, soundtrack.files, soundtrack.title
            )
            for state, group in (("made", report.made), ("known", report.known))
            for soundtrack in group
        ),
        report.failed,
    )
    try:
        _note(composer, report)
        documents.write(composer.store, key, summary)
    except StoreError as error:
        not_written = Failure(key, str(error), error.transient)
        return dataclasses.replace(report, failed=(*report.failed, not_written))
    return dataclasses.replace(report, summary=key)


def _note(composer: Composer, report: GenerateReport) -> None:
    """Bring the indexes that pages read up to date."""
    takes = [(soundtrack.id, soundtrack.take) for soundtrack in (*report.made, *report.known)]
    records = [soundtrack.files["json"] for soundtrack in report.made]
    from vmt.catalog.page_index_writers import note_soundtracks  # loads pandas

    note_soundtracks(composer.store, composer.run.name, composer.epoch, takes, records)
