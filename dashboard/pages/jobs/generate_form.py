"""The form that asks for soundtracks: which videos, by which model, and how they should sound."""

import dataclasses
import hashlib
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from dashboard.components.music import key_name
from dashboard.components.url_state import selected
from dashboard.http.access import UPLOAD_MIB
from dashboard.i18n.text import t
from dashboard.sources import soundtracks, store
from vmt import chords
from vmt.arrange.config import ORIGINAL_SOUND, GenerateConfig
from vmt.arrange.grid import TEMPO_RANGE_BPM
from vmt.arrange.styles import style_names
from vmt.catalog import keys
from vmt.catalog.identity import assign, local_name, title_of
from vmt.errors import AnnotationError, GenerationError, PreconditionFailed

AUTO = "auto"
KEYS = (AUTO, *(str(chords.Key(tonic, minor)) for minor in (False, True) for tonic in range(12)))
UPLOADED = "uploaded"  # in the session: the last file that was uploaded, and its key
SCALE_MAX = 3.0  # the library takes up to 10; past 3 there is nothing left to hear


def upload() -> None:
    """Put one file into inbox/ and choose it; its name becomes its id and never a path."""
    endings = [ending.lstrip(".") for ending in store.VIDEO_ENDINGS]
    file = st.file_uploader(t("upload", mib=UPLOAD_MIB), type=endings, max_upload_size=UPLOAD_MIB)
    st.caption(t("upload.larger", mib=UPLOAD_MIB))
    if file is None:
        return
    name = PurePosixPath(file.name.replace("\\", "/")).name
    key = keys.inbox_video(local_name(name, hashlib.sha256(file.getvalue()).hexdigest()))
    if st.session_state.get(UPLOADED) != (file.file_id, key):
        try:
            store.store().put(key, file.getvalue(), if_absent=True)
        except PreconditionFailed:
            st.warning(t("upload.there", key=key))
            return
        assign(store.store(), [key], {key: title_of(name)})
        st.session_state[UPLOADED] = (file.file_id, key)
        store.inbox.clear()
    st.success(t("upload.done", key=key))


def choose_videos() -> list[str]:
    """Which videos; one that was uploaded or linked to is preselected, one that is not offered
    can be typed.
    """
    offered = store.offered_videos()
    _, uploaded = st.session_state.get(UPLOADED, (None, None))
    asked = dict.fromkeys(
        key for key in (uploaded, selected("video")) if key and is_video(key) and store.exists(key)
    )
    return st.multiselect(
        t("choose_videos"),
        [*(key for key in asked if key not in offered), *offered],
        default=list(asked),
        placeholder=t("choose_videos.hint"),
        accept_new_options=True,
    )


def is_video(key: str) -> bool:
    """Whether `key` can name a video that may get a soundtrack."""
    return key.startswith(store.VIDEO_FOLDERS) and key.lower().endswith(store.VIDEO_ENDINGS)


def like(prefix: str | None) -> GenerateConfig:
    """The settings of the soundtrack at `prefix`, as far as this version knows them; else the
    defaults.
    """
    record = soundtracks.output(prefix) if prefix is not None else None
    known = {field.name for field in dataclasses.fields(GenerateConfig)}
    given: dict[str, Any] = {
        name: value
        for name, value in (record.settings if record is not None else {}).items()
        if name in known
    }
    for name in ("primer", "emotion_curve"):
        given[name] = tuple(
            tuple(part) if isinstance(part, list) else part for part in given.get(name) or ()
        )
    try:
        return GenerateConfig(**given)
    except (GenerationError, AnnotationError):
        return GenerateConfig()


def ask_generate() -> dict[str, Any] | None:
    """What to start `generate` with, or None while nothing is asked."""
    upload()
    run, epoch = selected("run"), selected("epoch")
    start = like(selected("like"))
    with st.form("generate"):
        videos = choose_videos()
        st.caption(
            f"{t('run')}: {run or t('champions')}"
            + (f", {t('epoch')} {epoch}" if run and epoch else "")
        )
        if selected("like") is not None:
            st.caption(t("like.meaning"))
        wanted = _controls(start)
        asked = st.form_submit_button(t("start"), type="primary")
    if not asked:
        return None
    if not videos:
        st.warning(t("choose_videos.none"))
        return None
    missing = [key for key in videos if not is_video(key) or store.store().head(key) is None]
    if missing:
        st.warning(t("choose_videos.missing", keys=", ".join(missing)))
        return None
    default = GenerateConfig()
    config = dataclasses.replace(start, **wanted)
    differing = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if value != getattr(default, name)
    }
    parameters: dict[str, Any] = {"videos": videos, "settings": differing}
    if run is not None:
        parameters |= {"run": run, "epoch": int(epoch) if epoch and epoch.isdigit() else None}
    return parameters


def _controls(start: GenerateConfig) -> dict[str, Any]:
    """Every setting that a person decides, three in a row; `start` is what they show first."""
    return {
        **_character(start),
        **_sampling(start),
        **_level(start),
        "stems": st.checkbox(t("stems"), start.stems),
    }


def _character(start: GenerateConfig) -> dict[str, Any]:
    low, high = TEMPO_RANGE_BPM
    styles, emotions = list(style_names()), [None, *chords.EMOTIONS]
    left, middle, right = st.columns(3)
    first: dict[str, Any] = {
        "style": left.selectbox(t("style"), styles, index=styles.index(start.style)),
        "key": middle.selectbox(t("key"), KEYS, index=KEYS.index(start.key), format_func=_auto),
        "tempo_bpm": right.number_input(
            t("tempo_bpm"), low, high, start.tempo_bpm, placeholder=t("auto")
        ),
    }
    # A row of columns each: on a narrow page columns stand one below the other.
    left, middle, right = st.columns(3)
    return first | {
        "seed": left.number_input(t("seed"), 0, None, start.seed),
        "emotion": middle.selectbox(
            t("emotion"),
            emotions,
            index=emotions.index(start.emotion),
            format_func=_emotion,
            disabled=_curved(start),
        ),
        "original_sound": right.selectbox(
            t("original_sound"),
            ORIGINAL_SOUND,
            index=ORIGINAL_SOUND.index(start.original_sound),
            format_func=lambda name: t(f"original_sound.{name}"),
        ),
    }


def _sampling(start: GenerateConfig) -> dict[str, Any]:
    left, middle, right = st.columns(3)
    return {
        "temperature": left.slider(t("temperature"), 0.1, 2.0, min(start.temperature, 2.0)),
        "top_p": middle.slider(t("top_p"), 0.05, 1.0, start.top_p),
        "accents": right.slider(t("accents"), 0.0, 1.0, start.accents),
    }


def _level(start: GenerateConfig) -> dict[str, Any]:
    left, middle, right = st.columns(3)
    return {
        "density_scale": left.slider(
            t("density_scale"), 0.0, SCALE_MAX, min(start.density_scale, SCALE_MAX)
        ),
        "loudness_scale": middle.slider(
            t("loudness_scale"), 0.0, SCALE_MAX, min(start.loudness_scale, SCALE_MAX)
        ),
        "lufs": right.slider(t("lufs"), -40.0, -5.0, start.lufs, 0.5, format="%.1f"),
    }


def _curved(start: GenerateConfig) -> bool:
    return bool(start.emotion_curve)


def _auto(key: str) -> str:
    return t("auto") if key == AUTO else key_name(key) or key


def _emotion(name: str | None) -> str:
    return t("emotion.of_picture") if name is None else t(f"emotion.{name}")
