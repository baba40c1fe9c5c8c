"""`generate`: soundtracks for many videos."""

from typing import Any

from prefect import flow

from flows.engine.artifacts import publish_soundtracks, require_share
from flows.engine.deployments import Deployment
from flows.engine.notify import alert
from flows.engine.run_names import run_name
from flows.tasks.pipeline import Json, generate_soundtracks, list_videos, read_manifest, store
from vmt.catalog import keys
from vmt.catalog.records import encode

DEPLOYMENT = Deployment(
    "generate",
    "Write soundtracks for a list of videos, a manifest or a prefix.",
    queue="gpu",
    overlap=True,
)


@flow(name="generate", flow_run_name=run_name, on_failure=[alert], on_crashed=[alert])
def generate(
    videos: list[str] | None = None,
    prefix: str = keys.INBOX,
    manifest: str | None = None,
    run: str | None = None,
    epoch: int | None = None,
    settings: dict[str, Any] | None = None,
    force: bool = False,
    fail_above: float = 0.5,
) -> Json:
    """Write a soundtrack for each video; one that fails does not stop the others.

    Args:
        videos: keys of the videos; if None, those that `manifest` lists, or all under `prefix`.
        prefix: of the videos' keys, if neither of the others is given; no video fails the flow.
        manifest: key of a list of videos: a dataset's `manifest.parquet` or a `.csv`, by the column
            `key`, or a text with a key a line.
        run: run that composes; the champion if None.
        epoch: of that run; its best if None.
        settings: of the generation, where they differ from the defaults.
        force: whether existing soundtracks are made again.
        fail_above: the largest share of failed videos that does not fail the flow, 0 to 1; a larger
            one means that the cause is not in the videos.

    Returns:
        The soundtracks that were made, those that existed, and the failures with their reasons.
    """
    if videos is not None:
        keys = videos
    elif manifest is not None:
        keys = read_manifest(manifest)
    else:
        keys = list_videos(prefix)
    report = generate_soundtracks(keys, run, epoch, settings, force)
    publish_soundtracks(store(), report)
    require_share(report.failed, len(keys), fail_above, "soundtracks failed")
    return encode(report)
