"""Runs side by side: their curves in one chart, and a table of what differs between them."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.components import charts
from dashboard.components.format import NOTHING, duration, number
from dashboard.components.run_names import comparable, short_names
from dashboard.components.url_state import select, selected
from dashboard.i18n.text import t
from dashboard.pages.runs.evaluations import compared
from dashboard.pages.runs.settings import setting
from dashboard.sources import store
from vmt.catalog.records import encode
from vmt.catalog.records.runs import RunSummary

VALIDATION = {kind: f"Avg Eval loss ({kind})" for kind in ("chord", "total", "emotion")}
FACTS = ("preset", "dataset", "chord_labels", "extractor")


def show_beside(summaries: Sequence[RunSummary]) -> None:
    """Curves, results and differences of the chosen runs; the runs stand in the URL."""
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
    kind = kinds.selectbox(
        t("loss"),
        list(VALIDATION),
        key="overlay-kind",
        format_func=lambda name: t(f"loss.{name}"),
    )
    tables = {run: table for run in wanted if (table := store.results(run)) is not None}
    if not tables:
        return

    shown = short_names(list(tables))
    curves = {shown[run]: table for run, table in tables.items()}
    title = t("validation_of", loss=t(f"loss.{kind}"))
    st.altair_chart(charts.overlay(curves, VALIDATION[kind], title=title))
    overlaid = [summary for summary in summaries if summary.run in tables]
    if not comparable(kind, overlaid):
        st.caption(t("overlay.not_comparable"))
    if len(overlaid) > 1:
        show_table(t("beside.results"), results_table(overlaid, shown))
        show_table(t("beside.differences"), differences(overlaid, shown))
        show_table(t("beside.evaluations"), compared(list(tables), shown))


def show_table(heading: str, table: pd.DataFrame) -> None:
    """A table under its heading; a sentence where it is empty."""
    st.markdown(f"**{heading}**")
    if table.empty:
        st.caption(t("beside.none"))
    else:
        with st.container(key=f"numbers-{abs(hash(heading))}"):
            st.table(table)


def results_table(summaries: Sequence[RunSummary], shown: Mapping[str, str]) -> pd.DataFrame:
    """The validation losses at the best epoch, epochs and time; a column a run."""
    columns = {}
    for summary in summaries:
        best = summary.best or {}
        losses = {t(f"best.{kind}"): number(best.get(kind)) for kind in VALIDATION}
        columns[shown[summary.run]] = {
            **losses,
            t("best_epoch"): number(summary.best_epoch),
            t("epochs"): number(summary.epochs),
            t("took"): duration(summary.seconds),
        }
    return pd.DataFrame(columns).rename_axis(t("measure"))


def differences(summaries: Sequence[RunSummary], shown: Mapping[str, str]) -> pd.DataFrame:
    """The settings, versions and machines in which the runs differ; a column a run."""
    known = {summary.run: facts(summary) for summary in summaries}
    names = dict.fromkeys(name for own in known.values() for name in own)
    rows = {
        name: {shown[run]: own.get(name, NOTHING) for run, own in known.items()} for name in names
    }
    differing = {name: row for name, row in rows.items() if len(set(row.values())) > 1}
    return pd.DataFrame(differing).T.rename_axis(t("name"))


def facts(summary: RunSummary) -> dict[str, str]:
    """What is known of a run by name: `train.learn_rate` for a setting of the training."""
    flat: dict[str, str] = {}

    def add(values: Mapping[str, object], prefix: str = "") -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                add(value, f"{prefix}{name}.")
            else:
                flat[prefix + name] = setting(value)

    add({name: getattr(summary, name) for name in FACTS})
    params = store.params(summary.run)
    add(encode(params) if params is not None else {})
    for name in ("run", "created_at", "schema"):  # they always differ
        flat.pop(name, None)
    return flat
