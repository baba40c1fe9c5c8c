"""One video of a dataset: player, chords and every feature curve over the same seconds."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import charts
from dashboard.components.format import NOTHING, duration
from dashboard.components.music import chord_name, key_name
from dashboard.components.playhead import TIMELINE, show_playhead
from dashboard.i18n.text import t
from dashboard.sources import store, titles
from vmt import chords


def show_features(row: Mapping[Any, Any]) -> None:
    """The video of one manifest row, and what was found in it."""
    film, facts = st.columns([3, 2])
    with film:
        if store.exists(str(row["key"])):
            st.video(store.media_url(str(row["key"])))
        else:
            st.caption(t("video.gone", key=row["key"]))
        sheet = store.thumbnails(str(row["sha256"]))
        if sheet is not None:
            st.image(store.media_url(sheet), caption=t("thumbnails"))
    with facts:
        lines = [
            (t("video"), titles.title_markdown(str(row["id"]))),
            (t("split"), t(f"split.{row['split']}")),
            (t("length"), duration(float(row["duration_s"]))),
            (t("key"), key_name(row.get("song_key")) or NOTHING),
            (t("emotion"), t(f"emotion.{row['emotion']}") if row.get("emotion") else NOTHING),
        ]
        st.markdown("\n".join(f"- {name}: **{value}**" for name, value in lines))
    features = store.features(str(row["features_key"]))
    if features is None:
        st.warning(t("features.gone", key=row["features_key"]))
        return
    with facts:
        if features.untrained:
            st.badge(t("untrained"), color="orange", help=t("untrained.meaning"))
        with st.expander(t("extractors")):
            st.markdown(
                "\n".join(
                    f"- {name}: `{made}`" for name, made in sorted(features.extractors.items())
                )
            )
    length = float(features.seconds)
    cuts_s = features.cuts_s
    names = [t(f"emotion.{chords.EMOTIONS[int(row.argmax())]}") for row in features.emotion]
    labels = features.chord or ("",) * features.seconds
    show_playhead([chord_name(label, features.key) for label in labels], names, length)
    with st.container(gap=None, key=TIMELINE):
        if features.chord is not None:
            st.altair_chart(charts.chord_timeline(features.chord, cuts_s, length, features.key))
        st.altair_chart(charts.emotion_timeline(features.emotion.tolist(), cuts_s, length))
        for name in ("note_density", "loudness"):
            values = getattr(features, name)
            if values is not None:
                st.altair_chart(charts.curve_timeline(values.tolist(), t(name), cuts_s, length))
        st.altair_chart(
            charts.curve_timeline(features.motion.tolist(), t("motion"), cuts_s, length, last=True)
        )
    st.caption(t("timeline.meaning", cuts=len(cuts_s)))
