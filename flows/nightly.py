"""`nightly`: from what is new in the bucket to soundtracks by a model that has seen it."""

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
from flows.engine.run_names import run_name
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
from vmt.catalog.runs import now
from vmt.dataset.splits import SPLIT_BY, SplitBy
from vmt.errors import RunTaken, TrainingError
from vmt.jobs.release.nightly import GROW_SHARE, GROW_VIDEOS, decide, started
from vmt.jobs.release.promote import MARGIN
from vmt.reports.night import markdown, title
from vmt.settings import load_settings


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
        split_by: what decides whether a new video trains, validates or is held out: its `bytes` or
            its `id`.
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
        "split_by": split_by,
        "force": force,
        "grow_share": grow_share,
        "grow_videos": grow_videos,
        "go_on": go_on,
        "more_epochs": more_epochs,
        "margin": margin,
        "fail_above": fail_above,
    }
    night = started(asked)
    try:
        _bring_in(night)
        if night["decision"] is not None and night["decision"]["train"]:
            _train(night)
            _judge(night)
        _show(night)
        _check_shares(night)
        night["state"] = "done"
    except Exception as error:
        night["error"] = str(error)
        raise
    finally:
        night["finished_at"] = now()
        night["report"], _ = write_nightly_report(night)
        publish_night(night)
        language = load_settings().language
        notify(f"VMT: {title(night, language)}", markdown(night, language))
    return night


def _bring_in(night: Json) -> None:
    """New videos become features and a version; decide whether to train on it."""
    asked = night["asked"]
    night["ingest"] = ingest_videos("videos/")
    if not night["ingest"]["found"]:
        night["decision"] = {
            "train": False,
            "reason": "there is no video under videos/",
            "start": None,
        }
        return
    version = freeze_dataset(
        asked["dataset"],
        asked["chord_labels"],
        asked["min_validation"],
        asked["min_test"],
        asked["split_by"],
    )
    night["dataset"] = dataset_growth(version, asked["preset"])
    limits = {name: asked[name] for name in ("force", "grow_share", "grow_videos")}
    decision = decide(night["dataset"], **limits)
    night["decision"] = {**vars(decision), "start": None}


def _train(night: Json) -> None:
    """The challenger, and its scores."""
    run = _finish_half_trained(night) or _train_newest(night)
    night["run"], night["training"] = run, training_summary(run)
    publish_losses(store(), run)
    try:
        night["evaluation"] = evaluate_run(run, None, None, "validation")
    except TrainingError as error:  # too few videos to hold some back for validation
        night["evaluation"] = {"error": str(error)}


def _finish_half_trained(night: Json) -> str | None:
    """The run that an earlier night left half-way, finished; None where there is none, or it has
    other settings.
    """
    asked = night["asked"]
    left = run_left_half_way(
        night["dataset"]["version"], asked["preset"], asked["grow_share"], asked["grow_videos"]
    )
    if left is None:
        return None
    try:
        run = _train_from(asked, left["dataset"], left["origin"], left["run"])
    except RunTaken:  # somebody finishes it already
        raise
    except TrainingError as error:
        get_run_logger().warning("%s is not gone on with: %s", left["run"], error)
        return None
    night["decision"]["start"] = left["origin"]["reason"]
    return run


def _train_newest(night: Json) -> str:
    asked, version = night["asked"], night["dataset"]["version"]
    origin = training_origin(version, asked["preset"], asked["go_on"])
    night["decision"]["start"] = origin["reason"]
    return _train_from(asked, version, origin, None)


def _train_from(asked: Json, version: str, origin: Json, run: str | None) -> str:
    if origin["run"] is None:
        return train_model(version, asked["preset"], run, asked["overrides"])
    overrides = {**asked["overrides"], "epochs": origin["epoch"] + asked["more_epochs"]}
    return train_model(version, None, run, overrides, origin["run"], origin["epoch"])


def _judge(night: Json) -> None:
    """Let the challenger serve if it is better and what it makes of the held-out videos is
    sound.
    """
    run, serving = night["run"], champion_now()
    night["gate"] = gate = judge_run(run, night["asked"]["margin"])
    promoted, why = bool(gate["better"]), gate["reason"]
    if promoted:
        videos = held_out_videos(night["dataset"]["version"])
        generated = generate_soundtracks(videos, run, gate["epoch"])
        night["showcase"] = checked_showcase(generated)
        if night["showcase"]["passed"]:
            promote_run(run, gate["epoch"])
        else:
            promoted, why = (
                False,
                f"{why}; but its showcase is not sound: {night['showcase']['problems'][0]}",
            )
    if promoted:
        night["verdict"] = f"{run} serves: {why}"
    else:
        night["verdict"] = (
            f"{serving['run']} stays: {why}" if serving else f"nobody serves: {run}: {why}"
        )
    night["promoted"] = promoted
    write_verdict(run, night["verdict"], promoted)


def _show(night: Json) -> None:
    """Soundtracks of the held-out videos by who serves now."""
    night["champion"] = champion_now()
    if night["champion"] is None or night["dataset"] is None:
        return
    night["soundtracks"] = generate_soundtracks(held_out_videos(night["dataset"]["version"]))
    publish_soundtracks(store(), night["soundtracks"])


def _check_shares(night: Json) -> None:
    ingested, made, limit = night["ingest"], night["soundtracks"], night["asked"]["fail_above"]
    unusable = [*ingested["refused_now"], *ingested["failed"]]
    of = ingested["new"] + len(unusable)
    require_share(unusable, of, limit, "new videos are not usable", at_least=FEWEST_UNUSABLE)
    if made is not None:
        of = sum(len(made[each]) for each in ("made", "known", "failed"))
        require_share(made["failed"], of, limit, "soundtracks failed")
