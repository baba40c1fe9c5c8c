"""`evaluate`: scores of an epoch of a run, or of soundtracks."""

from prefect import flow

from flows.engine.artifacts import publish_scores
from flows.engine.deployments import After, Deployment
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.evaluation import evaluate_run, resolve_epoch, score_generated
from flows.tasks.pipeline import Json
from vmt.catalog.records import encode

DEPLOYMENT = Deployment(
    "evaluate",
    "Score an epoch of a run beside the baselines, or soundtracks; starts after each `train`.",
    queue="cpu",
    overlap=True,
    after=After("vmt.best-epoch", "train", {"run": "run", "epoch": "epoch"}),
)


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
            {"generated": scores.mean, "real songs": scores.real},
        )
        return {
            "key": scores.key,
            "outputs": len(scores.rows),
            "mean": scores.mean,
            "real": scores.real,
        }
    scored = evaluate_run(*resolve_epoch(run, epoch), dataset, split)
    title = f"{scored.run} epoch {scored.epoch}, {scored.dataset}, {scored.split}"
    publish_scores(title, scored.rows)
    return encode(scored)
