"""`inbox`: one soundtrack by the champion for each new video under inbox/."""

import dataclasses

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.engine.artifacts import publish_soundtracks, require_share
from flows.engine.events import reporter
from flows.engine.gpu import SOON_S, GpuHeld, gpu_slot
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import GENERATE_TIMEOUT_S, RETRY, Json, device, store
from vmt.jobs.soundtrack.inbox import look, serve_inbox
from vmt.runtime.worker_pool import worker_map
from vmt.settings import load_settings


@task(name="serve inbox", timeout_seconds=GENERATE_TIMEOUT_S, **RETRY)
def score_new_videos(prefix: str) -> Json:
    """Write soundtracks for new videos under `prefix`.

    New videos take the GPU; if it is held for longer than `SOON_S`, they are put off.
    """
    where, settings = store(), load_settings()
    report = look(where, prefix)
    if report.new:
        try:
            with gpu_slot(device(), SOON_S):
                report = serve_inbox(
                    where,
                    settings,
                    prefix=prefix,
                    map=worker_map(settings.workers),
                    on_event=reporter(),
                )
        except GpuHeld:
            report = dataclasses.replace(report, put_off=report.new)
    return dataclasses.asdict(report)


@flow(name="inbox", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def inbox(prefix: str = "inbox/", fail_above: float = 0.5) -> Json | State[Json]:
    """Write a soundtrack for each new video; a video that fails is tried three times and does not
    stop the others.

    While a training holds the GPU, the run ends early and says so: the next run starts in minutes.

    Args:
        prefix: of the videos' keys.
        fail_above: the largest share of failures among the new videos that does not fail the flow,
            0 to 1.

    Returns:
        The number of videos there are, that were done before, that wait for a first champion and
        that were put off; the soundtracks that were made, and the failures.
    """
    report = score_new_videos(prefix)
    if report["made"] or report["failed"]:
        publish_soundtracks(
            store(), {"made": report["made"], "known": [], "failed": report["failed"]}
        )
    new = len(report["made"]) + len(report["failed"])
    require_share(report["failed"], new, fail_above, "soundtracks failed")
    if report["put_off"]:
        return Completed(
            message=f"The GPU is held; {report['put_off']} new videos are put off to the next run",
            data=report,
        )
    return report
