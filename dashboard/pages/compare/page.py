"""Compare: one video's soundtracks from several epochs or runs side by side, and blind A/B
listening.
"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.components import charts
from dashboard.components.format import NOTHING, number, tempo
from dashboard.components.music import key_name
from dashboard.components.run_names import comparable
from dashboard.components.takes import Take, numbered
from dashboard.components.url_state import choose, select, selected
from dashboard.http.access import may_operate
from dashboard.i18n.text import t
from dashboard.pages.compare import ratings
from dashboard.sources import soundtracks, store, titles

BESIDE = 4
KINDS = ("chord", "total", "emotion")


def show_beside(takes: Sequence[Take]) -> None:
    """Players, validation losses and chords of each take; the smallest of a loss has a star where
    there are several.
    """
    every = [store.epoch_losses(*take.made_by) if take.record else {} for take in takes]
    several = [losses for losses in every if losses] if len(takes) > 1 else []
    known = [store.summary(take.made_by[0]) for take in takes]
    summaries = [summary for summary in known if summary is not None]
    least = {
        kind: min((losses[kind] for losses in several), default=None)
        for kind in KINDS
        if comparable(kind, summaries)
    }

    for column, take, losses in zip(st.columns(len(takes)), takes, every, strict=True):
        with column:
            run, epoch = take.made_by
            st.markdown(f"**{run}, {t('epoch')} {epoch}**  \n{take.name}")
            record = take.record
            if record is None:
                st.warning(t("listen.unfinished", prefix=take.prefix))
                continue
            st.video(store.media_url(record.files["mp4"]))
            rows = {
                t(f"validation.{kind}"): starred(losses.get(kind), least.get(kind))
                for kind in KINDS
            }
            rows |= {
                t("key"): key_name(record.key) or NOTHING,
                t("tempo"): tempo(record.tempo_bpm),
                t("chord_changes"): str(len(charts.chord_blocks(record.chords)) - 1),
            }
            st.table(pd.DataFrame({t("value"): rows}).rename_axis(t("measure")))
            if record.untrained:
                st.badge(t("untrained"), color="orange", help=t("untrained.meaning"))


def starred(value: float | None, least: float | None) -> str:
    """A loss, marked where none beside it is less."""
    return f"{number(value)} ★" if value is not None and value == least else number(value)


def show_side_by_side(video: str) -> None:
    """The soundtracks chosen for `video`; they stand in the URL."""
    known = {take.prefix: take for take in numbered(soundtracks.of_video(video))}
    wanted = [
        prefix for prefix in (selected("beside") or "").split(",") if prefix in known
    ] or list(known)[:2]
    st.session_state["beside"] = wanted
    st.multiselect(
        t("beside"),
        list(known),
        key="beside",
        format_func=lambda prefix: known[prefix].long_name,
        max_selections=BESIDE,
        on_change=lambda: select(beside=",".join(st.session_state["beside"]) or None),
    )
    if wanted:
        show_beside([known[prefix] for prefix in wanted])


def show_blind(video: str) -> None:
    """Two soundtracks in a hidden, random order, and five questions about each."""
    known = soundtracks.of_video(video)
    if len(known) < 2:
        st.info(t("blind.too_few"))
        return
    st.caption(t("blind.meaning"))
    pair = ratings.pair_for(st.session_state, video, known)
    with st.form(f"blind-{pair.id}", clear_on_submit=True):
        given: list[dict[str, int | None]] = []
        for column, letter, prefix in zip(st.columns(2), "AB", pair.prefixes, strict=True):
            with column:
                st.markdown(f"**{letter}**")
                record = soundtracks.output(prefix)
                if record is not None:
                    st.video(store.media_url(record.files["mp4"]))
                given.append(
                    {
                        question: st.segmented_control(
                            t(f"question.{question}"),
                            range(1, 6),
                            key=f"{pair.id}-{letter}-{question}",
                            width="stretch",
                        )
                        for question in ratings.QUESTIONS
                    }
                )
        comment = st.text_area(t("comment"), max_chars=2000)
        sent = st.form_submit_button(t("blind.send"), type="primary")
    if not sent:
        return
    if any(score is None for scores in given for score in scores.values()):
        st.warning(t("blind.incomplete"))
        return
    rater = ratings.rater(st.session_state)
    ratings.save(store.store(), pair, video, given, comment, rater)
    soundtracks.ratings.clear()
    ratings.next_pair(st.session_state, video)
    names = {take.prefix: take.long_name for take in numbered(known)}
    first, second = (names[prefix] for prefix in pair.prefixes)
    st.success(t("blind.thanks", first=first, second=second))
    st.button(t("blind.next"))


def show_results() -> None:
    """Mean and 95 % confidence interval of every question for each run and epoch."""
    rated = soundtracks.ratings()
    if not rated:
        st.caption(t("ratings.none"))
        return
    table = ratings.means(rated)
    shown = table.assign(
        question=[t(f"question.{name}") for name in table["question"]],
        interval=[
            f"{low:.2f} … {high:.2f}" if low == low else "–"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
    )
    names = {
        "model": t("run"),
        "question": t("question"),
        "n": "n",
        "mean": t("mean"),
        "interval": t("interval"),
    }
    st.dataframe(
        shown[list(names)].rename(columns=names),
        hide_index=True,
        column_config={t("mean"): st.column_config.NumberColumn(format="%.2f")},
    )
    if may_operate():
        table_csv = pd.DataFrame(ratings.rows(rated)).to_csv(index=False)
        st.download_button(
            t("ratings.export"), table_csv, "ratings.csv", "text/csv", on_click="ignore"
        )


def page() -> None:
    """A video, then what to do with its soundtracks."""
    st.title(t("page.compare"))
    videos = soundtracks.scored_videos()
    if not videos:
        st.info(t("listen.empty"))
        st.code("vmt generate my-video.mp4", language="bash")
        return
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        video = choose("video", videos, t("video"), shown=titles.title, drops=["beside"])
    modes = ("beside", "blind", "results")
    st.session_state["mode"] = selected("mode") if selected("mode") in modes else "beside"
    mode = right.segmented_control(
        t("mode"),
        modes,
        key="mode",
        format_func=lambda name: t(f"mode.{name}"),
        label_visibility="collapsed",
        required=True,
        on_change=lambda: select(mode=st.session_state["mode"]),
    )
    assert video is not None
    if mode == "results":
        show_results()
    elif mode == "blind":
        show_blind(video)
    else:
        show_side_by_side(video)


page()
