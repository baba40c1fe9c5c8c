"""`ingest`: new videos of the bucket become features."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.engine.artifacts import FEWEST_UNUSABLE, require_share
from flows.engine.gpu import SOON_S
from flows.engine.notify import alert
from flows.tasks.pipeline import Json, ingest_videos
from vmt.catalog import keys
from vmt.catalog.records import encode


@flow(name="ingest", on_failure=[alert], on_crashed=[alert])
def ingest(
    prefix: str = keys.VIDEOS, retry_refused: bool = False, fail_above: float = 0.5
) -> Json | State[Json]:
    """Ingest what is new under `prefix`; a refused video does not stop the others.

    Where a training holds the GPU the run ends soon, and says so: the next one starts in minutes.

    Args:
        prefix: of the videos' keys.
        retry_refused: try what is in quarantine again.
        fail_above: the share of unusable videos among the new ones over which the flow fails, 0 to
            1, where three or more are unusable: then something else is wrong.

    Returns:
        How many videos were found, new, known and put off, and which were refused and why.
    """
    report = ingest_videos(prefix, retry_refused, wait_s=SOON_S)
    unusable = [*report.refused_now, *report.failed]
    of = report.new + len(unusable)
    require_share(unusable, of, fail_above, "new videos are not usable", at_least=FEWEST_UNUSABLE)
    if report.put_off:
        return Completed(
            message=f"The GPU is held; {report.put_off} new left for next time", data=encode(report)
        )
    return encode(report)
