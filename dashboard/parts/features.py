"""One video of a dataset: player, chords and every feature curve over the same seconds."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import charts, data
from dashboard.format import duration
from dashboard.text import t


def show_features(row: Mapping[Any, Any]) -> None:
    """The video of one manifest row, and what was found in it."""
    film, facts = st.columns([3, 2])
    with film:
        if data.exists(str(row["key"])):
            st.video(data.media_url(str(row["key"])))
        else:
            st.caption(t("video.gone", key=row["key"]))
    with facts:
        lines = [
            (t("video"), row["id"]),
            (t("split"), t(f"split.{row['split']}")),
            (t("length"), duration(float(row["duration_s"]))),
            (t("key"), row.get("song_key") or "–"),
            (t("emotion"), t(f"emotion.{row['emotion']}") if row.get("emotion") else "–"),
        ]
        st.markdown("\n".join(f"- {name}: **{value}**" for name, value in lines))
    features = data.features(str(row["features_key"]))
    if features is None:
        st.warning(t("features.gone", key=row["features_key"]))
        return
    with facts:
        if features.untrained:
            st.badge(t("untrained"), color="orange", help=t("untrained.meaning"))
        with st.expander(t("extractors")):
            st.markdown("\n".join(f"- {name}: `{made}`" for name, made in sorted(features.extractors.items())))
    length = float(features.seconds)
    cuts_s = features.cuts_s
    with st.container(gap=None):
        if features.chord is not None:
            st.altair_chart(charts.chord_timeline(features.chord, cuts_s, length))
        st.altair_chart(charts.emotion_timeline(features.emotion.tolist(), cuts_s, length))
        for name in ("note_density", "loudness"):
            values = getattr(features, name)
            if values is not None:
                st.altair_chart(charts.curve_timeline(values.tolist(), t(name), cuts_s, length))
        st.altair_chart(charts.curve_timeline(features.motion.tolist(), t("motion"), cuts_s, length, last=True))
    st.caption(t("timeline.meaning", cuts=len(cuts_s)))
