"""Runs: a table of all, several side by side, or one in full."""

from collections.abc import Sequence

import streamlit as st

from dashboard.components.error_banner import trouble
from dashboard.components.format import zone
from dashboard.components.url_state import choose, select, selected
from dashboard.i18n.text import t
from dashboard.pages.runs.beside import show_beside
from dashboard.pages.runs.run import show_run
from dashboard.pages.runs.table import styled, table_of
from dashboard.sources import store
from vmt.catalog.records.runs import RunSummary


def filtered(summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs that the three filters leave."""
    words, presets, states = st.columns([2, 2, 3], vertical_alignment="bottom")
    wanted = words.text_input(t("filter"), placeholder=t("filter.hint")).strip().lower()
    known = sorted({summary.preset for summary in summaries if summary.preset})
    preset = presets.selectbox(t("preset"), known, index=None, placeholder=t("any"))
    there = sorted({summary.state for summary in summaries})
    picked = states.pills(
        t("state"), there, format_func=lambda state: t(f"state.{state}"), selection_mode="multi"
    )
    return [
        summary
        for summary in summaries
        if wanted in f"{summary.run} {summary.dataset}".lower()
        and (preset is None or summary.preset == preset)
        and (not picked or summary.state in picked)
    ]


def show_table(summaries: Sequence[RunSummary]) -> None:
    """The table; a click on a row's box opens its run."""
    if not summaries:
        st.info(t("runs.none_left"))
        return
    event = st.dataframe(
        styled(table_of(summaries), summaries),
        hide_index=True,
        selection_mode="single-row",
        on_select="rerun",
        key="runs-table",
        column_config={
            t("run"): st.column_config.TextColumn(pinned=True),
            t("started"): st.column_config.DatetimeColumn(
                format="YYYY-MM-DD HH:mm z", timezone=str(zone())
            ),
        },
    )
    st.caption(t("runs.best_meaning"))
    if event.selection.rows:
        select(run=summaries[event.selection.rows[0]].run)
        st.rerun()


@st.fragment
@trouble()
def show_runs() -> None:
    """The filters and the table, which answer without the rest of the page."""
    show_table(filtered(store.summaries()))


def page() -> None:
    """The run in the URL, or all of them."""
    run = selected("run")
    if run is not None:
        show_run(run)
        return
    st.title(t("page.runs"))
    summaries = store.summaries()
    if not summaries:
        st.info(t("runs.empty"))
        st.code("vmt train main@v0001 --preset amt\nmake demo", language="bash")
        return
    opened = choose(
        "run",
        [summary.run for summary in summaries],
        t("open_run"),
        optional=True,
        placeholder=t("open_run.hint"),
    )
    assert opened is None
    show_runs()
    show_beside(summaries)


page()
