"""Prefect tasks around the jobs of `vmt.jobs`; they take keys and return plain JSON, never arrays.

A task opens the store by itself, because it may run on another machine than its flow. Only
transient errors are retried: those that say so (`VmtError.transient`: the store refused, timed out
or answered 5xx), and a Prefect server that is away. Every job resumes where it stopped, so a retry
repeats no work. The events of a job become Prefect's events and lines of the run's log. A job
distributes its items inside one task: a task for each video would cost more than it shows, and one
bad video must not fail the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, get_type_hints

import httpx
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import task_run
from prefect.tasks import Task, exponential_backoff

from flows.engine.events import reporter
from flows.engine.gpu import GpuHeld, gpu_slot, on_gpu
from flows.engine.version import require_current_worker
from vmt.arrange.config import GenerateConfig
from vmt.catalog import datasets
from vmt.catalog.records.nights import GenerateReport, IngestReport
from vmt.catalog.videos import candidates
from vmt.dataset.splits import SplitBy
from vmt.errors import GenerationError, StoreUnavailable, VmtError
from vmt.hardware import choose_device
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.extractors import configured
from vmt.jobs.ingest.ingest import ingest, put_off
from vmt.jobs.release.promote import promote
from vmt.jobs.soundtrack.composer import frozen
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.soundtrack.inputs import manifest_videos, videos_under
from vmt.jobs.train.presets import find_preset
from vmt.jobs.train.train import train
from vmt.runtime.worker_pool import worker_map
from vmt.settings import Settings, load_settings
from vmt.store import ObjectStore, open_store
from vmt.store.minimum import require_minimum

Json = dict[str, object]

HOUR_S = 3600
# Far above the time of a healthy run: a task that reaches it hangs, and would block its deployment
# for ever.
INGEST_TIMEOUT_S = 12 * HOUR_S
TRAIN_TIMEOUT_S = 48 * HOUR_S
GENERATE_TIMEOUT_S = 12 * HOUR_S


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure in `state` is transient; Prefect's `retry_condition_fn`."""
    error = state.result(raise_on_failure=False)
    # httpx is used for Prefect's server only, which may restart while a task asks it for the GPU.
    return isinstance(error, httpx.TransportError) or (
        isinstance(error, VmtError) and error.transient
    )


def retry_transient_failures(failed: Iterable[Any]) -> None:
    """Make Prefect retry the task if an item failed with a transient error.

    Finished items are not repeated. The last try raises nothing: the report names the failures.

    Args:
        failed: failures of a generation or an ingestion.

    Raises:
        StoreUnavailable: with the reason of the first transient failure.
    """
    for failure in failed:
        if failure.transient and task_run.run_count <= RETRY["retries"]:
            raise StoreUnavailable(failure.reason)


# 10, 20, 40, 80 s, with jitter: a restarted store is back by then, and the machines do not all
# return at the same moment.
RETRY: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
}


def store() -> ObjectStore:
    """The store that the environment names.

    Raises:
        SettingsError: if this code is older than the deployment of the run.
        StoreError: if the store cannot do what VMT needs (`vmt.store.minimum`).
    """
    settings = load_settings()
    require_current_worker(settings)
    opened = open_store(settings.store, settings)
    if opened.capabilities.folder is None:
        _require_minimum(settings)
    return opened


@cache
def _require_minimum(settings: Settings) -> None:
    """Ask a bucket once a process for what VMT needs of it, before any work."""
    require_minimum(open_store(settings.store, settings))


def device() -> torch.device:
    """The device that this machine computes on."""
    return choose_device(load_settings().device)


@task(name="list videos", **RETRY)
def list_videos(prefix: str) -> list[str]:
    """Keys of the videos under `prefix`; no video is an error, because the prefix is then wrong."""
    return videos_under(store(), prefix)


@task(name="read manifest", **RETRY)
def read_manifest(key: str) -> list[str]:
    """Keys of the videos that a manifest lists."""
    return manifest_videos(store(), key)


