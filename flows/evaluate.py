"""`evaluate`: scores of an epoch of a run, or of soundtracks."""

from prefect import flow

from flows.engine.artifacts import publish_scores
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.evaluation import evaluate_run, resolve_epoch, score_generated
from flows.tasks.pipeline import Json


@flow(name="evaluate", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def evaluate(
    run: str | None = None,
    epoch: int | None = None,
    dataset: str | None = None,
    split: str = "validation",
    generated: str | None = None,
) -> Json:
    """Score a run beside the baselines on songs it was not trained on; with `generated`, score
    soundtracks.

    Args:
        run: to score; the champion if None.
        epoch: of that run; its best if None.
        dataset: to score on, `main@v0003`, or `main` for its newest version; the run's own if None.
        split: `validation` or `test`.
        generated: score the soundtracks under this prefix instead, such as
            `outputs/RUN/epoch_0026/`.

    Returns:
        The key of all scores, and the means.
    """
    if generated is not None:
        scores = score_generated(generated)
        publish_scores(
            f"Soundtracks under {generated}",
            {"generated": scores["mean"], "real songs": scores["real"]},
        )
        return scores
    scores = evaluate_run(*resolve_epoch(run, epoch), dataset, split)
    publish_scores(
        f"{scores['run']} epoch {scores['epoch']}, {scores['dataset']}, {scores['split']}",
        scores["rows"],
    )
    return scores
