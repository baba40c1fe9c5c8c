"""Prefect tasks: each wraps one job of `vmt.jobs`. Keys go in and plain JSON comes out, never
arrays.

A task opens the store by itself, for it may run on another machine than its flow. Only what may
pass by itself is tried again: errors that say so (`VmtError.transient`: the store refused, timed
out, answered 5xx), and a Prefect server that is away. Every job goes on where it stopped, so a
retry repeats no work. A job's events become Prefect's events and lines of the run's log. A job fans
out in threads inside its one task: a task for each video would cost more than it shows, and one bad
video must not fail the others.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from vmt.arrange.config import GenerateConfig
from vmt.catalog import datasets
from vmt.catalog.records.nights import GenerateReport, IngestReport
from vmt.catalog.videos import candidates
from vmt.errors import GenerationError, StoreUnavailable, VmtError
from vmt.hardware import choose_device
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.extractors import configured
from vmt.jobs.ingest.ingest import ingest, put_off
from vmt.jobs.release.promote import promote
from vmt.jobs.soundtrack.composer import frozen
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.soundtrack.inputs import manifest_videos, videos_under
from vmt.jobs.train.train import train
from vmt.runtime.worker_pool import spread
from vmt.settings import load_settings
from vmt.store import ObjectStore, open_store

Json = dict[str, Any]

HOUR_S = 3600
# Far above any honest run: a task that still goes on then hangs, and its deployment would never
# start again.
INGEST_TIMEOUT_S = 12 * HOUR_S
TRAIN_TIMEOUT_S = 48 * HOUR_S
GENERATE_TIMEOUT_S = 12 * HOUR_S


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure in `state` may pass by itself; Prefect's `retry_condition_fn`."""
    error = state.result(raise_on_failure=False)
    # httpx speaks to Prefect's server alone, which may be restarting when a task asks it for the
    # GPU.
    return isinstance(error, httpx.TransportError) or (
        isinstance(error, VmtError) and error.transient
    )


def again_if_passing(failed: Iterable[Any]) -> None:
    """Have the task tried again where items failed of what may pass by itself; what is done is not
    done again.

    The last try lets them pass, for the report names them.

    Args:
        failed: failures of a generation or an ingestion.

    Raises:
        StoreUnavailable: for the first of them.
    """
    for each in failed:
        if each.transient and task_run.run_count <= RETRY["retries"]:
            raise StoreUnavailable(each.reason)


# 10, 20, 40, 80 s, spread: a store that restarts is back by then, and many machines do not return
# at once.
RETRY: Json = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
}


def store() -> ObjectStore:
    """The store that the environment names."""
    settings = load_settings()
    return open_store(settings.store, settings)


def device() -> torch.device:
    """What this machine computes on."""
    return choose_device(load_settings().device)


@task(name="list videos", **RETRY)
def list_videos(prefix: str) -> list[str]:
    """Keys of the videos under `prefix`; without any somebody named a wrong one."""
    return videos_under(store(), prefix)


@task(name="read manifest", **RETRY)
def read_manifest(key: str) -> list[str]:
    """Keys of the videos that an object lists."""
    return manifest_videos(store(), key)


@task(name="ingest", timeout_seconds=INGEST_TIMEOUT_S, **RETRY)
def ingest_videos(
    prefix: str, retry_refused: bool = False, wait_s: float | None = None
) -> IngestReport:
    """Features of what is new under `prefix`; a schedule may come before the first video does.

    The GPU is taken where something is new. Where it is held for longer than `wait_s`, what is new
    is put off.
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
            map=on_gpu(spread(settings.workers), device(), wait_s),
            on_event=reporter(),
        )
    except GpuHeld:
        report = put_off(where, extractor, prefix=prefix, retry_refused=retry_refused)
    again_if_passing(report.failed)
    return report


@task(name="freeze", **RETRY)
def freeze_dataset(name: str, chord_labels: int, min_validation: int, min_test: int) -> str:
    """The newest version of the dataset, made if its videos changed."""
    extractor = configured(load_settings()).name
    return freeze(
        store(),
        extractor,
        name=name,
        chord_labels=chord_labels,
        min_validation=min_validation,
        min_test=min_test,
        on_event=reporter(),
    )


@task(name="resolve dataset", **RETRY)
def resolve_dataset(dataset: str) -> str:
    """The version that a name means now, so that a retry trains on the same."""
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
    """One run, or the rest of it; its name."""
    with gpu_slot(device()):
        return train(
            store(),
            dataset,
            preset=preset,
            run=run,
            overrides=overrides,
            source=source,
            source_epoch=source_epoch,
            device=load_settings().device,
            on_event=reporter(),
        )


@task(name="promote", **RETRY)
def promote_run(run: str, epoch: int | None = None) -> Json:
    """Let an epoch serve; the run's best one if None."""
    champion = promote(store(), run, epoch, on_event=reporter())
    return {"run": champion.run, "epoch": champion.epoch}


def generate_config(settings: Mapping[str, Any]) -> GenerateConfig:
    """`GenerateConfig` from a flow's parameter.

    Raises:
        GenerationError: if a setting is unknown or its value is out of range.
    """
    kinds = get_type_hints(GenerateConfig)
    values: Json = {}
    for name, value in settings.items():
        if name not in kinds:
            raise GenerationError(f"generation has no setting {name!r}; known: {', '.join(kinds)}")
        # JSON has neither tuples nor whole floats, and the name of a take is a hash of the values.
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
    """A soundtrack for each of `videos`."""
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
            map=spread(environment.workers),
            on_event=reporter(),
        )
    again_if_passing(report.failed)
    return report
