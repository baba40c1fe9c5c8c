"""Artifacts of the flows on Prefect's pages, and the share of failures that fails a flow.

The store has everything that the artifacts show, so a Prefect server that does not answer fails no
flow.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.exceptions import PrefectHTTPStatusError

from flows.engine.events import artifact_key
from vmt.catalog.records.nights import GenerateReport, NightReport
from vmt.catalog.runs import Run
from vmt.errors import VmtError
from vmt.jobs.upkeep.housekeep import HousekeepReport
from vmt.reports.night import markdown
from vmt.settings import load_settings
from vmt.store import ObjectStore
from vmt.training.results import COLUMNS

# A single bad upload in a quarter of an hour does not mean that something else is wrong.
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
    """More items of a batch failed than the flow allows; the cause is probably not in the items."""


def require_share(
    failed: Sequence[Failed], of: int, fail_above: float, what: str, *, at_least: int = 1
) -> None:
    """Fail a flow when too many items failed.

    Args:
        failed: the failed items.
        of: the number of all items.
        fail_above: the largest share of failures that does not fail the flow, 0 to 1.
        what: what failed, in words, such as `soundtracks failed`.
        at_least: fewer failures than this never fail the flow.

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
    """The table of losses of a run, as in its results.csv."""
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
    """The nightly report: new videos, training and the reason for or against it, champion,
    soundtracks.
    """
    create_markdown_artifact(
        markdown(night, load_settings().language),
        key="nightly",
        description="What the nightly run did, and why",
    )


@_if_the_server_answers()
def publish_scores(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> None:
    """Scores side by side: one row for each score, one column for each contender.

    Args:
        title: of the table.
        columns: scores by contender.
    """
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows = [
        {"score": name} | {who: column.get(name) for who, column in columns.items()}
        for name in names
    ]
    create_table_artifact(rows, key="scores", description=title)


@_if_the_server_answers()
def publish_housekeeping(report: HousekeepReport, prefect_runs: int) -> None:
    """What was removed, or would be removed in a dry run.

    Args:
        report: of the store.
        prefect_runs: the number of Prefect's runs that were deleted.
    """
    would = "would be removed" if report.dry_run else "removed"
    lines = [
        f"**Weights** {would}: {len(report.weights)}",
        *(f"- {key}" for key in report.weights),
        f"\n**Leftovers** {would}: {len(report.left_behind)}",
        *(f"- {leftover}" for leftover in report.left_behind),
        f"\n**Runs marked as stopped**: {', '.join(report.stopped) or 'none'}",
        f"\n**Freed**: {report.freed_bytes / 1e6:.1f} MB; **Prefect's old runs**: {prefect_runs}",
    ]
    create_markdown_artifact(
        "\n".join(lines), key="housekeep", description="What was removed from the store"
    )
