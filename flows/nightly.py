"""`nightly`: from new videos in the bucket to soundtracks by a model that was trained on them."""

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
        _ingest(night)
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


def _ingest(night: Json) -> None:
    """Ingest and freeze; decide whether to train on the new version."""
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
    """Train the challenger, and evaluate it."""
    run = _finish_half_trained(night) or _train_newest(night)
    night["run"], night["training"] = run, training_summary(run)
    publish_losses(store(), run)
    try:
        night["evaluation"] = evaluate_run(run, None, None, "validation")
    except TrainingError as error:  # too few videos for a validation split
        night["evaluation"] = {"error": str(error)}


def _finish_half_trained(night: Json) -> str | None:
    """Finish the unfinished run of an earlier night; None if there is none with these settings."""
    asked = night["asked"]
    unfinished = unfinished_run(
        night["dataset"]["version"], asked["preset"], asked["grow_share"], asked["grow_videos"]
    )
    if unfinished is None:
        return None
    try:
        run = _train_from(asked, unfinished["dataset"], unfinished["origin"], unfinished["run"])
    except RunTaken:  # another process is finishing it
        raise
    except TrainingError as error:
        get_run_logger().warning("run %s is not resumed: %s", unfinished["run"], error)
        return None
    night["decision"]["start"] = unfinished["origin"]["reason"]
    return run


def _train_newest(night: Json) -> str:
    """Train a new run on the newest version; its name."""
    asked, version = night["asked"], night["dataset"]["version"]
    origin = training_origin(version, asked["preset"], asked["go_on"])
    night["decision"]["start"] = origin["reason"]
    return _train_from(asked, version, origin, None)


def _train_from(asked: Json, version: str, origin: Json, run: str | None) -> str:
    """Train a run from its origin; its name.

    Args:
        asked: the parameters of the flow.
        version: of the dataset.
        origin: run and epoch whose weights the training starts from, if any.
        run: name of the run to resume; None for a new run.
    """
    if origin["run"] is None:
        return train_model(version, asked["preset"], run, asked["overrides"])
    overrides = {**asked["overrides"], "epochs": origin["epoch"] + asked["more_epochs"]}
    return train_model(version, None, run, overrides, origin["run"], origin["epoch"])


def _judge(night: Json) -> None:
    """Promote the challenger if it is better than the champion and its soundtracks for the held-out
    videos are valid.
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
    """Write soundtracks for the held-out videos with the champion."""
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
        of = sum(len(made[group]) for group in ("made", "known", "failed"))
        require_share(made["failed"], of, limit, "soundtracks failed")
