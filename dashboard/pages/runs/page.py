"""Runs: a table of all, several overlaid, or one in full."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from dashboard.components import charts
from dashboard.components.error_banner import trouble
from dashboard.components.format import duration, number, zone
from dashboard.components.url_state import choose, select, selected
from dashboard.i18n.text import t
from dashboard.pages.runs.run import show_run
from dashboard.sources import store
from vmt.catalog.records.runs import RunSummary

VALIDATION = {kind: f"Avg Eval loss ({kind})" for kind in ("chord", "total", "emotion")}


def table_of(summaries: Sequence[RunSummary]) -> pd.DataFrame:
    """One row a run, numbers as numbers so that the table sorts them."""

    def column(name: str) -> list[Any]:
        return [getattr(summary, name) for summary in summaries]

    def losses(name: str) -> pd.Series:
        return pd.to_numeric(pd.Series([(summary.best or {}).get(name) for summary in summaries]))

    states = {state: t(f"state.{state}") for state in ("running", "done", "failed", "starting")}
    untrained = t("untrained_short")
    return pd.DataFrame(
        {
            t("run"): column("run"),
            t("state"): [states[state] for state in column("state")],
            t("preset"): column("preset"),
            t("dataset"): column("dataset"),
            t("epochs"): pd.to_numeric(pd.Series(column("epochs"))),
            t("best_epoch"): pd.to_numeric(pd.Series(column("best_epoch"))),
            t("chord_nll"): losses("chord"),
            t("total"): losses("total"),
            t("emotion"): losses("emotion"),
            t("took"): pd.to_numeric(pd.Series(column("seconds"))),
            t("started"): pd.to_datetime(
                pd.Series(column("started_at")), utc=True, errors="coerce", format="ISO8601"
            ),
            t("clip"): [untrained if each else "" for each in column("untrained")],
        }
    )


def styled(table: pd.DataFrame) -> Styler:
    """Numbers with four digits, the least of each loss marked by a star."""

    def starred(column: str) -> Callable[[float], str]:
        least = table[column].min()
        return lambda value: f"{number(value)} ★" if value == least else number(value)

    losses = {t(name): starred(t(name)) for name in ("chord_nll", "total", "emotion")}
    whole = {
        t(name): lambda value: number(None if pd.isna(value) else int(value))
        for name in ("epochs", "best_epoch")
    }
    formats: dict[Any, Any] = {**losses, **whole, t("took"): duration}
    return table.style.format(formats)


def filtered(summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs that the three filters leave."""
    words, presets, states = st.columns([2, 2, 3], vertical_alignment="bottom")
    wanted = words.text_input(t("filter"), placeholder=t("filter.hint")).strip().lower()
    known = sorted({summary.preset for summary in summaries if summary.preset})
    preset = presets.selectbox(t("preset"), known, index=None, placeholder=t("any"))
    there = sorted({summary.state for summary in summaries})
    chosen = states.pills(
        t("state"), there, format_func=lambda state: t(f"state.{state}"), selection_mode="multi"
    )
    return [
        summary
        for summary in summaries
        if wanted in f"{summary.run} {summary.dataset}".lower()
        and (preset is None or summary.preset == preset)
        and (not chosen or summary.state in chosen)
    ]


def show_table(summaries: Sequence[RunSummary]) -> None:
    """The table; a click on a row's box opens its run."""
    if not summaries:
        st.info(t("runs.none_left"))
        return
    event = st.dataframe(
        styled(table_of(summaries)),
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


def show_overlay(summaries: Sequence[RunSummary]) -> None:
    """Validation curves of several runs in one chart; the runs stand in the URL."""
    st.subheader(t("overlay"))
    names = [summary.run for summary in summaries if summary.epochs is not None]
    wanted = [name for name in (selected("overlay") or "").split(",") if name in names]
    st.session_state["overlay"] = wanted
    runs, kinds = st.columns([3, 1])
    runs.multiselect(
        t("overlay.runs"),
        names,
        key="overlay",
        placeholder=t("overlay.hint"),
        max_selections=len(charts.SERIES),
        on_change=lambda: select(overlay=",".join(st.session_state["overlay"]) or None),
    )
    kind = kinds.selectbox(t("loss"), list(VALIDATION), format_func=lambda name: t(f"loss.{name}"))
    tables = {run: table for run in wanted if (table := store.results(run)) is not None}
    if tables:
        st.altair_chart(
            charts.overlay(
                tables, VALIDATION[kind], title=t("validation_of", loss=t(f"loss.{kind}"))
            )
        )


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
    show_overlay(summaries)


page()
