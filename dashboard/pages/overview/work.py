"""What runs now, and what failed in the last week, wherever it is recorded: in Prefect or in the
store.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard.components.error_banner import trouble
from dashboard.components.format import duration, moment, size, when
from dashboard.i18n.text import t
from dashboard.pages.jobs.recent import job_name, state_name, subject
from dashboard.sources import prefect, store
from vmt.catalog import keys
from vmt.catalog.records.videos import InboxLedger

LIVE_S = 5
SHOWN = 8
STAGED = 5
WEEK = timedelta(days=7)
TIGHT_BYTES = 5_000_000_000
"""Free space of a local store below which it is a failure to come: a training writes 4 GB."""


@dataclass(frozen=True)
class Failure:
    """Something that went wrong: what, why, when, and the page that shows more."""

    what: str
    why: str
    at: datetime | None = None
    page: str = "jobs"
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Jobs:
    """What Prefect knows: runs under way with the tasks that they are at, and failed runs."""

    under_way: Sequence[tuple[prefect.JobRun, Sequence[str]]]
    failed: Sequence[prefect.JobRun]


@st.cache_data(ttl=LIVE_S, show_spinner=False)
def jobs() -> Jobs | None:
    """The jobs of now and of the last week; None where no server answers."""
    try:
        running = prefect.under_way()
        staged = [(run, prefect.stages(run.id)) for run in running[:STAGED]]
        staged += [(run, []) for run in running[STAGED:]]
        return Jobs(staged, prefect.failures(datetime.now(UTC) - WEEK))
    except (prefect.PrefectUnavailable, prefect.JobRefused):
        return None


def failures(known: Jobs | None) -> list[Failure]:
    """Failed jobs, failed trainings, a failed night, videos of the inbox that failed, and a disk
    that is nearly full; the newest first.
    """
    return sorted(
        [
            *_failed_jobs(known),
            *_failed_trainings(),
            *_failed_inbox(),
            *_failed_night(),
            *_full_disk(),
        ],
        key=lambda failure: failure.at or datetime.max.replace(tzinfo=UTC),
        reverse=True,
    )


def _failed_jobs(known: Jobs | None) -> list[Failure]:
    return [
        Failure(
            " · ".join(
                part for part in (job_name(run.job), subject(run.job, run.parameters)) if part
            ),
            f"{state_name(run.state)}: {run.message}" if run.message else state_name(run.state),
            moment(run.ended or run.started or run.expected),
            query={"follow": str(run.id)},
        )
        for run in (known.failed if known is not None else ())
    ]


def _recent(at: datetime | None) -> bool:
    return at is None or at > datetime.now(UTC) - WEEK


def _failed_trainings() -> list[Failure]:
    """The last failed trainings, also of more than a week ago: they stay failed in the store."""
    return [
        Failure(
            summary.run,
            summary.error or t("failed.no_reason"),
            moment(summary.finished_at),
            "runs",
            {"run": summary.run},
        )
        for summary in store.summaries()
        if summary.state == "failed"
    ]


def _failed_inbox() -> list[Failure]:
    ledger = store.read(keys.inbox_ledger(), InboxLedger)
    return [
        Failure(key, str(entry.reason), moment(entry.at))
        for key, entry in (ledger.videos if ledger is not None else {}).items()
        if entry.state == "failed"
    ]


def _failed_night() -> list[Failure]:
    report = store.night_report()
    if report is None or report.content is None or report.content.state != "failed":
        return []
    at = moment(report.content.finished_at)
    why = report.content.error or t("failed.no_reason")
    return [Failure(t("job.nightly"), why, at)] if _recent(at) else []


def _full_disk() -> list[Failure]:
    folder = store.store().capabilities.folder
    if folder is None or not folder.exists():
        return []
    free = shutil.disk_usage(folder).free
    if free >= TIGHT_BYTES:
        return []
    return [Failure(t("disk"), t("disk.tight", free=size(free)), page="overview")]


@st.fragment(run_every=LIVE_S)
@trouble()
def show_work() -> None:
    """What runs now, and what failed and why; reads itself again every few seconds."""
    known = jobs()
    running, failed = st.columns(2)
    with running:
        show_running(known)
    with failed:
        show_failures(known)


def show_running(known: Jobs | None) -> None:
    """Jobs with their stage, and trainings with their progress."""
    st.subheader(t("running_now"))
    for run, stages in known.under_way if known is not None else ():
        st.page_link(
            "pages/jobs/page.py",
            label=f"{job_name(run.job)} →",
            query_params={"follow": str(run.id)},
        )
        parts = (
            subject(run.job, run.parameters),
            t("running_now.stage", stages=", ".join(stages)) if stages else state_name(run.state),
            duration(run.seconds),
        )
        st.caption(" · ".join(part for part in parts if part))

    live = [summary for summary in store.summaries() if summary.state == "running"]
    for summary in live:
        done, planned = summary.epochs or 0, summary.planned_epochs or 1
        name = summary.run
        st.page_link("pages/runs/page.py", label=f"{name} →", query_params={"run": name})
        st.progress(min(1.0, done / planned), t("run.progress", done=done, planned=planned))
    if not live and not (known is not None and known.under_way):
        st.caption(t("running_now.none"))


def show_failures(known: Jobs | None) -> None:
    """The newest failures, the number of refused videos, and what is not known without Prefect."""
    st.subheader(t("failed"))
    failed = failures(known)
    for failure in failed[:SHOWN]:
        st.page_link(
            f"pages/{failure.page}/page.py",
            label=f"{failure.what} →",
            query_params=failure.query,
        )
        st.caption(f"{when(failure.at)}: {failure.why}" if failure.at else failure.why)
    if len(failed) > SHOWN:
        st.caption(t("failed.more", n=len(failed) - SHOWN))

    refused = store.quarantine()
    if refused:
        st.page_link("pages/dataset/page.py", label=f"{t('failed.refused', n=len(refused))} →")
    if known is None:
        st.caption(t("failed.no_prefect"))
    elif not failed and not refused:
        st.caption(t("failed.none"))
