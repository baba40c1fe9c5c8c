"""The table of all runs."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from dashboard.components.format import NOTHING, duration, number
from dashboard.components.format import column as aligned
from dashboard.components.run_names import comparable
from dashboard.i18n.text import t
from vmt.catalog.records.runs import RunSummary


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
            t("clip"): [untrained if marked else "" for marked in column("untrained")],
        }
    )


def styled(table: pd.DataFrame, summaries: Sequence[RunSummary]) -> Styler:
    """Numbers whose decimals line up; a star marks the smallest of each loss that can be compared
    between all the runs shown.
    """

    losses: dict[Any, Any] = {}
    for kind in ("chord", "total", "emotion"):
        name = t("chord_nll" if kind == "chord" else kind)
        losses[name] = _starred(table[name], star=comparable(kind, summaries))
    whole = {
        t(name): lambda value: number(None if pd.isna(value) else int(value))
        for name in ("epochs", "best_epoch")
    }
    formats: dict[Any, Any] = {**losses, **whole, t("took"): duration}
    return table.style.format(formats)


def _starred(values: pd.Series, *, star: bool) -> Callable[[float], str]:
    """How the numbers of a column read, the smallest with a star where one is wanted."""
    texts = dict(zip(values, aligned(values.astype(float)), strict=True))
    if star and not values.isna().all():
        least = values.min()
        texts[least] = f"★ {texts[least]}"
    return lambda value: texts.get(value, NOTHING)
