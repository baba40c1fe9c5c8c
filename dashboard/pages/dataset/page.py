"""Dataset: versions and their growth, what is in one, one video with its features, and what was
refused.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.components import charts
from dashboard.components.format import NOTHING, duration, number, when
from dashboard.components.metric_row import show_figures
from dashboard.components.music import chord_name, key_name
from dashboard.components.url_state import choose, select, selected
from dashboard.http.access import may_operate
from dashboard.i18n.text import t
from dashboard.pages.dataset.video import show_features
from dashboard.pages.jobs.start import needs_prefect, start
from dashboard.sources import store, titles
from vmt.catalog import keys
from vmt.catalog.records.datasets import DatasetInfo

CHANGED_SHOWN = 200
SPLITS = ("train", "validation", "test")


def choose_version() -> DatasetInfo | None:
    """The dataset.json of the version in the URL; the newest where it names none."""
    datasets = store.datasets()
    names = list(datasets)
    if not names:
        return None
    left, right = st.columns([2, 1])
    with left:
        name = (
            choose("dataset", names, t("dataset"), default="main", drops=["version", "video"])
            or names[0]
        )
    known = [f"v{brief.version:04d}" for brief in reversed(datasets[name])]
    with right:
        version = choose("version", known, t("version"), drops=["video"])
    number = keys.parse_version(version) if version is not None else None
    return store.dataset_version(name, number) if number is not None else None


def show_version(info: DatasetInfo) -> None:
    """Counts, splits, marks, histograms, and what changed since the version before."""
    if info.untrained:
        st.warning(t("untrained.meaning"))
    sides = [(t(f"split.{side}"), number(info.splits.get(side))) for side in SPLITS]
    show_figures(
        [
            (t("videos"), number(info.videos)),
            *sides,
        ]
    )
    st.caption(
        t(
            "version.made",
            when=when(info.created_at),
            length=duration(info.seconds),
            labels=info.chord_labels,
            extractor=info.extractor,
        )
    )
    added, removed = info.changes.added, info.changes.removed
    with st.expander(t("version.changes", added=len(added), removed=len(removed))):
        st.markdown(f"**{t('added')}**: {_names(added)}")
        st.markdown(f"**{t('removed')}**: {_names(removed)}")
    show_histograms(info)


def _names(videos: Sequence[str]) -> str:
    """The titles of the first of them, for Markdown."""
    return ", ".join(map(titles.title_markdown, videos[:CHANGED_SHOWN])) or NOTHING


def show_histograms(info: DatasetInfo) -> None:
    """Chords by seconds, keys and strongest emotions by videos."""
    left, middle, right = st.columns(3)
    _histogram(left, "chords", info.chords, t("seconds"), chord_name)
    _histogram(middle, "keys", info.keys, t("videos"), lambda name: key_name(name) or name)
    _histogram(right, "emotions", info.emotions, t("videos"), emotion_name)


def _histogram(
    place: DeltaGenerator,
    what: str,
    counts: Mapping[str, int] | None,
    unit: str,
    shown: Callable[[str], str],
) -> None:
    """One histogram under its heading, where anything was counted; `shown` names the bars."""
    if counts:
        place.markdown(f"**{t(f'histogram.{what}')}**")
        named = {shown(name): count for name, count in counts.items()}
        place.altair_chart(charts.histogram(named, unit))


def emotion_name(name: str) -> str:
    """An emotion in the visitor's language."""
    return t(f"emotion.{name}")


def show_growth(name: str) -> None:
    """Videos of each version."""
    versions = store.datasets()[name]
    if len(versions) > 1:
        st.subheader(t("growth"))
        st.altair_chart(charts.growth({name: versions}))


def show_videos(info: DatasetInfo) -> None:
    """The manifest, and the video in the URL with its features."""
    manifest = store.manifest(info.name, info.version)
    if manifest is None or manifest.empty:
        return
    st.subheader(t("videos"))
    ids = [str(name) for name in manifest["id"]]
    video = choose(
        "video",
        ids,
        t("open_video"),
        shown=titles.title,
        optional=True,
        placeholder=t("open_video.hint"),
    )
    if video is not None:
        if st.button(t("videos.all"), type="tertiary"):
            select(video=None)
            st.rerun()
        show_features(manifest.iloc[ids.index(video)].to_dict())
        return
    shown = pd.DataFrame(
        {
            t("video"): [titles.title(video) for video in ids],
            t("split"): [t(f"split.{side}") for side in manifest["split"]],
            t("length"): manifest["duration_s"],
            t("key"): [key_name(name) for name in manifest["song_key"]],
            t("emotion"): [t(f"emotion.{name}") for name in manifest["emotion"]],
        }
    )
    event = st.dataframe(
        shown,
        hide_index=True,
        selection_mode="single-row",
        on_select="rerun",
        key="videos-table",
        column_config={t("length"): st.column_config.NumberColumn(format="%.1f s")},
    )
    if event.selection.rows:
        select(video=ids[event.selection.rows[0]])
        st.rerun()


def show_quarantine() -> None:
    """What was refused and why, and how to have it tried again."""
    refused = store.quarantine()
    st.subheader(t("quarantine", n=len(refused)))
    if not refused:
        st.caption(t("quarantine.none"))
        return
    rows = [
        {
            t("video"): titles.title_of_key(video.key),
            t("code"): video.code,
            t("reason"): video.reason,
            t("refused_at"): when(video.at),
        }
        for video in refused
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.caption(t("quarantine.meaning"))
    if not may_operate():
        st.code("vmt ingest --retry-refused", language="bash")
    elif st.button(t("quarantine.retry"), icon="🔁"):
        with needs_prefect():
            run = start("ingest", {"retry_refused": True})
            st.success(t("jobs.started", name=run.name))
            st.page_link(
                "pages/jobs/page.py",
                label=f"{t('page.jobs')} →",
                query_params={"follow": str(run.id)},
            )


def page() -> None:
    """One version, its videos, its growth, and the quarantine."""
    st.title(t("page.dataset"))
    info = choose_version()
    if info is None:
        st.info(t("dataset.empty"))
        st.code("vmt ingest\nvmt dataset freeze", language="bash")
    else:
        if selected("video") is None:
            show_version(info)
        show_videos(info)
        if selected("video") is None:
            show_growth(info.name)
    if selected("video") is None:
        show_quarantine()


page()
