"""The way from an empty store to a first soundtrack: the steps that are done, and how to do the
next.
"""

from dataclasses import dataclass

import streamlit as st

from dashboard.http.access import may_operate
from dashboard.i18n.text import t
from dashboard.sources import soundtracks, store


@dataclass(frozen=True)
class Step:
    """One step: the name of its text, its command, the form that does it, whether it is done."""

    name: str
    command: str
    job: str | None
    done: bool


def steps() -> list[Step]:
    """The steps in their order, with what the store says of each."""
    trained = any(summary.best_epoch is not None for summary in store.summaries())
    return [
        Step("videos", "vmt ingest", "ingest", bool(store.videos())),
        Step("freeze", "vmt dataset freeze", None, bool(store.datasets())),
        Step("train", "vmt train main", "train", trained),
        Step("promote", "vmt promote RUN", "promote", store.champion() is not None),
        Step("generate", "vmt generate my-video.mp4", "generate", bool(soundtracks.newest(1))),
    ]


def show_first_steps() -> None:
    """A list of the steps while one is open; the next one with its command and its form."""
    known = steps()
    following = next((step for step in known if not step.done), None)
    if following is None or known[-1].done:
        return
    st.subheader(t("first_steps"))
    if not any(step.done for step in known):
        st.info(t("store.empty"))
        st.code("make demo", language="bash")
        st.caption(t("first_steps.own"))

    for number, step in enumerate(known, start=1):
        mark = "✅" if step.done else "➡️" if step is following else "⬜"
        st.markdown(f"{mark} {number}. {t(f'first_steps.{step.name}')}")
        if step is following:
            st.code(step.command, language="bash")
            if step.job is not None and may_operate():
                st.page_link(
                    "pages/jobs/page.py",
                    label=f"{t(f'job.{step.job}')} →",
                    query_params={"job": step.job},
                )
