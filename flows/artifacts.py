"""What the flows leave on Prefect's pages, and the threshold that fails them.

Everything shown there can be read from the store as well.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from vmt.errors import VmtError
from vmt.store import ObjectStore
from vmt.training.registry import Run
from vmt.training.results import COLUMNS

LINK_LIFE_S = 7 * 24 * 3600  # the longest that S3 signs for


class TooManyFailed(VmtError):
    """More items of a batch failed than the flow allows: the items are not to blame any more."""


def require_share(failed: Sequence[Mapping[str, Any]], of: int, fail_above: float, what: str) -> None:
    """Fail a flow when too many items failed.

    Args:
        failed: each with a `key` and a `reason`.
        of: how many there were in all.
        fail_above: the share of failures that is still no failure of the flow, 0 to 1.
        what: says in words what failed, such as `videos refused`.

    Raises:
        TooManyFailed: if more than `fail_above` of them failed.
    """
    if failed and len(failed) > fail_above * of:
        first = failed[0]
        raise TooManyFailed(
            f"{len(failed)} of {of} {what}, more than {fail_above:.0%}; the first is {first['key']}: {first['reason']}"
        )


def _key(*parts: str) -> str:
    """An artifact's key: lower-case letters, digits and dashes. An artifact without a key is not listed."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def publish_losses(store: ObjectStore, run: str) -> None:
    """The run's table of losses, as its results.csv has it."""
    rows = [dict(zip(COLUMNS, row.values, strict=True)) for row in Run(store, run).results()]
    create_table_artifact(rows, key=_key("losses", run), description=f"Losses of {run} by epoch")


def publish_soundtracks(store: ObjectStore, report: Mapping[str, Any]) -> None:
    """Links to the finished videos of a generation's report, and the videos that failed."""
    videos = [soundtrack["files"]["mp4"] for soundtrack in (*report["made"], *report["known"])]
    lines = [f"- [{key}]({store.share_url(key, LINK_LIFE_S)})" for key in videos]
    lines += [f"- {failure['key']} failed: {failure['reason']}" for failure in report["failed"]]
    create_markdown_artifact(
        "\n".join(lines) or "There was no video.", key="soundtracks", description="The links last a week."
    )


def publish_night(result: Mapping[str, Any]) -> None:
    """The nightly report: what was new, what was trained and why or why not, what was made."""
    ingested, generated = result["ingest"], result["generate"]
    unusable = [*ingested["refused"], *ingested["failed"]]
    text = "\n".join(
        [
            f"**Videos**: {ingested['new']} new, {ingested['known']} known, {len(unusable)} not usable",
            *(f"- {each['key']}: {each['reason']}" for each in unusable),
            "",
            f"**Dataset**: {result['dataset']}",
            "",
            f"**Training**: {result['run'] or 'none'}; {result['decision']}",
            "",
            f"**Champion**: {result['verdict']}",
            "",
            f"**Soundtracks**: {len(generated['made'])} made, {len(generated['known'])} known, "
            f"{len(generated['failed'])} failed",
        ]
    )
    create_markdown_artifact(text, key="nightly", description="What the night did and why")
