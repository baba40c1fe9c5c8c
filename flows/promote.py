"""`promote`: which epoch serves from now on, by a person's word."""

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.engine.events import reporter
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import Json, promote_run, store
from vmt.errors import TrainingError
from vmt.jobs.release.promote import rollback as job


@task(
    name="roll back", cache_policy=NO_CACHE
)  # not retried: rolling back twice undoes two promotions
def roll_back() -> Json:
    """Let the one that served before serve again."""
    champion = job(store(), on_event=reporter())
    return {"run": champion.run, "epoch": champion.epoch}


@flow(name="promote", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def promote(run: str | None = None, epoch: int | None = None, rollback: bool = False) -> Json:
    """Let a run's epoch serve, or with `rollback` the one that served before.

    Args:
        run: whose epoch serves; left out when rolling back.
        epoch: of that run; its best if None.
        rollback: undo the last promotion that was not undone yet.

    Returns:
        The run and epoch that serve now.
    """
    if rollback == (run is not None):
        raise TrainingError("promote: name a run, or roll back, one of the two")
    return roll_back() if run is None else promote_run(run, epoch)
