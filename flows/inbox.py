"""`inbox`: new videos under inbox/ get a soundtrack by the champion, once each."""

import dataclasses

from prefect import flow, task

from flows.artifacts import publish_soundtracks, require_share
from flows.gpu import gpu_slot
from flows.notify import alert
from flows.reporting import reporter
from flows.tasks import GENERATE_TIMEOUT_S, RETRY, Json, device, store
from vmt.jobs.inbox import serve_inbox
from vmt.settings import load_settings


@task(name="serve inbox", timeout_seconds=GENERATE_TIMEOUT_S, **RETRY)
def score_new_videos(prefix: str) -> Json:
    """Soundtracks for what is new under `prefix`."""
    with gpu_slot(device()):
        return dataclasses.asdict(serve_inbox(store(), load_settings(), prefix=prefix, on_event=reporter()))


@flow(name="inbox", on_failure=[alert], on_crashed=[alert])
def inbox(prefix: str = "inbox/", fail_above: float = 0.5) -> Json:
    """Write a soundtrack for each new video; one that fails is tried three times and does not stop the others.

    Args:
        prefix: of the videos' keys.
        fail_above: the share of failures among the new ones over which the flow fails, 0 to 1.

    Returns:
        How many videos there are, were done before and wait for a first champion; what was made and what failed.
    """
    report = score_new_videos(prefix)
    if report["made"] or report["failed"]:
        publish_soundtracks(store(), {"made": report["made"], "known": [], "failed": report["failed"]})
    new = len(report["made"]) + len(report["failed"])
    require_share(report["failed"], new, fail_above, "soundtracks failed")
    return report
