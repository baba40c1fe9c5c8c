"""Forms that ask for a job: each returns what to start it with, or None while nothing is asked."""

import dataclasses
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from dashboard import data
from dashboard.access import UPLOAD_MIB
from dashboard.selection import selected
from dashboard.text import t
from vmt import chords
from vmt.errors import PreconditionFailed
from vmt.jobs.index import video_id
from vmt.model.config import MODEL_PRESETS
from vmt.music.config import GenerateConfig
from vmt.music.grid import TEMPO_RANGE_BPM
from vmt.music.styles import style_names

Parameters = dict[str, Any]


def ask_ingest() -> Parameters | None:
    """Ingest has nothing to choose."""
    st.caption(t("job.ingest.meaning"))
    return {} if st.button(t("start"), key="start-ingest", type="primary") else None


def ask_nightly() -> Parameters | None:
    """Nor has the nightly run."""
    st.caption(t("job.nightly.meaning"))
    return {} if st.button(t("start"), key="start-nightly", type="primary") else None


def ask_train() -> Parameters | None:
    """Dataset, preset, and the usual overrides; an empty box means the preset's own value."""
    names = data.folders("datasets/")
    versions = [
        f"{name}@v{int(each['version']):04d}" for name in names for each in reversed(data.dataset_versions(name))
    ]
    if not versions:
        st.info(t("dataset.empty"))
        return None
    preset_default = t("preset_default")
    with st.form("train"):
        left, middle, right = st.columns(3)
        dataset = left.selectbox(t("dataset"), [*names, *versions])
        preset = middle.selectbox(t("preset"), list(MODEL_PRESETS))
        seed = right.number_input(t("seed"), 0, None, None, placeholder=preset_default)
        epochs = left.number_input(t("epochs"), 0, 10_000, None, placeholder=preset_default)
        batch = middle.number_input(t("batch_size"), 1, 4096, None, placeholder=preset_default)
        dropout = right.number_input(t("dropout"), 0.0, 0.9, None, placeholder=preset_default)
        promote = st.checkbox(t("promote"))
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    given = {"seed": seed, "epochs": epochs, "batch_size": batch, "dropout": dropout}
    overrides = {name: value for name, value in given.items() if value is not None}
    return {"dataset": dataset, "preset": preset, "overrides": overrides, "promote": promote}


def upload() -> None:
    """Put one file into inbox/; its name becomes its id and never a path."""
    endings = [ending.lstrip(".") for ending in data.VIDEO_ENDINGS]
    file = st.file_uploader(t("upload", mib=UPLOAD_MIB), type=endings, max_upload_size=UPLOAD_MIB)
    if file is None or st.session_state.get("uploaded") == file.file_id:
        return
    name = PurePosixPath(file.name.replace("\\", "/")).name
    key = f"inbox/{video_id(name)}{PurePosixPath(name).suffix.lower()}"
    try:
        data.store().put(key, file.getvalue(), if_absent=True)
    except PreconditionFailed:
        st.warning(t("upload.there", key=key))
        return
    st.session_state["uploaded"] = file.file_id
    data.videos.clear()
    st.success(t("upload.done", key=key))


def ask_generate() -> Parameters | None:
    """Videos, and how their soundtracks should sound."""
    upload()
    default = GenerateConfig()
    known = [*data.videos("inbox/"), *data.videos("videos/")]
    linked = [key for key in [selected("video")] if key in known]
    run, epoch = selected("run"), selected("epoch")
    with st.form("generate"):
        keys = st.multiselect(t("choose_videos"), known, default=linked, placeholder=t("choose_videos.hint"))
        st.caption(f"{t('run')}: {run or t('champions')}" + (f", {t('epoch')} {epoch}" if run and epoch else ""))
        left, middle, right = st.columns(3)
        style = left.selectbox(t("style"), style_names(), index=list(style_names()).index(default.style))
        keys_of_music = ["auto", *(str(chords.Key(tonic, minor)) for minor in (False, True) for tonic in range(12))]
        key = middle.selectbox(t("key"), keys_of_music, format_func=lambda name: t("auto") if name == "auto" else name)
        low, high = TEMPO_RANGE_BPM
        tempo = right.number_input(t("tempo_bpm"), low, high, None, placeholder=t("auto"))
        seed = left.number_input(t("seed"), 0, None, default.seed)
        accents = middle.slider(t("accents"), 0.0, 1.0, default.accents)
        temperature = right.slider(t("temperature"), 0.1, 2.0, default.temperature)
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    if not keys:
        st.warning(t("choose_videos.none"))
        return None
    wanted = GenerateConfig(seed=seed, key=key, style=style, tempo_bpm=tempo, accents=accents, temperature=temperature)
    differing = {name: value for name, value in dataclasses.asdict(wanted).items() if value != getattr(default, name)}
    parameters: Parameters = {"videos": keys, "settings": differing}
    if run is not None:
        parameters |= {"run": run, "epoch": int(epoch) if epoch and epoch.isdigit() else None}
    return parameters
