"""`ingest`: features of the new videos in the bucket."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.engine.artifacts import FEWEST_UNUSABLE, require_share
from flows.engine.deployments import Deployment
from flows.engine.gpu import SOON_S
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import Json, ingest_videos
from vmt.catalog import keys
from vmt.catalog.records import encode

DEPLOYMENT = Deployment(
    "ingest",
    "Extract the features of new videos under videos/.",
    queue="cpu",
    cron="*/15 * * * *",
)


@flow(name="ingest", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def ingest(
    prefix: str = keys.VIDEOS, retry_refused: bool = False, fail_above: float = 0.5
) -> Json | State[Json]:
    """Ingest the new videos under `prefix`; a refused video does not stop the others.

    While a training holds the GPU, the run ends early and says so: the next run starts in minutes.

    Args:
        prefix: of the videos' keys.
        retry_refused: whether videos in quarantine are tried again.
        fail_above: the largest share of unusable videos among the new ones that does not fail the
            flow, 0 to 1; fewer than three unusable videos never fail it.

    Returns:
        The number of videos that were found, new, known and put off, and the refused videos with
        their reasons.
    """
    report = ingest_videos(prefix, retry_refused, wait_s=SOON_S)
    unusable = [*report.refused_now, *report.failed]
    of = report.new + len(unusable)
    require_share(unusable, of, fail_above, "new videos are not usable", at_least=FEWEST_UNUSABLE)
    if report.put_off:
        return Completed(
            message=f"The GPU is held; {report.put_off} new videos are put off to the next run",
            data=encode(report),
        )
    return encode(report)
