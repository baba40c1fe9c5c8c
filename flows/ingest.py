"""`ingest`: new videos of the bucket become features."""

from prefect import flow

from flows.artifacts import require_share
from flows.notify import alert
from flows.tasks import Json, ingest_videos


@flow(name="ingest", on_failure=[alert], on_crashed=[alert])
def ingest(prefix: str = "videos/", retry_refused: bool = False, fail_above: float = 0.5) -> Json:
    """Ingest what is new under `prefix`; a refused video does not stop the others.

    Args:
        prefix: of the videos' keys.
        retry_refused: try what is in quarantine again.
        fail_above: the share of unusable videos over which the flow fails, 0 to 1: then something else is wrong.

    Returns:
        How many videos were found, new and known, and which were refused and why.
    """
    report = ingest_videos(prefix, retry_refused)
    require_share([*report["refused"], *report["failed"]], report["found"], fail_above, "videos are not usable")
    return report
