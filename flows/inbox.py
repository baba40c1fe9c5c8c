"""`inbox`: one soundtrack by the champion for each new video under inbox/."""

from dataclasses import replace

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.engine.artifacts import publish_soundtracks, require_share
from flows.engine.deployments import Deployment
from flows.engine.events import reporter
from flows.engine.gpu import SOON_S, GpuHeld, gpu_slot
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import GENERATE_TIMEOUT_S, RETRY, Json, device, store
from vmt.catalog import keys
from vmt.catalog.records import encode
from vmt.catalog.records.nights import GenerateReport
from vmt.jobs.soundtrack.inbox import InboxReport, check_inbox, serve_inbox
from vmt.runtime.worker_pool import worker_map
from vmt.settings import load_settings

DEPLOYMENT = Deployment(
    "inbox",
    "Write one soundtrack by the champion for each new video under inbox/.",
    queue="gpu",
    cron="*/5 * * * *",
)


@task(name="serve inbox", timeout_seconds=GENERATE_TIMEOUT_S, **RETRY)
def score_new_videos(prefix: str) -> InboxReport:
    """Write soundtracks for new videos under `prefix`.

    New videos take the GPU; if it is held for longer than `SOON_S`, they are put off.
    """
    where, settings = store(), load_settings()
    report = check_inbox(where, prefix)
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
            report = replace(report, put_off=report.new)
    return report


@flow(name="inbox", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def inbox(prefix: str = keys.INBOX, fail_above: float = 0.5) -> Json | State[Json]:
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
    if report.made or report.failed:
        publish_soundtracks(store(), GenerateReport(report.made, (), report.failed))
    new = len(report.made) + len(report.failed)
    require_share(report.failed, new, fail_above, "soundtracks failed")
    if report.put_off:
        return Completed(
            message=f"The GPU is held; {report.put_off} new videos are put off to the next run",
            data=encode(report),
        )
    return encode(report)
