"""`nightly`: from new videos in the bucket to soundtracks by a model that was trained on them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from prefect import flow, get_run_logger

from flows.engine.artifacts import (
    FEWEST_UNUSABLE,
    publish_losses,
    publish_night,
    publish_soundtracks,
    require_share,
)
from flows.engine.deployments import Deployment
from flows.engine.notify import alert, notify
from flows.engine.run_names import run_name
from flows.tasks.evaluation import (
    champion_now,
    checked_showcase,
    dataset_growth,
    evaluate_run,
    judge_run,
    training_origin,
    training_summary,
    unfinished_run,
    write_nightly_report,
    write_verdict,
)
from flows.tasks.pipeline import (
    Json,
    freeze_dataset,
    generate_soundtracks,
    held_out_videos,
    ingest_videos,
    promote_run,
    store,
    train_model,
)
from vmt.catalog import keys
from vmt.catalog.records import encode
from vmt.catalog.records.nights import NightEvaluation, NightReport, TrainingDecision
from vmt.catalog.runs import now
from vmt.dataset.splits import SPLIT_BY, SplitBy
from vmt.errors import RunTaken, TrainingError
from vmt.jobs.release.nightly import GROW_SHARE, GROW_VIDEOS, Origin, decide, started
from vmt.jobs.release.promote import MARGIN
from vmt.reports.night import markdown, title
from vmt.settings import load_settings

DEPLOYMENT = Deployment(
    "nightly",
    "Ingest, freeze, train if the dataset grew enough, evaluate, promote if better, write the "
    "showcase and the report.",
    queue="gpu",
    cron="30 3 * * *",
)


@flow(name="nightly", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def nightly(
    dataset: str = "main",
    preset: str = "vmt",
    overrides: dict[str, Any] | None = None,
    chord_labels: int = 157,
    min_validation: int = 1,
    min_test: int = 1,
    split_by: SplitBy = SPLIT_BY,
    force: bool = False,
    grow_share: float = GROW_SHARE,
    grow_videos: int = GROW_VIDEOS,
    go_on: bool = False,
    more_epochs: int = 10,
    margin: float = MARGIN,
    fail_above: float = 0.5,
) -> Json:
    """Ingest, freeze, train if the dataset grew enough, judge the new run, promote it if it is
    better, write soundtracks and the report.

    Too many failures fail the flow at its end, after all possible work and the report.

    Args:
        dataset: name of the dataset; a new version is frozen if its videos changed.
        preset: of model and training.
        overrides: settings that differ from the preset.
        chord_labels: 25 or 157.
        min_validation: fewest validation videos of a first version.
        min_test: fewest test videos of a first version; the test videos are the showcase.
        split_by: what decides the split of a new video: its `bytes` or its `id`.
        force: whether to train even if the dataset did not grow.
        grow_share: new videos since the last training that cause a new one, as a share, 0.05 for
            5 %.
        grow_videos: new videos that cause a new training, as a number.
        go_on: whether to start from the champion's weights where they fit (warm start); otherwise
            from random weights.
        more_epochs: epochs to add to the champion's in a warm start.
        margin: the new run's chord NLL must be lower than the champion's by this, in nats.
        fail_above: the largest share of unusable new videos, or of failed soundtracks, that does
            not fail the flow, 0 to 1.

    Returns:
        The report, as under `reports/nightly/`, with its key as `report`.
    """
    asked = _Asked(
        dataset=dataset,
        preset=preset,
        overrides=overrides or {},
        chord_labels=chord_labels,
        min_validation=min_validation,
        min_test=min_test,
        split_by=split_by,
        force=force,
        grow_share=grow_share,
        grow_videos=grow_videos,
        go_on=go_on,
        more_epochs=more_epochs,
        margin=margin,
        fail_above=fail_above,
    )
    night = _Night(started(encode(asked)), asked)
    try:
        _ingest(night)
        if night.report.decision is not None and night.report.decision.train:
            _train(night)
            _judge(night)
        _show(night)
        _check_shares(night)
        night.note(state="done")
    except Exception as error:
        night.note(error=str(error))
        raise
    finally:
        night.note(finished_at=now())
        key, _ = write_nightly_report(night.report)
        publish_night(night.report)
        language = load_settings().language
        notify(f"VMT: {title(night.report, language)}", markdown(night.report, language))
    return {**encode(night.report), "report": key}


@dataclass(frozen=True)
class _Asked:
    """The parameters of the flow; the report stores them under `asked`."""

    dataset: str
    preset: str
    overrides: Mapping[str, Any]
    chord_labels: int
    min_validation: int
    min_test: int
    split_by: SplitBy
    force: bool
    grow_share: float
    grow_videos: int
    go_on: bool
    more_epochs: int
    margin: float
    fail_above: float


@dataclass
class _Night:
    """The report as far as the night has come, so that one that fails says how far it came."""

    report: NightReport
    asked: _Asked

    def note(self, **fields: Any) -> None:
        """Set fields of the report."""
        self.report = replace(self.report, **fields)

    @property
    def version(self) -> str:
        """The newest dataset version."""
        assert self.report.dataset is not None
        return self.report.dataset.version


def _ingest(night: _Night) -> None:
    """Ingest and freeze; decide whether to train on the new version."""
    asked = night.asked
    ingested = ingest_videos(keys.VIDEOS)
    night.note(ingest=ingested)
    if not ingested.found:
        reason = f"there is no video under {keys.VIDEOS}"
        night.note(decision=TrainingDecision(False, reason))
        return
    version = freeze_dataset(
        asked.dataset,
        asked.chord_labels,
        asked.min_validation,
        asked.min_test,
        asked.split_by,
    )
    growth = dataset_growth(version, asked.preset)
    night.note(dataset=growth)
    decision = decide(
        growth,
        force=asked.force,
        grow_share=asked.grow_share,
        grow_videos=asked.grow_videos,
    )
    night.note(decision=decision)


def _train(night: _Night) -> None:
    """Train the challenger, and evaluate it."""
    run = _finish_half_trained(night) or _train_newest(night)
    night.note(run=run, training=training_summary(run))
    publish_losses(store(), run)
    try:
        night.note(evaluation=evaluate_run(run, None, None, "validation"))
    except TrainingError as error:  # too few videos for a validation split
        night.note(evaluation=NightEvaluation(error=str(error)))


def _finish_half_trained(night: _Night) -> str | None:
    """Finish the unfinished run of an earlier night; None if there is none with these settings."""
    asked = night.asked
    unfinished = unfinished_run(night.version, asked.preset, asked.grow_share, asked.grow_videos)
    if unfinished is None:
        return None
    try:
        run = _train_from(asked, unfinished.dataset, unfinished.origin, unfinished.run)
    except RunTaken:  # another process is finishing it
        raise
    except TrainingError as error:
        get_run_logger().warning("run %s is not resumed: %s", unfinished.run, error)
        return None
    _note_start(night, unfinished.origin)
    return run


def _train_newest(night: _Night) -> str:
    """Train a new run on the newest version; its name."""
    asked = night.asked
    origin = training_origin(night.version, asked.preset, asked.go_on)
    _note_start(night, origin)
    return _train_from(asked, night.version, origin, None)


def _note_start(night: _Night, origin: Origin) -> None:
    assert night.report.decision is not None
    night.note(decision=replace(night.report.decision, start=origin.reason))


def _train_from(asked: _Asked, version: str, origin: Origin, run: str | None) -> str:
    """Train a run from its origin; its name.

    Args:
        asked: the parameters of the flow.
        version: of the dataset.
        origin: run and epoch whose weights the training starts from, if any.
        run: name of the run to resume; None for a new run.
    """
    if origin.run is None or origin.epoch is None:
        return train_model(version, asked.preset, run, asked.overrides)
    overrides = {**asked.overrides, "epochs": origin.epoch + asked.more_epochs}
    return train_model(version, None, run, overrides, origin.run, origin.epoch)


def _judge(night: _Night) -> None:
    """Promote the challenger if it is better than the champion and its soundtracks for the held-out
    videos are valid.
    """
    run, serving = night.report.run, champion_now()
    assert run is not None
    gate = judge_run(run, night.asked.margin)
    night.note(gate=gate)
    promoted, why = gate.better, gate.reason
    if promoted:
        generated = generate_soundtracks(held_out_videos(night.version), run, gate.epoch)
        showcase = checked_showcase(generated)
        night.note(showcase=showcase)
        if showcase.passed:
            promote_run(run, gate.epoch)
        else:
            promoted = False
            why = f"{why}; but its showcase is not sound: {showcase.problems[0]}"

    if promoted:
        verdict = f"{run} serves: {why}"
    elif serving is not None:
        verdict = f"{serving.run} stays: {why}"
    else:
        verdict = f"no champion yet: {run}: {why}"
    night.note(promoted=promoted, verdict=verdict)
    write_verdict(run, verdict, promoted)


def _show(night: _Night) -> None:
    """Write soundtracks for the held-out videos with the champion."""
    night.note(champion=champion_now())
    if night.report.champion is None or night.report.dataset is None:
        return
    soundtracks = generate_soundtracks(held_out_videos(night.version))
    night.note(soundtracks=soundtracks)
    publish_soundtracks(store(), soundtracks)


def _check_shares(night: _Night) -> None:
    ingested, made, limit = night.report.ingest, night.report.soundtracks, night.asked.fail_above
    assert ingested is not None
    unusable = [*ingested.refused_now, *ingested.failed]
    of = ingested.new + len(unusable)
    require_share(unusable, of, limit, "new videos are not usable", at_least=FEWEST_UNUSABLE)
    if made is not None:
        of = len(made.made) + len(made.known) + len(made.failed)
        require_share(made.failed, of, limit, "soundtracks failed")
