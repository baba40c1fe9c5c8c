"""One run in full: its figures, curves, loss tables, regressor and parameters."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard.components import charts
from dashboard.components.error_banner import trouble
from dashboard.components.format import NOTHING, column, duration, number, when
from dashboard.components.metric_row import show_figures
from dashboard.components.url_state import select
from dashboard.http.access import may_operate
from dashboard.i18n.text import language, t
from dashboard.pages.runs.evaluations import show_evaluations
from dashboard.pages.runs.settings import settings_table
from dashboard.sources import store
from vmt.catalog import keys
from vmt.catalog.records import encode
from vmt.catalog.records.runs import RegressionSummary, RunBaselines, RunSummary

KINDS = ("total", "chord", "emotion")
TRAIN = {kind: f"Avg Train loss ({kind})" for kind in KINDS}
VALIDATION = {kind: f"Avg Eval loss ({kind})" for kind in KINDS}
RATE = "Learn rate"
REGRESSION = {
    kind: (f"Train RMSE ({kind})", f"Eval RMSE ({kind})") for kind in ("note density", "loudness")
}
LIVE_S = 5
STALE_S = 30 * 60


def show_run(run: str) -> None:
    """The run's page; while it is in progress it reads itself again every few seconds."""
    if st.button(t("runs.all"), type="tertiary"):
        select(run=None)
        st.rerun()
    summary = store.summary(run)
    if summary is None:
        st.title(run)
        st.info(t("run.starting" if run in store.folders(keys.RUNS) else "run.gone", run=run))
        return
    live = summary.state == "running"
    st.fragment(_body, run_every=LIVE_S if live else None)(run, live)


@trouble()
def _body(run: str, live: bool) -> None:
    summary = store.summary(run)
    if summary is None or (live and summary.state != "running"):
        st.rerun()  # it ended: once more as a page that stands still
    _head(summary)
    table = store.results(run)
    if table is None or table.empty:
        st.info(t("run.no_epoch"))
    else:
        best = summary.best_epoch
        _figures(summary, table)
        _curves(table, best, summary.baselines)
        _tables(table, best, run)
        _analysis(run)
        show_evaluations(run)
    _regression(run, summary.regression)
    _parameters(run)


def _head(summary: RunSummary) -> None:
    run = summary.run
    st.title(run)
    champion = store.champion()
    colors = {"done": "green", "running": "blue", "failed": "red"}
    serves = champion is not None and champion.run == run
    with st.container(horizontal=True):
        st.badge(t(f"state.{summary.state}"), color=colors.get(summary.state, "gray"))  # type: ignore[arg-type]
        if champion is not None and serves:
            st.badge(t("champion_at", epoch=champion.epoch), color="violet")
        if summary.untrained:
            st.badge(t("untrained"), color="orange")
        if may_operate() and not serves and summary.best_epoch is not None:
            link = {"job": "promote", "run": run}
            st.page_link("pages/jobs/page.py", label=f"{t('promote.this')} →", query_params=link)
    parts = [
        f"{t('preset')} **{summary.preset}**",
        f"{t('dataset')} **{summary.dataset or '–'}** "
        f"({t('chord_labels', n=summary.chord_labels)})",
        f"{t('started')} **{when(summary.started_at)}**",
        f"{t('took')} **{duration(summary.seconds)}**",
    ]
    st.markdown(" · ".join(parts))
    if summary.untrained:
        st.warning(t("untrained.meaning"))
    if summary.error:
        st.error(str(summary.error))
    if summary.state == "running":
        _progress(run, summary)


def _progress(run: str, summary: RunSummary) -> None:
    done, planned = summary.epochs or 0, summary.planned_epochs or 0
    if planned:
        st.progress(min(1.0, done / planned), t("run.progress", done=done, planned=planned))
    last = store.written_at(keys.results(run))
    if last is not None and (datetime.now(UTC) - last).total_seconds() > STALE_S:
        st.warning(t("run.stale", when=when(last)))


def _figures(summary: RunSummary, table: pd.DataFrame) -> None:
    best = summary.best or {}
    show_figures(
        [
            (t("best_epoch"), number(summary.best_epoch)),
            *(
                (t(f"best.{kind}"), number(best.get(kind)))
                for kind in ("chord", "total", "emotion")
            ),
            (t("last_rate"), number(float(table.iloc[-1][RATE]))),
        ]
    )
    st.caption(t("selected_by", loss=t(f"selected.{summary.selected_by}")))


