"""`evaluate`: scores of a run's epoch, or of soundtracks."""

from prefect import flow

from flows.engine.artifacts import publish_scores
from flows.engine.notify import alert
from flows.tasks.evaluation import chosen_epoch, evaluate_run, score_generated
from flows.tasks.pipeline import Json
from vmt.catalog.records import encode


@flow(name="evaluate", on_failure=[alert], on_crashed=[alert])
def evaluate(
    run: str | None = None,
    epoch: int | None = None,
    dataset: str | None = None,
    split: str = "validation",
    generated: str | None = None,
) -> Json:
    """Score a run beside the baselines on songs it was not trained on; or, with `generated`,
    soundtracks.

    Args:
        run: the champion if None.
        epoch: of that run; its best if None.
        dataset: `main@v0003`, or `main` for its newest version; the run's own if None.
        split: `validation` or `test`.
        generated: score the soundtracks under this prefix instead, such as
            `outputs/RUN/epoch_0026/`.

    Returns:
        The key of the object that holds all the scores, and the means.
    """
    if generated is not None:
        scores = score_generated(generated)
        publish_scores(
            f"Soundtracks under {generated}",
            {"generated": scores["mean"], "real songs": scores["real"]},
        )
        return scores
    scored = evaluate_run(*chosen_epoch(run, epoch), dataset, split)
    title = f"{scored.run} epoch {scored.epoch}, {scored.dataset}, {scored.split}"
    publish_scores(title, scored.rows)
    return encode(scored)
