"""The jobs that run, wait, ended or failed, and the one that is followed: its progress, what it
made, its log.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard.components.error_banner import trouble
from dashboard.components.format import NOTHING, duration, moment, when, zone
from dashboard.components.url_state import choose, select, selected
from dashboard.http.access import may_operate
from dashboard.i18n.text import t
from dashboard.pages.jobs.start import needs_prefect, start
from dashboard.sources import prefect, titles

LIVE_S = 2
LINKED = 12
NAMED = 2
WARNING_LEVEL = 30
STATES = (
    "Scheduled",
    "Late",
    "Pending",
    "Running",
    "Retrying",
    "AwaitingRetry",
    "AwaitingConcurrencySlot",
    "Paused",
    "Cancelling",
    "Completed",
    "Cached",
    "Failed",
    "TimedOut",
    "Crashed",
    "Cancelled",
)
JOBS = (
    "generate",
    "train",
    "ingest",
    "evaluate",
    "compare",
    "promote",
    "nightly",
    "inbox",
    "housekeep",
)
Color = Literal["green", "blue", "red", "gray"]
COLORS: Mapping[str, Color] = {
    "COMPLETED": "green",
    "RUNNING": "blue",
    "FAILED": "red",
    "CRASHED": "red",
}


def job_name(job: str) -> str:
    """What a job does, in the visitor's language; a job of another version by its name."""
    return t(f"job.{job}") if job in JOBS else job


def state_name(state: str) -> str:
    """A state in the visitor's language; one that Prefect added by its name."""
    return t(f"job_state.{state}") if state in STATES else state


def subject(job: str, parameters: Mapping[str, Any]) -> str:
    """What a job works on, in a few words: its videos, its runs, its dataset."""
    given = {name: value for name, value in parameters.items() if value is not None}
    epoch = f"@{given['epoch']}" if "epoch" in given else ""
    run = f"{given['run']}{epoch}" if "run" in given else ""
    if job == "promote" and given.get("rollback"):
        return t("job.rollback")
    if job == "compare":
        return _named([str(run) for run in given.get("contenders", [])])
    if job in ("evaluate", "promote"):
        return " · ".join(part for part in (run, given.get("split", "")) if part)
    if job in ("train", "nightly"):
        names = (given.get("dataset"), given.get("preset"), given.get("run"))
        return " · ".join(str(name) for name in names if name)
    if given.get("videos"):
        return _named([titles.title_of_key(key) for key in given["videos"]])
    return str(given.get("manifest") or given.get("prefix") or "")


def _named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" +{more}" if more > 0 else "")


def reason(run: prefect.JobRun) -> str:
    """Why a run failed or waits; nothing of one that runs or did what it should."""
    return "" if run.kind in ("RUNNING", "COMPLETED") else run.message


def table_of(runs: Sequence[prefect.JobRun]) -> pd.DataFrame:
    """One row a run."""
    return pd.DataFrame(
        [
            {
                t("job"): job_name(run.job),
                t("job.subject"): subject(run.job, run.parameters),
                t("state"): state_name(run.state),
                t("start.at"): moment(run.started or run.expected),
                t("took"): duration(run.seconds) if run.started else NOTHING,
                t("reason"): reason(run),
            }
            for run in runs
        ]
    )


def title(run: prefect.JobRun) -> str:
    """How a run reads in a list: job, subject, when, state."""
    parts = (
        job_name(run.job),
        subject(run.job, run.parameters),
        when(run.started or run.expected),
        state_name(run.state),
    )
    return " · ".join(part for part in parts if part)


@st.fragment(run_every=LIVE_S)
@trouble()
@needs_prefect()
def show_recent() -> None:
    """The newest runs, and the one that is followed; reads itself again every two seconds."""
    runs = prefect.recent()
    st.subheader(t("jobs.recent"))
    if not runs:
        st.caption(t("jobs.recent.none"))
        return
    time_column = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm z", timezone=str(zone()))
    st.dataframe(table_of(runs), hide_index=True, column_config={t("start.at"): time_column})

    titles = {str(run.id): title(run) for run in runs}
    wanted = selected("follow")
    if wanted is not None and wanted not in titles and is_uuid(wanted):
        titles[wanted] = wanted
    followed = choose("follow", list(titles), t("follow"), shown=lambda run: titles.get(run, run))
    if followed is not None:
        show_followed(prefect.find(UUID(followed)))


def is_uuid(text: str) -> bool:
    """Whether `text` can be a run's id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def show_followed(run: prefect.JobRun) -> None:
    """State, what it made, parameters, log, and buttons to stop it or to run it again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(state_name(run.state), color=COLORS.get(run.kind, "gray"))
        st.caption(f"{run.name} · {duration(run.seconds) if run.started else NOTHING}")
        if may_operate():
            _buttons(run)
    for share in prefect.progress(run.id):
        st.progress(share.share, share.name)

    show_made(prefect.made(run.id))
    if run.message and run.kind in {"FAILED", "CRASHED", "CANCELLED"}:
        st.error(run.message)
    given = {name: value for name, value in run.parameters.items() if value is not None}
    if given:
        text = json.dumps(given, ensure_ascii=False, default=str)
        st.caption(t("parameters.given", parameters=text))

    st.markdown(f"**{t('log')}**")
    lines = [
        f"{moment(line.at):%H:%M:%S} {'! ' if line.level >= WARNING_LEVEL else ''}{line.message}"
        for line in prefect.logs(run.id)
    ]
    st.code("\n".join(lines) or t("log.none"), language=None, height=240, wrap_lines=True)


def _buttons(run: prefect.JobRun) -> None:
    if not run.final:
        if st.button(t("cancel"), key=f"cancel-{run.id}"):
            prefect.cancel(run.id)
            st.rerun(scope="fragment")
    elif run.job and st.button(t("run_again"), key=f"again-{run.id}"):
        select(follow=str(start(run.job, run.parameters).id))
        st.rerun(scope="fragment")


def show_made(made: prefect.Made) -> None:
    """Links to the soundtracks that a run wrote and to the runs that it trained."""
    with st.container(horizontal=True):
        for name in made.runs:
            st.page_link(
                "pages/runs/page.py",
                label=f"{t('page.runs')}: {name} →",
                query_params={"run": name},
            )
        for run, epoch, video, take in made.soundtracks[:LINKED]:
            st.page_link(
                "pages/listen/page.py",
                label=f"{t('page.listen')}: {video} →",
                query_params={"run": run, "epoch": str(epoch), "video": video, "take": take},
            )
    if len(made.soundtracks) > LINKED:
        st.caption(t("made.more", n=len(made.soundtracks) - LINKED))
