"""`generate`: soundtracks for many videos."""

from typing import Any

from prefect import flow

from flows.engine.artifacts import publish_soundtracks, require_share
from flows.engine.notify import alert
from flows.tasks.pipeline import Json, generate_soundtracks, list_videos, read_manifest, store
from vmt.catalog import keys
from vmt.catalog.records import encode


@flow(name="generate", on_failure=[alert], on_crashed=[alert])
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
        videos: their keys; those that `manifest` lists, or everything under `prefix`, if None.
        prefix: of the videos' keys, where neither of the others names them; without any the flow
            fails.
        manifest: key of an object that lists the videos: a dataset's `manifest.parquet` or a
            `.csv`, by the column `key`, or a text with a key a line.
        run: whose weights compose; the champion's if None.
        epoch: of that run; its best if None.
        settings: of the generation, where they differ from the defaults.
        force: write anew what stands already.
        fail_above: the share of failed videos over which the flow fails, 0 to 1: then something
            else is wrong.

    Returns:
        The keys of what was made and of what was there, and which videos failed and why.
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
