"""Overview: what serves, what runs, what failed, how the data grow, and the newest soundtracks of
the champion.
"""

import re

import streamlit as st

from dashboard.components import charts
from dashboard.components.format import duration, number, when
from dashboard.components.metric_row import show_figures
from dashboard.i18n.text import language, t
from dashboard.pages.overview.first_steps import show_first_steps
from dashboard.pages.overview.work import show_work
from dashboard.sources import soundtracks, store, titles
from vmt.reports.night import markdown

SHOWN = 3
REPORT_HEIGHT = 320
LONG_REPORT = 1000
HEADINGS = re.compile(r"^#+ ", re.MULTILINE)  # smaller than the page's own


def show_champion() -> None:
    """Run, epoch, scores and since when; which models served before."""
    champion = store.champion()
    st.subheader(t("champion"))
    if champion is None:
        st.info(t("champion.none"))
        return
    run, epoch = champion.run, champion.epoch
    summary = store.summary(run)
    row = store.epoch_losses(run, epoch)
    losses = [
        (t(f"validation.{kind}"), number(row.get(kind))) for kind in ("chord", "total", "emotion")
    ]
    bigram = summary.baselines.bigram if summary and summary.baselines else None
    show_figures([(t("epoch"), str(epoch)), *losses, (t("bigram_nll"), number(bigram))])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/runs/page.py", label=f"{run} →", query_params={"run": run})
        st.caption(
            t(
                "champion.since",
                when=when(champion.since),
                dataset=summary.dataset if summary and summary.dataset else "–",
            )
        )
        if summary is not None and summary.untrained:
            st.badge(t("untrained"), color="orange", help=t("untrained.meaning"))
    history = champion.history
    if history:
        with st.expander(t("champion.history", n=len(history))):
            for former in reversed(history[-20:]):
                st.markdown(
                    f"- **{former.run}**, {t('epoch')} {former.epoch}: "
                    f"{when(former.since)} → {when(former.until)}"
                )


def show_night() -> None:
    """What the last nightly run wrote of itself."""
    st.subheader(t("night"))
    report = store.night_report()
    if report is None:
        st.caption(t("night.none"))
        return
    text = report.text
    if report.content is not None:
        text = markdown(report.content, language(), when)
    st.caption(t("night.when", when=when(report.written)))
    with st.container(border=True, height=REPORT_HEIGHT if len(text) > LONG_REPORT else "content"):
        st.markdown(HEADINGS.sub("##### ", text))


def show_growth() -> None:
    """Videos and hours of each dataset over its versions."""
    versions = store.datasets()
    if not versions:
        return
    st.subheader(t("growth"))
    growth, facts = st.columns([2, 1])
    growth.altair_chart(charts.growth(versions))
    for name, known in versions.items():
        if known:
            newest = known[-1]
            text = t(
                "growth.newest",
                videos=number(newest.videos),
                length=duration(float(newest.seconds)),
            )
            facts.page_link(
                "pages/dataset/page.py",
                label=f"{name}@v{newest.version:04d} →",
                query_params={"dataset": name},
            )
            facts.caption(text)


def show_soundtracks() -> None:
    """The champion's newest soundtracks, ready to play."""
    st.subheader(t("newest"))
    newest = soundtracks.newest(SHOWN)
    if not newest:
        st.info(t("listen.empty"))
        st.code("vmt generate my-video.mp4", language="bash")
        return
    for column, record in zip(st.columns(SHOWN), newest, strict=False):
        with column:
            st.video(store.media_url(record.files["mp4"]))
            link = {name: str(getattr(record, name)) for name in ("run", "epoch", "take")} | {
                "video": record.video.id
            }
            name = titles.title_markdown(record.video.id)
            st.page_link("pages/listen/page.py", label=f"{name} →", query_params=link)
            st.caption(f"{record.run}, {t('epoch')} {record.epoch} · {when(record.made_at)}")


def page() -> None:
    """Everything, top to bottom."""
    st.title(t("page.overview"))
    show_first_steps()
    if not store.folders(""):
        return
    show_champion()
    show_work()
    show_night()
    show_soundtracks()
    show_growth()


page()
