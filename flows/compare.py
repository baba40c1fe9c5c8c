"""`compare`: several runs or epochs write soundtracks for the same videos, and are scored side by
side.
"""

from typing import Any

from prefect import flow

from flows.engine.artifacts import publish_scores
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.evaluation import champions_videos, compare_runs, newest_contenders
from flows.tasks.pipeline import Json


@flow(name="compare", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def compare(
    contenders: list[str] | None = None,
    videos: list[str] | None = None,
    settings: dict[str, Any] | None = None,
) -> Json:
    """Put runs or epochs side by side.

    Args:
        contenders: two or more, as RUN or RUN@EPOCH; the champion and the one that served before if
            None.
        videos: their keys; the held-out videos of the champion's dataset if None.
        settings: of the generation, where they differ from the defaults.

    Returns:
        The key of the object that holds it all, and each contender's mean scores.
    """
    wanted = contenders if contenders is not None else newest_contenders()
    found = compare_runs(
        wanted, videos if videos is not None else champions_videos(), settings or {}
    )
    publish_scores(
        "Comparison",
        {f"{each['run']}@{each['epoch']}": each["mean"] for each in found["contenders"]},
    )
    return found
