"""Listen: one soundtrack, chosen by run, epoch, video and take."""

import streamlit as st

from dashboard.components.takes import numbered
from dashboard.components.url_state import choose
from dashboard.i18n.text import t
from dashboard.pages.listen.soundtrack import show_files, show_notes, show_players, show_timeline
from dashboard.sources import soundtracks, store, titles


def choose_output() -> str | None:
    """The prefix of the chosen soundtrack, or None where there is none at all."""
    runs = soundtracks.runs()
    if not runs:
        return None
    champion = store.champion()
    columns = st.columns([3, 1, 2])
    with columns[0]:
        run = choose(
            "run",
            sorted(runs, reverse=True),
            t("run"),
            default=champion.run if champion else None,
            drops=["epoch", "take"],
        )
    with columns[1]:
        epochs = [str(epoch) for epoch in soundtracks.epochs(str(run))]
        serving = str(champion.epoch) if champion else None
        epoch = choose("epoch", epochs, t("epoch"), default=serving, drops=["take"])
        takes = soundtracks.takes(str(run), int(epoch or 0))
    with columns[2]:
        video = choose("video", sorted(takes), t("video"), shown=titles.title, drops=["take"])
    prefixes = [
        soundtracks.prefix(str(run), int(epoch or 0), str(video), take)
        for take in takes.get(str(video), [])
    ]
    known = {take.id: take for take in numbered(prefixes)}
    named = choose("take", list(known), t("take"), shown=lambda take: known[take].name)
    return soundtracks.prefix(str(run), int(epoch or 0), str(video), str(named))


def page() -> None:
    """Selection above, then players, timeline, notes, files."""
    st.title(t("page.listen"))
    prefix = choose_output()
    if prefix is None:
        st.info(t("listen.empty"))
        st.code("vmt generate my-video.mp4", language="bash")
        return
    record = soundtracks.output(prefix)
    if record is None:
        st.warning(t("listen.unfinished", prefix=prefix))
        return
    show_players(record)
    show_timeline(record)
    show_notes(record)
    show_files(record, prefix)


page()
