"""`nightly`: from what is new in the bucket to soundtracks by a model that has seen it."""

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
from flows.engine.notify import alert, notify
from flows.tasks.evaluation import (
    champion_now,
    checked_showcase,
    dataset_growth,
    evaluate_run,
    judge_run,
    run_left_half_way,
    training_origin,
    training_summary,
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
from vmt.errors import RunTaken, TrainingError
from vmt.jobs.release.nightly import GROW_SHARE, GROW_VIDEOS, Origin, decide, markdown, started
from vmt.jobs.release.promote import MARGIN


@flow(name="nightly", on_failure=[alert], on_crashed=[alert])
def nightly(
    dataset: str = "main",
    preset: str = "vmt",
    overrides: dict[str, Any] | None = None,
    chord_labels: int = 157,
    min_validation: int = 1,
    min_test: int = 1,
    force: bool = False,
    grow_share: float = GROW_SHARE,
    grow_videos: int = GROW_VIDEOS,
    go_on: bool = False,
    more_epochs: int = 10,
    margin: float = MARGIN,
    fail_above: float = 0.5,
) -> Json:
    """Ingest, freeze, train if the dataset grew enough, judge the new run, show it, promote it or
    not, report.

    Too many failures fail the flow at its end, when everything that can be done is done and
    reported.

    Args:
        dataset: its name; a new version is frozen when its videos changed.
        preset: of model and training.
        overrides: settings that differ from the preset's.
        chord_labels: 25 or 157.
        min_validation: videos that a first version validates on, at least.
        min_test: videos that a first version holds out, at least; the held-out videos are the
            showcase.
        force: train even if the dataset did not grow.
        grow_share: new videos since the last training that are enough to train again, as a share,
            0.05 for 5 %.
        grow_videos: new videos that are enough, as a number.
        go_on: train on from the champion's weights where they fit; else from random weights.
        more_epochs: how many epochs are added to the champion's, with `go_on`.
        margin: by how much the new run's chord NLL must be lower than the champion's, in nats.
        fail_above: the share of unusable new videos, or of failed soundtracks, over which the flow
            fails, 0 to 1.

    Returns:
        The report, as `reports/nightly/` has it, and its key as `report`.
    """
    asked: Json = {
        "dataset": dataset,
        "preset": preset,
        "overrides": overrides or {},
        "chord_labels": chord_labels,
        "min_validation": min_validation,
        "min_test": min_test,
        "force": force,
        "grow_share": grow_share,
        "grow_videos": grow_videos,
        "go_on": go_on,
        "more_epochs": more_epochs,
        "margin": margin,
        "fail_above": fail_above,
    }
    night = _Night(started(asked), asked)
    try:
        _bring_in(night)
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
        notify(f"VMT: the night of {night.report.started_at}", markdown(encode(night.report)))
    return {**encode(night.report), "report": key}


@dataclass
class _Night:
    """The report as far as the night has come, so that one that fails says how far it came."""

    report: NightReport
    asked: Json

    def note(self, **fields: Any) -> None:
        """Set fields of the report."""
        self.report = replace(self.report, **fields)

    @property
    def version(self) -> str:
        """The newest dataset version."""
        assert self.report.dataset is not None
        return self.report.dataset.version


def _bring_in(night: _Night) -> None:
    """New videos become features and a version; decide whether to train on it."""
    asked = night.asked
    ingested = ingest_videos(keys.VIDEOS)
    night.note(ingest=ingested)
    if not ingested.found:
        reason = f"there is no video under {keys.VIDEOS}"
        night.note(decision=TrainingDecision(False, reason))
        return
    version = freeze_dataset(
        asked["dataset"], asked["chord_labels"], asked["min_validation"], asked["min_test"]
    )
    growth = dataset_growth(version, asked["preset"])
    night.note(dataset=growth)
    limits = {name: asked[name] for name in ("force", "grow_share", "grow_videos")}
    night.note(decision=decide(growth, **limits))


def _train(night: _Night) -> None:
    """The challenger, and its scores."""
    run = _finish_half_trained(night) or _train_newest(night)
    night.note(run=run, training=training_summary(run))
    publish_losses(store(), run)
    try:
        night.note(evaluation=evaluate_run(run, None, None, "validation"))
    except TrainingError as error:  # too few videos to hold some back for validation
        night.note(evaluation=NightEvaluation(error=str(error)))


def _finish_half_trained(night: _Night) -> str | None:
    """The run that an earlier night left half-way, finished; None where there is none, or it has
    other settings.
    """
    asked = night.asked
    left = run_left_half_way(
        night.version, asked["preset"], asked["grow_share"], asked["grow_videos"]
    )
    if left is None:
        return None
    try:
        run = _train_from(asked, left.dataset, left.origin, left.run)
    except RunTaken:  # somebody finishes it already
        raise
    except TrainingError as error:
        get_run_logger().warning("%s is not resumed: %s", left.run, error)
        return None
    _note_start(night, left.origin)
    return run


def _train_newest(night: _Night) -> str:
    asked = night.asked
    origin = training_origin(night.version, asked["preset"], asked["go_on"])
    _note_start(night, origin)
    return _train_from(asked, night.version, origin, None)


def _note_start(night: _Night, origin: Origin) -> None:
    assert night.report.decision is not None
    night.note(decision=replace(night.report.decision, start=origin.reason))


def _train_from(asked: Json, version: str, origin: Origin, run: str | None) -> str:
    if origin.run is None or origin.epoch is None:
        return train_model(version, asked["preset"], run, asked["overrides"])
    overrides = {**asked["overrides"], "epochs": origin.epoch + asked["more_epochs"]}
    return train_model(version, None, run, overrides, origin.run, origin.epoch)


def _judge(night: _Night) -> None:
    """Let the challenger serve if it is better and what it makes of the held-out videos is
    sound.
    """
    run, serving = night.report.run, champion_now()
    assert run is not None
    gate = judge_run(run, night.asked["margin"])
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
        verdict = f"nobody serves: {run}: {why}"
    night.note(promoted=promoted, verdict=verdict)
    write_verdict(run, verdict, promoted)


def _show(night: _Night) -> None:
    """Soundtracks of the held-out videos by who serves now."""
    night.note(champion=champion_now())
    if night.report.champion is None or night.report.dataset is None:
        return
    soundtracks = generate_soundtracks(held_out_videos(night.version))
    night.note(soundtracks=soundtracks)
    publish_soundtracks(store(), soundtracks)


def _check_shares(night: _Night) -> None:
    ingested, made, limit = night.report.ingest, night.report.soundtracks, night.asked["fail_above"]
    assert ingested is not None
    unusable = [*ingested.refused_now, *ingested.failed]
    of = ingested.new + len(unusable)
    require_share(unusable, of, limit, "new videos are not usable", at_least=FEWEST_UNUSABLE)
    if made is not None:
        of = len(made.made) + len(made.known) + len(made.failed)
        require_share(made.failed, of, limit, "soundtracks failed")
