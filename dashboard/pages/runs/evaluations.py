"""What `vmt evaluate` stored of a run: every score by epoch, dataset and split, and the same scores
of several runs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard.components.format import NOTHING, column, number, when
from dashboard.components.url_state import choose
from dashboard.i18n.text import t
from dashboard.sources import store
from vmt.catalog import keys
from vmt.catalog.records.soundtracks import (
    EvaluationRecord,
    RhythmScore,
    ScoreInterval,
    ScoreRow,
)

KEY = re.compile(r"epoch_(\d+)-(.+)-(validation|test)\.json$")
SCORES = (
    "chord",
    "emotion",
    "total",
    "changes_chord",
    "h1",
    "changes_h1",
    "h3",
    "changes_h3",
    "h5",
    "changes_h5",
    "correspondence",
)


@dataclass(frozen=True)
class Stored:
    """One evaluation: where it stands, and what was evaluated on what."""

    key: str
    epoch: int
    dataset: str
    split: str

    @property
    def name(self) -> str:
        """`epoch 26 · main@v0001 · Validation`."""
        dataset = re.sub(r"-(v\d+)$", r"@\1", self.dataset)
        return f"{t('epoch')} {self.epoch} · {dataset} · {t(f'split.{self.split}')}"


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def stored(run: str) -> list[Stored]:
    """The evaluations of a run, the latest epoch first, validation before test."""
    known = []
    for info in store.store().list(keys.evaluation_prefix(run)):
        if (match := KEY.search(info.key)) is not None:
            known.append(Stored(info.key, int(match[1]), match[2], match[3]))
    return sorted(known, key=lambda one: (one.epoch, one.dataset, one.split), reverse=True)


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT, show_spinner=False)
def content(key: str) -> EvaluationRecord | None:
    """One evaluation; None where it is gone."""
    return store.read(key, EvaluationRecord)


def show_evaluations(run: str) -> None:
    """The evaluation in the URL, the newest by default, with everything that it holds."""
    st.subheader(t("evaluations"))
    known = {evaluation.key: evaluation for evaluation in stored(run)}
    if not known:
        st.caption(t("evaluations.none"))
        st.code(f"vmt evaluate {run}", language="bash")
        return
    key = choose("evaluation", list(known), t("evaluation"), shown=lambda key: known[key].name)
    if key is None:
        return

    scores = content(key)
    if scores is None:
        st.caption(t("evaluations.none"))
        return
    trained_on = scores.trained_on or NOTHING
    moment = when(scores.made_at)
    st.caption(t("evaluation.facts", n=scores.songs, when=moment, trained_on=trained_on))
    if seen := scores.seen_in_training:
        st.warning(t("evaluation.seen", n=len(seen), songs=", ".join(seen[:8])))
    with st.container(key="numbers-evaluation"):
        st.table(scores_table(scores.rows))
    st.caption(t("evaluation.meaning"))
    show_gains(scores)
    show_rhythm(scores.rhythm)
    picture = f"{key.removesuffix('.json')}.svg"
    if store.exists(picture):
        with st.expander(t("confusion")):
            st.image(store.text(picture) or "")


def scores_table(rows: Mapping[str, ScoreRow]) -> pd.DataFrame:
    """A row for the model and each baseline, a column a score."""
    names = {"model": t("evaluation.model")}
    columns = {
        t(f"score.{score}"): column([row.get(score) for row in rows.values()])
        for score in SCORES
        if any(row.get(score) is not None for row in rows.values())
    }
    index = pd.Index([names.get(name, name) for name in rows], name=t("contender"))
    return pd.DataFrame(columns, index=index)


def interval(gain: ScoreInterval | None) -> str:
    """`0.120 (95 %: 0.040 … 0.210)`."""
    if gain is None:
        return NOTHING
    value, low, high = (f"{bound:.3f}" for bound in (gain.value, gain.low, gain.high))
    return t("interval.of", value=value, low=low, high=high, n=gain.songs)


def show_gains(scores: EvaluationRecord) -> None:
    """By how much the chord NLL is lower with the own video, and lower than the n-gram's."""
    gains = {
        "video_gain": scores.video_gain,
        "gain_over_song_adaptive": scores.gain_over_song_adaptive,
    }
    said = [f"- {t(f'gain.{name}')}: **{interval(gain)}**" for name, gain in gains.items()]
    st.markdown("\n".join(said))


def show_rhythm(rhythm: Mapping[str, RhythmScore | None]) -> None:
    """The regression's error beside the constant's, with gains and correlation."""
    known = {name: row for name, row in rhythm.items() if row}
    if not known:
        return
    table = pd.DataFrame(
        {
            t("score.rmse"): [number(row.rmse) for row in known.values()],
            t("score.constant_rmse"): [number(row.constant_rmse) for row in known.values()],
            t("score.gain"): [interval(row.gain) for row in known.values()],
            t("score.video_gain"): [interval(row.video_gain) for row in known.values()],
            t("score.correlation"): [number(row.correlation) for row in known.values()],
        },
        index=pd.Index([t(name) for name in known], name=t("measure")),
    )
    with st.container(key="numbers-rhythm"):
        st.table(table)


def compared(runs: Sequence[str], shown: Mapping[str, str]) -> pd.DataFrame:
    """The model's scores of the newest evaluation of each run; a column a run."""
    columns: dict[str, dict[str, str]] = {}
    for run in runs:
        known = stored(run)
        if not known:
            continue
        newest = known[0]
        scores = content(newest.key)
        row = scores.rows.get("model", {}) if scores is not None else {}
        columns[shown[run]] = {t("evaluation"): newest.name} | {
            t(f"score.{score}"): number(row.get(score)) for score in SCORES
        }
    return pd.DataFrame(columns).rename_axis(t("measure"))