@task(name="ingest", timeout_seconds=INGEST_TIMEOUT_S, **RETRY)
def ingest_videos(
    prefix: str, retry_refused: bool = False, wait_s: float | None = None
) -> IngestReport:
    """Extract the features of new videos under `prefix`; an empty prefix is no error.

    New videos take the GPU. If it is held for longer than `wait_s`, they are put off.

    Args:
        prefix: of the videos' keys.
        retry_refused: whether videos in quarantine are tried again.
        wait_s: longest wait for the GPU, in seconds; no limit if None.
    """
    settings, where = load_settings(), store()
    extractor = configured(settings)
    if not candidates(where.list(prefix)):
        return IngestReport(extractor.name, 0, 0, 0, (), (), ())
    try:
        report = ingest(
            where,
            extractor,
            prefix=prefix,
            retry_refused=retry_refused,
            map=on_gpu(worker_map(settings.workers), device(), wait_s),
            on_event=reporter(),
        )
    except GpuHeld:
        report = put_off(where, extractor, prefix=prefix, retry_refused=retry_refused)
    retry_transient_failures(report.failed)
    return report


@task(name="freeze", **RETRY)
def freeze_dataset(
    name: str, chord_labels: int, min_validation: int, min_test: int, split_by: SplitBy
) -> str:
    """Make the next version of a dataset if its videos changed; the name of the newest version.

    Args:
        name: of the dataset.
        chord_labels: 25 or 157.
        min_validation: fewest validation videos of a first version.
        min_test: fewest test videos of a first version.
        split_by: what decides the split of a new video.
    """
    extractor = configured(load_settings()).name
    return freeze(
        store(),
        extractor,
        name=name,
        chord_labels=chord_labels,
        min_validation=min_validation,
        min_test=min_test,
        split_by=split_by,
        on_event=reporter(),
    )


@task(name="resolve dataset", **RETRY)
def resolve_dataset(dataset: str) -> str:
    """The version that a name means now, so that a retry trains on the same version."""
    return str(datasets.resolve(store(), dataset))


@task(name="held-out videos", **RETRY)
def held_out_videos(dataset: str) -> list[str]:
    """Keys of the version's test split."""
    where = store()
    manifest = datasets.read(where, datasets.resolve(where, dataset)).manifest
    return sorted(str(key) for key in manifest.loc[manifest["split"] == "test", "key"])


@task(name="train", timeout_seconds=TRAIN_TIMEOUT_S, **RETRY)
def train_model(
    dataset: str,
    preset: str | None,
    run: str | None,
    overrides: Mapping[str, Any],
    source: str | None = None,
    source_epoch: int | None = None,
) -> str:
    """Train a run, or resume it; the name of the run.

    Args:
        dataset: name, or version.
        preset: of model and training; None for that of `source`.
        run: name of the run; derived from the other arguments if None.
        overrides: settings that differ from the preset.
        source: run whose weights the training starts from; random weights if None.
        source_epoch: epoch of `source`.
    """
    settings = load_settings()
    resolved = None if preset is None else find_preset(preset, store(), settings)
    with gpu_slot(device()):
        return train(
            store(),
            dataset,
            preset=resolved,
            run=run,
            overrides=overrides,
            source=source,
            source_epoch=source_epoch,
            device=load_settings().device,
            on_event=reporter(),
        )


@task(name="promote", **RETRY)
def promote_run(run: str, epoch: int | None = None) -> Json:
    """Make an epoch the champion; the best epoch of the run if None."""
    champion = promote(store(), run, epoch, on_event=reporter())
    return {"run": champion.run, "epoch": champion.epoch}


def generate_config(settings: Mapping[str, Any]) -> GenerateConfig:
    """The `GenerateConfig` of a flow's parameter.

    Raises:
        GenerationError: if a setting is unknown or its value is out of range.
    """
    kinds = get_type_hints(GenerateConfig)
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in kinds:
            raise GenerationError(f"generation has no setting {name!r}; known: {', '.join(kinds)}")
        # JSON has no tuples and may write 1.0 as 1, and the name of a take is a hash of the values.
        whole = isinstance(value, int) and kinds[name] in (float, float | None)
        values[name] = float(value) if whole else frozen(value)
    return GenerateConfig(**values)


@task(name="generate", timeout_seconds=GENERATE_TIMEOUT_S, **RETRY)
def generate_soundtracks(
    videos: Sequence[str],
    run: str | None = None,
    epoch: int | None = None,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
) -> GenerateReport:
    """Write a soundtrack for each video.

    Args:
        videos: keys of the videos.
        run: run that composes; the champion if None.
        epoch: of that run; its best if None.
        settings: of the generation, where they differ from the defaults.
        force: whether existing soundtracks are made again.
    """
    environment = load_settings()
    config = generate_config(settings or {})
    with gpu_slot(device()):
        report = generate(
            store(),
            environment,
            videos,
            run=run,
            epoch=epoch,
            config=config,
            force=force,
            map=worker_map(environment.workers),
            on_event=reporter(),
        )
    retry_transient_failures(report.failed)
    return report
