"""`promote`: make an epoch the champion, or roll back, by a person's decision."""

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.engine.deployments import Deployment
from flows.engine.events import reporter
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import Json, promote_run, store
from vmt.errors import TrainingError
from vmt.jobs.release.promote import rollback as job

# Not retried: a second rollback would undo a second promotion.
DEPLOYMENT = Deployment(
    "promote",
    "Make an epoch of a run the champion, or roll back to the previous champion.",
    queue="cpu",
)


@task(name="roll back", cache_policy=NO_CACHE)
def roll_back() -> Json:
    """Make the previous champion the champion again."""
    champion = job(store(), on_event=reporter())
    return {"run": champion.run, "epoch": champion.epoch}


@flow(name="promote", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def promote(run: str | None = None, epoch: int | None = None, rollback: bool = False) -> Json:
    """Make an epoch of a run the champion, or with `rollback` the previous champion.

    Args:
        run: run to promote; None to roll back.
        epoch: of that run; its best if None.
        rollback: whether to undo the last promotion that was not undone yet.

    Returns:
        The run and epoch of the champion.
    """
    if rollback == (run is not None):
        raise TrainingError("promote: give a run, or rollback=true; exactly one of them")
    return roll_back() if run is None else promote_run(run, epoch)
