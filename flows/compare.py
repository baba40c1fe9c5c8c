"""`compare`: several runs or epochs write soundtracks for the same videos; scores side by side."""

from typing import Any

from prefect import flow

from flows.engine.artifacts import publish_scores
from flows.engine.deployments import Deployment
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.evaluation import champions_videos, compare_runs, newest_contenders
from flows.tasks.pipeline import Json

DEPLOYMENT = Deployment(
    "compare",
    "Compare runs or epochs by their soundtracks for the same videos.",
    queue="gpu",
    overlap=True,
)


@flow(name="compare", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def compare(
    contenders: list[str] | None = None,
    videos: list[str] | None = None,
    settings: dict[str, Any] | None = None,
) -> Json:
    """Compare runs or epochs by their soundtracks for the same videos.

    Args:
        contenders: two or more, as RUN or RUN@EPOCH; the champion and the previous champion if
            None.
        videos: keys of the videos; the held-out videos of the champion's dataset if None.
        settings: of the generation, where they differ from the defaults.

    Returns:
        The key of all scores, and the mean scores of each contender.
    """
    if contenders is None:
        contenders = newest_contenders()
    if videos is None:
        videos = champions_videos()
    comparison = compare_runs(contenders, videos, settings or {})

    publish_scores(
        "Comparison",
        {
            f"{contender.run}@{contender.epoch}": contender.scores.mean
            for contender in comparison.contenders
        },
    )
    return {
        "key": comparison.key,
        "contenders": [
            {
                "run": contender.run,
                "epoch": contender.epoch,
                "failed": contender.failed,
                "mean": contender.scores.mean,
            }
            for contender in comparison.contenders
        ],
    }
