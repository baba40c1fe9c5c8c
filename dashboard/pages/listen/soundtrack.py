"""One soundtrack: players, timeline, piano roll, settings and files."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import streamlit as st

from dashboard.components import charts
from dashboard.components.format import NOTHING, duration, tempo, when
from dashboard.components.music import chord_name, key_name, parsed_key
from dashboard.components.playhead import TIMELINE, show_playhead
from dashboard.http.archive import LIMIT_GIB
from dashboard.i18n.text import t
from dashboard.pages.runs.settings import settings_table
from dashboard.sources import soundtracks, store, titles
from vmt import chords
from vmt.catalog import keys
from vmt.catalog.records.soundtracks import SoundtrackRecord

KINDS = ("mp4", "flac", "mid", "lab", "json")


def show_players(record: SoundtrackRecord) -> None:
    """The film with its new sound, and the sound alone."""
    files = record.files
    film, sound = st.columns([3, 2])
    with film:
        if "mp4" in files:
            st.video(store.media_url(files["mp4"]))
    with sound:
        st.markdown(f"**{t('sound_alone')}**")
        if "flac" in files:
            st.audio(store.media_url(files["flac"]), format="audio/flac")
        _facts(record)


def _facts(record: SoundtrackRecord) -> None:
    facts = [
        (t("video"), titles.title_markdown(record.video.id)),
        (t("length"), duration(record.video.duration_s)),
        (t("key"), key_name(record.key) or NOTHING),
        (t("tempo"), tempo(record.tempo_bpm)),
        (t("run"), record.run),
        (t("epoch"), str(record.epoch)),
        (t("made_at"), when(record.made_at)),
    ]
    st.markdown("\n".join(f"- {name}: **{value}**" for name, value in facts))
    if record.untrained:
        st.badge(t("untrained"), color="orange", help=t("untrained.meaning"))


def show_timeline(record: SoundtrackRecord) -> None:
    """Chords, emotion, density, loudness and cuts over the same seconds."""
    duration_s, cuts_s, curves = record.video.duration_s, record.cuts_s, record.curves
    st.subheader(t("timeline"))
    emotions = [t(f"emotion.{strongest(row)}") for row in curves.emotion]
    key = parsed_key(record.key)
    show_playhead([chord_name(label, key) for label in record.chords], emotions, duration_s)
    lines = {
        "note_density": curves.note_density,
        "loudness": curves.loudness,
        "motion": curves.motion,
    }
    with st.container(gap=None, key=TIMELINE):
        st.altair_chart(charts.chord_timeline(record.chords, cuts_s, duration_s, key))
        if curves.emotion:
            st.altair_chart(charts.emotion_timeline(curves.emotion, cuts_s, duration_s))
        for name, line in lines.items():
            if line:
                st.altair_chart(
                    charts.curve_timeline(line, t(name), cuts_s, duration_s, last=name == "motion")
                )
    st.caption(t("timeline.meaning", cuts=len(cuts_s)))


def strongest(shares: Sequence[float]) -> str:
    """The name of the largest share."""
    return chords.EMOTIONS[max(range(len(shares)), key=shares.__getitem__)]


def show_notes(record: SoundtrackRecord) -> None:
    """The piano roll of the MIDI file."""
    key = record.files.get("mid")
    if key is None:
        return
    st.subheader(t("piano_roll"))
    notes = soundtracks.notes(key)
    if notes.empty:
        st.info(t("piano_roll.empty"))
        return
    st.altair_chart(charts.piano_roll(notes, record.video.duration_s))


def show_archives(record: SoundtrackRecord, prefix: str) -> None:
    """Links to zips: this take, all takes of its video, and the batches of its epoch."""
    run, epoch, video = record.run, record.epoch, record.video.id
    n_takes = len(soundtracks.takes(run, epoch).get(video, []))
    with st.container(horizontal=True):
        st.link_button(t("zip.take"), store.zip_url(prefix))
        if n_takes > 1:
            st.link_button(
                t("zip.takes", n=n_takes),
                store.zip_url(f"{prefix.rstrip('/').rpartition('/')[0]}/"),
            )
        batches = {
            f"{when(info.modified)} · {info.key.rpartition('/')[2]}": info.key
            for info in soundtracks.batches(run, epoch)
        }
        if batches:
            with st.popover(t("zip.batch")):
                for label, key in batches.items():
                    st.link_button(label, store.zip_url(key), type="tertiary")
    st.caption(t("zip.meaning", gib=LIMIT_GIB))


def show_files(record: SoundtrackRecord, prefix: str) -> None:
    """A button for each file, and the settings that made it."""
    output = keys.OutputFolder(record.run, record.epoch, record.video.id, record.take)
    files = {**record.files, "json": output.record}
    st.subheader(t("files"))
    with st.container(horizontal=True):
        for kind in KINDS:
            if kind in files:
                st.link_button(
                    f"{t(f'file.{kind}')} ({PurePosixPath(files[kind]).suffix})",
                    store.media_url(files[kind], download=True),
                )
    show_archives(record, prefix)
    again = {
        "job": "generate",
        "video": record.video.key,
        "run": record.run,
        "epoch": str(record.epoch),
    }
    st.page_link(
        "pages/jobs/page.py", label=f"{t('another_take')} →", query_params={**again, "like": prefix}
    )
    with st.expander(t("made_with")):
        made = {
            "seed": record.seed,
            "weights_sha256": record.weights_sha256,
            "vmt_version": record.vmt_version,
            **record.settings,
        }
        st.table(settings_table(made))
