"""Forms that ask for a job: each returns what to start it with, or None while nothing is asked."""

import streamlit as st

from dashboard.components.url_state import selected
from dashboard.i18n.text import t
from dashboard.sources import store
from vmt.model.presets import preset_names

Parameters = dict[str, object]
"""Parameters of a deployment, as JSON."""
PRESET = "vmt"
SPLITS = ("validation", "test")


def ask_ingest() -> Parameters | None:
    """Whether what was refused is tried again."""
    st.caption(t("job.ingest.meaning"))
    retry = st.checkbox(t("retry_refused"))
    if not st.button(t("start"), key="start-ingest", type="primary"):
        return None
    return {"retry_refused": True} if retry else {}


def ask_nightly() -> Parameters | None:
    """Whether to train though the dataset did not grow."""
    st.caption(t("job.nightly.meaning"))
    force = st.checkbox(t("nightly.force"))
    if not st.button(t("start"), key="start-nightly", type="primary"):
        return None
    return {"force": True} if force else {}


def ask_train() -> Parameters | None:
    """Dataset, preset, and the usual overrides; an empty box means the preset's own value."""
    known = store.datasets()
    names = list(known)
    versions = [brief.ref for name in names for brief in reversed(known[name])]
    if not versions:
        st.info(t("dataset.empty"))
        return None
    with st.form("train"):
        left, middle, right = st.columns(3)
        dataset = left.selectbox(t("dataset"), [*names, *versions])
        presets = list(preset_names())
        preset = middle.selectbox(t("preset"), presets, index=presets.index(PRESET))
        seed = right.number_input(t("seed"), 0, None, None, placeholder=t("preset_default"))
        overrides = _overrides() | ({} if seed is None else {"seed": seed})
        promote = st.checkbox(t("promote"))
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    return {"dataset": dataset, "preset": preset, "overrides": overrides, "promote": promote}


def _overrides() -> Parameters:
    """What differs from the preset; the limits are `TrainConfig`'s and the model's rules."""
    own = t("preset_default")
    left, middle, right = st.columns(3)
    given: Parameters = {
        "epochs": left.number_input(t("epochs"), 0, 10_000, None, placeholder=own),
        "batch_size": middle.number_input(t("batch_size"), 1, 4096, None, placeholder=own),
        "dropout": right.number_input(t("dropout"), 0.0, 0.9, None, placeholder=own),
    }
    # A row of columns each: on a narrow page columns stand one below the other.
    left, middle, right = st.columns(3)
    given |= {
        "learn_rate": left.number_input(
            t("learn_rate.peak"), 1e-6, 100.0, None, format="%g", placeholder=own
        ),
        "warmup_steps": middle.number_input(t("warmup_steps"), 1, None, None, placeholder=own),
        "patience": right.number_input(t("patience"), 0, 10_000, None, placeholder=own),
    }
    left, middle, right = st.columns(3)
    given |= {
        "weight_decay": left.number_input(
            t("weight_decay"), 0.0, 1.0, None, format="%g", placeholder=own
        ),
        "label_smoothing": middle.number_input(
            t("label_smoothing"), 0.0, 0.99, None, placeholder=own
        ),
        "select_by": right.selectbox(
            t("select_by"),
            ["total", "chord"],
            index=None,
            format_func=lambda name: t(f"loss.{name}"),
            placeholder=own,
        ),
    }
    return {name: value for name, value in given.items() if value is not None}


def _finished() -> list[str]:
    """Runs that have an epoch, newest first."""
    return [run.run for run in store.summaries() if run.best_epoch is not None]


def ask_evaluate() -> Parameters | None:
    """One epoch beside the baselines."""
    st.caption(t("job.evaluate.meaning"))
    with st.form("evaluate"):
        left, middle, right = st.columns(3)
        run = left.selectbox(t("run"), _finished(), index=None, placeholder=t("champions"))
        epoch = middle.number_input(t("epoch"), 0, 10_000, None, placeholder=t("its_best"))
        split = right.selectbox(t("split"), SPLITS, format_func=lambda name: t(f"split.{name}"))
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    if run is None and epoch is not None:
        st.warning(t("epoch.of_which"))
        return None
    return {"run": run, "epoch": epoch, "split": split}


def ask_compare() -> Parameters | None:
    """Two or more runs on the same videos."""
    st.caption(t("job.compare.meaning"))
    with st.form("compare"):
        runs = st.multiselect(t("contenders"), _finished(), placeholder=t("contenders.hint"))
        keys = st.multiselect(t("choose_videos"), store.videos(), placeholder=t("videos.held_out"))
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    if len(runs) == 1:
        st.warning(t("contenders.two"))
        return None
    return {"contenders": runs or None, "videos": keys or None}


def ask_promote() -> Parameters | None:
    """Which epoch serves from now on, or the one before again."""
    st.caption(t("job.promote.meaning"))
    runs = _finished()
    linked = selected("run")
    with st.form("promote"):
        left, right = st.columns([2, 1])
        run = left.selectbox(
            t("run"),
            runs,
            index=runs.index(linked) if linked in runs else None,
            placeholder=t("promote.which"),
        )
        epoch = right.number_input(t("epoch"), 0, 10_000, None, placeholder=t("its_best"))
        rollback = st.checkbox(t("rollback"))
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    if rollback == (run is not None):
        st.warning(t("promote.one_of"))
        return None
    return {"rollback": True} if rollback else {"run": run, "epoch": epoch}