def _curves(table: pd.DataFrame, best: int | None, baselines: RunBaselines | None) -> None:
    st.subheader(t("curves"))
    references = {
        t(f"baseline.{name}"): value
        for name in ("unigram", "bigram")
        if baselines is not None and (value := getattr(baselines, name)) is not None
    }
    for place, kind in zip(st.columns(3), KINDS, strict=True):
        title = t(f"loss.{kind}")
        chart = charts.curves(
            table,
            TRAIN[kind],
            VALIDATION[kind],
            title=title,
            best_epoch=best,
            references=references if kind == "chord" else None,
        )
        place.markdown(f"**{title}**")
        place.altair_chart(chart)
    st.caption(t("download_png"))
    if references:
        st.caption(t("baseline.meaning"))


def epoch_table(row: pd.Series) -> pd.DataFrame:
    """One epoch as the report has it: total, chord, emotion and learning rate, train beside
    validation.
    """
    train = column([float(row[TRAIN[kind]]) for kind in KINDS])
    validation = column([float(row[VALIDATION[kind]]) for kind in KINDS])
    rows = [
        (t(f"loss.{kind}"), *values) for kind, *values in zip(KINDS, train, validation, strict=True)
    ]
    rows.append((t("learn_rate"), number(float(row[RATE])), NOTHING))
    heads = [t("measure"), t("train"), t("validation")]
    return pd.DataFrame(rows, columns=heads).set_index(t("measure"))


def epochs_table(table: pd.DataFrame, bold: pd.DataFrame) -> pd.DataFrame:
    """Epochs as text, the smallest value of each loss column of `bold` in bold."""
    shown = pd.DataFrame({t("epoch"): table["Epoch"].astype(int).astype(str)})
    for kind in KINDS:
        for side, names in (("train", TRAIN), ("validation", VALIDATION)):
            values, least = table[names[kind]].astype(float), bold[names[kind]].min()
            shown[f"{t(kind)}, {t(side)}"] = [
                f"**{text}**" if value == least else text
                for value, text in zip(values, column(values), strict=True)
            ]
    shown[t("learn_rate")] = column(table[RATE].astype(float))
    return shown.set_index(t("epoch"))


def _tables(table: pd.DataFrame, best: int | None, run: str) -> None:
    st.subheader(t("losses"))
    with st.container(key="numbers-losses"):
        _loss_tables(table, best)
    st.caption(t("bold_is_least"))
    st.download_button(
        t("download_csv"),
        table.to_csv(index=False),
        file_name=f"{run}-results.csv",
        mime="text/csv",
        on_click="ignore",
    )


def _loss_tables(table: pd.DataFrame, best: int | None) -> None:
    final, best_column = st.columns(2)
    last = table.iloc[-1]
    final.markdown(f"**{t('final_epoch', epoch=int(last['Epoch']))}**")
    final.table(epoch_table(last))
    row = table[table["Epoch"] == best]
    if not row.empty:
        best_column.markdown(f"**{t('the_best_epoch', epoch=best)}**")
        best_column.table(epoch_table(row.iloc[0]))
    st.markdown(f"**{t('last_five')}**")
    st.table(epochs_table(table.tail(5), table.tail(5)))
    with st.expander(t("all_epochs", n=len(table))):
        st.table(epochs_table(table, table))


def _analysis(run: str) -> None:
    """What the run's report says in words."""
    st.subheader(t("analysis"))
    sections = store.report_words(run, language())
    if not sections:
        st.caption(t("analysis.none"))
        st.code(f"vmt report {run} --language {language()}", language="bash")
        return
    for title, sentences in sections:
        with st.expander(title, expanded=title == sections[0][0]):
            st.markdown("\n".join(f"- {sentence}" for sentence in sentences))


def _regression(run: str, regression: RegressionSummary | None) -> None:
    table = store.regression(run)
    if table is None or table.empty or regression is None:
        return
    st.subheader(t("regression"))
    best = regression.best_epoch
    for place, (kind, (train, validation)) in zip(st.columns(2), REGRESSION.items(), strict=True):
        name = kind.replace(" ", "_")
        constant: float | None = getattr(regression, f"constant_rmse_{name}")
        reached: float | None = getattr(regression, f"rmse_{name}")
        references = {t("baseline.constant"): constant} if constant is not None else None
        title = t("rmse_of", what=t(name))
        place.markdown(
            f"**{title}** · {t('rmse.reached', value=number(reached), constant=number(constant))}"
        )
        place.altair_chart(
            charts.curves(
                table, train, validation, title=title, best_epoch=best, references=references
            )
        )


def _parameters(run: str) -> None:
    params = store.params(run)
    if params is None:
        return
    st.subheader(t("parameters"))
    general, model, train = st.columns(3)
    everything = encode(params)
    own = {name: value for name, value in everything.items() if not isinstance(value, Mapping)}
    for place, title, values in (
        (general, t("parameters.run"), own),
        (model, t("parameters.model"), params.model),
        (train, t("parameters.train"), vars(params.train)),
    ):
        place.markdown(f"**{title}**")
        place.table(settings_table(values))
