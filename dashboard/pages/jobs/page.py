"""Jobs: start one, follow it, cancel it; pause and resume schedules."""

import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard.components.error_banner import trouble
from dashboard.components.format import duration, moment, when, zone
from dashboard.components.url_state import choose, select, selected
from dashboard.http.access import may_operate
from dashboard.i18n.text import t
from dashboard.pages.jobs.forms import (
    Parameters,
    ask_compare,
    ask_evaluate,
    ask_ingest,
    ask_nightly,
    ask_promote,
    ask_train,
)
from dashboard.pages.jobs.generate_form import ask_generate
from dashboard.pages.jobs.start import needs_prefect, start
from dashboard.sources import prefect

FORMS: dict[str, Callable[[], Parameters | None]] = {
    "generate": ask_generate,
    "train": ask_train,
    "ingest": ask_ingest,
    "evaluate": ask_evaluate,
    "compare": ask_compare,
    "promote": ask_promote,
    "nightly": ask_nightly,
}
LIVE_S = 2
LINKED = 12
WARNING_LEVEL = 30


def show_forms() -> None:
    """The form of the job in the URL."""
    st.subheader(t("jobs.start"))
    job = choose("job", list(FORMS), t("job"), shown=lambda name: t(f"job.{name}")) or "generate"
    parameters = FORMS[job]()
    if parameters is None:
        return
    run = start(job, parameters)
    select(follow=str(run.id))
    st.success(t("jobs.started", name=run.name))


def table_of(runs: list[prefect.JobRun]) -> pd.DataFrame:
    """One row a run."""
    return pd.DataFrame(
        [
            {
                t("job"): run.job,
                t("name"): run.name,
                t("state"): run.state,
                t("started"): moment(run.started or run.created),
                t("took"): duration(run.seconds),
                t("reason"): run.message if run.kind in {"FAILED", "CRASHED"} else "",
            }
            for run in runs
        ]
    )


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
    time_column = st.column_config.DatetimeColumn(
        format="YYYY-MM-DD HH:mm:ss z", timezone=str(zone())
    )
    st.dataframe(table_of(runs), hide_index=True, column_config={t("started"): time_column})
    names = {str(run.id): f"{run.job} · {run.name} · {run.state}" for run in runs}
    wanted = selected("follow")
    if wanted is not None and wanted not in names and is_uuid(wanted):
        names[wanted] = wanted
    chosen = choose("follow", list(names), t("follow"), shown=lambda each: names.get(each, each))
    if chosen is not None:
        show_followed(prefect.find(UUID(chosen)))


def is_uuid(text: str) -> bool:
    """Whether `text` can be a run's id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def show_followed(run: prefect.JobRun) -> None:
    """State, parameters, log, and a button to stop it."""
    colors: dict[str, Any] = {
        "COMPLETED": "green",
        "RUNNING": "blue",
        "FAILED": "red",
        "CRASHED": "red",
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(run.state, color=colors.get(run.kind, "gray"))
        st.caption(f"{run.job} · {when(run.started or run.created)} · {duration(run.seconds)}")
        if not run.final and may_operate() and st.button(t("cancel"), key=f"cancel-{run.id}"):
            prefect.cancel(run.id)
            st.rerun(scope="fragment")
    for share in prefect.progress(run.id):
        st.progress(share.share, share.name)
    if run.job == "generate" and run.kind == "COMPLETED":
        show_results(run.parameters)
    if run.message and run.kind in {"FAILED", "CRASHED", "CANCELLED"}:
        st.error(run.message)
    if run.parameters:
        st.caption(
            t(
                "parameters.given",
                parameters=json.dumps(dict(run.parameters), ensure_ascii=False, default=str),
            )
        )
    st.markdown(f"**{t('log')}**")
    lines = [
        f"{moment(line.at):%H:%M:%S} {'! ' if line.level >= WARNING_LEVEL else ''}{line.message}"
        for line in prefect.logs(run.id)
    ]
    st.code("\n".join(lines) or t("log.none"), language=None, height=240, wrap_lines=True)


def show_results(parameters: Mapping[str, Any]) -> None:
    """Links to the soundtracks that a finished run wrote."""
    where = {
        name: str(parameters[name]) for name in ("run", "epoch") if parameters.get(name) is not None
    }
    with st.container(horizontal=True):
        for key in (parameters.get("videos") or [])[:LINKED]:
            video = PurePosixPath(key).stem
            st.page_link(
                "pages/listen/page.py",
                label=f"{t('page.listen')}: {video} →",
                query_params={**where, "video": video},
            )


def show_schedules(jobs: list[prefect.Job]) -> None:
    """Every schedule with a switch."""
    st.subheader(t("jobs.schedules"))
    found = [(job, schedule) for job in jobs for schedule in job.schedules]
    if not found:
        st.caption(t("jobs.schedules.none"))
    for job, schedule in found:
        label = t("schedule.on", job=job.name, cron=schedule.cron)
        shown = label if schedule.active else f"{label}, {t('schedule.paused')}"
        key = f"schedule-{schedule.id}"
        st.session_state[key] = schedule.active

        def switch(
            job: prefect.Job = job, schedule: prefect.Schedule = schedule, key: str = key
        ) -> None:
            prefect.set_schedule(job, schedule, active=bool(st.session_state[key]))

        st.toggle(shown, key=key, on_change=switch, disabled=not may_operate())


def page() -> None:
    """What may be started, what runs, what is scheduled; without Prefect, what to start."""
    st.title(t("page.jobs"))
    with needs_prefect():
        jobs = prefect.jobs()
        if may_operate():
            show_forms()
        else:
            st.info(t("jobs.viewer"))
        show_recent()
        show_schedules(jobs)


page()
