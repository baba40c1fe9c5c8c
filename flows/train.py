"""`train`: one run on a dataset version."""

from typing import Any

from prefect import flow

from flows.engine.artifacts import publish_losses
from flows.engine.deployments import Deployment
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import promote_run, resolve_dataset, store, train_model

DEPLOYMENT = Deployment(
    "train", "Train one run on a dataset version, with a preset and overrides.", queue="gpu"
)


@flow(name="train", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def train(
    dataset: str = "main",
    preset: str = "vmt",
    run: str | None = None,
    overrides: dict[str, Any] | None = None,
    promote: bool = False,
) -> str:
    """Train a run, or resume it where it stopped.

    Args:
        dataset: to train on, `main@v0003`, or `main` for its newest version.
        preset: of model and training.
        run: run name; derived from the other arguments if None.
        overrides: settings that differ from the preset.
        promote: whether the best epoch of the run becomes the champion.

    Returns:
        The run's name.
    """
    run = train_model(resolve_dataset(dataset), preset, run, overrides or {})
    publish_losses(store(), run)
    if promote:
        promote_run(run)
    return run
