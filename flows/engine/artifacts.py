"""What the flows leave on Prefect's pages, and the threshold that fails them.

Everything shown there can be read from the store as well, so a server that does not answer fails no
flow.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.exceptions import PrefectHTTPStatusError

from flows.engine.events import artifact_key
from vmt.catalog.records import encode
from vmt.catalog.records.nights import GenerateReport, NightReport
from vmt.catalog.runs import Run
from vmt.errors import VmtError
from vmt.jobs.release.nightly import markdown
from vmt.store import ObjectStore
from vmt.training.results import COLUMNS

# One bad upload, alone in its quarter of an hour, says nothing of the store.
FEWEST_UNUSABLE = 3
LINK_LIFE_S = 7 * 24 * 3600  # the longest that S3 signs for


class Failed(Protocol):
    """An item that failed, and why."""

    @property
    def key(self) -> str:
        """Of the item."""

    @property
    def reason(self) -> str:
        """A sentence."""


class TooManyFailed(VmtError):
    """More items of a batch failed than the flow allows: the items are not to blame any more."""


def require_share(
    failed: Sequence[Failed], of: int, fail_above: float, what: str, *, at_least: int = 1
) -> None:
    """Fail a flow when too many items failed.

    Args:
        failed: the items.
        of: how many there were in all.
        fail_above: the share of failures that is still no failure of the flow, 0 to 1.
        what: says in words what failed, such as `videos refused`.
        at_least: fewer failures than this are no failure of the flow, whatever their share.

    Raises:
        TooManyFailed: if more than `fail_above` of them failed.
    """
    if len(failed) >= at_least and len(failed) > fail_above * of:
        first = failed[0]
        raise TooManyFailed(
            f"{len(failed)} of {of} {what}, more than {fail_above:.0%}; the first is "
            f"{first.key}: {first.reason}"
        )


@contextmanager
def _if_the_server_answers() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        get_run_logger().warning("not shown on Prefect's page: %s", error)


@_if_the_server_answers()
def publish_losses(store: ObjectStore, run: str) -> None:
    """The run's table of losses, as its results.csv has it."""
    rows = [dict(zip(COLUMNS, row.values, strict=True)) for row in Run(store, run).results()]
    create_table_artifact(
        rows, key=artifact_key("losses", run), description=f"Losses of {run} by epoch"
    )


@_if_the_server_answers()
def publish_soundtracks(store: ObjectStore, report: GenerateReport) -> None:
    """Links to the finished videos of a generation's report, and the videos that failed."""
    videos = [soundtrack.files["mp4"] for soundtrack in (*report.made, *report.known)]
    lines = [f"- [{key}]({store.share_url(key, LINK_LIFE_S)})" for key in videos]
    lines += [f"- {failure.key} failed: {failure.reason}" for failure in report.failed]
    create_markdown_artifact(
        "\n".join(lines) or "There was no video.",
        key="soundtracks",
        description="The links last a week.",
    )


@_if_the_server_answers()
def publish_night(night: NightReport) -> None:
    """The nightly report: what was new, what was trained and why or why not, who serves, what was
    made.
    """
    create_markdown_artifact(
        markdown(encode(night)), key="nightly", description="What the night did and why"
    )


@_if_the_server_answers()
def publish_scores(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> None:
    """Scores side by side: a row a score, a column a contender."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows = [
        {"score": name} | {who: column.get(name) for who, column in columns.items()}
        for name in names
    ]
    create_table_artifact(rows, key="scores", description=title)


@_if_the_server_answers()
def publish_housekeeping(report: Mapping[str, Any]) -> None:
    """What was removed, or would be."""
    would = "would be removed" if report["dry_run"] else "removed"
    lines = [
        f"**Weights** {would}: {len(report['weights'])}",
        *(f"- {key}" for key in report["weights"]),
        f"\n**Left behind**, {would}: {len(report['left_behind'])}",
        *(f"- {what}" for what in report["left_behind"]),
        f"\n**Runs that had stopped**: {', '.join(report['stopped']) or 'none'}",
        f"\n**Freed**: {report['freed_bytes'] / 1e6:.1f} MB; **Prefect's old runs**: "
        f"{report['prefect_runs']}",
    ]
    create_markdown_artifact(
        "\n".join(lines), key="housekeep", description="What was kept house of"
    )
