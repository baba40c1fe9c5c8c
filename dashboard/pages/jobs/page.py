"""Jobs: start one, follow it, cancel it; pause and resume schedules."""

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dashboard.components.format import when
from dashboard.components.schedule import next_start, often
from dashboard.components.url_state import choose, select
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
from dashboard.pages.jobs.recent import job_name, show_recent
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


def schedule_words(job: prefect.Job, schedule: prefect.Schedule) -> str:
    """`Nightly run: daily, next start 2026-11-29 04:30 CET`."""
    label = t("schedule.on", job=job_name(job.name), words=often(schedule.cron))
    if not schedule.active:
        return f"{label}, {t('schedule.paused')}"
    following = next_start(schedule.cron, datetime.now(UTC))
    return t("schedule.next", words=label, when=when(following)) if following else label


def show_schedules(jobs: list[prefect.Job]) -> None:
    """Every schedule with a switch."""
    st.subheader(t("jobs.schedules"))
    planned = [(job, schedule) for job in jobs for schedule in job.schedules]
    if not planned:
        st.caption(t("jobs.schedules.none"))
    for job, schedule in planned:
        shown = schedule_words(job, schedule)
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
