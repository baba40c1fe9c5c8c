"""What the pages read from the object store, each read cached for a few seconds.

Nothing here lists more than folder names. Times are ISO 8601 in UTC, as the jobs write them.
"""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlsplit

import pandas as pd
import streamlit as st

from dashboard.http.archive import ZIP_ROUTE
from dashboard.http.server import FILES_ROUTE
from vmt.catalog import documents, keys
from vmt.catalog.records.datasets import DatasetBrief, DatasetInfo
from vmt.catalog.records.indexes import (
    DatasetIndex,
    NightIndex,
    RefusedIndex,
    RefusedVideo,
    RunIndex,
    VideoKeyIndex,
)
from vmt.catalog.records.nights import NightReport
from vmt.catalog.records.runs import Champion, RunParameters, RunSummary
from vmt.catalog.records.videos import QuarantineRecord
from vmt.errors import ObjectNotFound, StoreError
from vmt.features.record import Features
from vmt.settings import load_settings
from vmt.store import ObjectInfo, ObjectStore, open_store

FRESH_S = 5
LISTED_S = 60
SETTLED_S = 300
SHARE_S = 3600
READERS = 16
KEPT = 128  # of what one function read, so that memory does not grow with what was ever looked at
KEPT_LARGE = 8
REFUSED = 500
OFFERED = 5000
VIDEO_FOLDERS = (keys.INBOX, keys.VIDEOS)
VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv")

R = TypeVar("R")


@st.cache_resource(show_spinner=False)
def store() -> ObjectStore:
    """The store that the environment names."""
    settings = load_settings()
    return open_store(settings.store, settings)


def store_name() -> str:
    """What visitors may know of the store: a bucket's URL, or a folder's name without where it
    stands.
    """
    current = store()
    folder = current.capabilities.folder
    return current.url if folder is None else folder.name


def read(key: str, kind: type[R]) -> R | None:
    """The record under `key`, or None where there is none.

    Raises:
        RecordError: if the object is damaged, or a newer version of VMT wrote it.
    """
    return documents.read(store(), key, kind)


def _csv(key: str) -> pd.DataFrame | None:
    """The table under `key`, or None where nothing stands."""
    try:
        return pd.read_csv(io.BytesIO(store().get(key)))
    except ObjectNotFound:
        return None
    except ValueError as error:
        raise StoreError(
            f"{key} is not a CSV table ({error}); run the job that writes it again"
        ) from error


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def folders(prefix: str) -> list[str]:
    """The names one level below `prefix`."""
    return [name.strip("/").rpartition("/")[2] for name in store().folders(prefix)]


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def summaries() -> list[RunSummary]:
    """Every run's summary, newest first; a run that has none yet is `starting`.

    Finished runs are read as one object; those in progress or broken each for itself.
    """
    names = folders(keys.RUNS)
    index = read(keys.RUN_INDEX.template, RunIndex)
    known = dict(index.runs) if index is not None else {}
    others = [run for run in names if run not in known]
    with ThreadPoolExecutor(READERS) as pool:
        stored = pool.map(lambda run: read(keys.summary(run), RunSummary), others)
        for run, summary in zip(others, stored, strict=True):
            known[run] = summary or RunSummary(run, "starting")
    return sorted(
        (known[run] for run in names),
        key=lambda summary: summary.started_at or "9",
        reverse=True,
    )


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def summary(run: str) -> RunSummary | None:
    """One run's summary."""
    return read(keys.summary(run), RunSummary)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def params(run: str) -> RunParameters | None:
    """One run's parameters."""
    return read(keys.model_params(run), RunParameters)


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def results(run: str) -> pd.DataFrame | None:
    """One run's `results.csv`: a row an epoch, from epoch 0."""
    return _csv(keys.results(run))


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def regression(run: str) -> pd.DataFrame | None:
    """The regressor's `results.csv`."""
    return _csv(keys.results(run, keys.RHYTHM))


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def written_at(key: str) -> datetime | None:
    """When the object was last written."""
    info = store().head(key)
    return info.modified if info else None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def champion() -> Champion | None:
    """Which run and epoch serve."""
    return read(keys.champion(), Champion)


def epoch_losses(run: str, epoch: int) -> dict[str, float]:
    """The validation losses of one epoch: `chord`, `total`, `emotion`; empty where it is not in the
    table.
    """
    table = results(run)
    row = table[table["Epoch"] == epoch] if table is not None else pd.DataFrame()
    if row.empty:
        return {}
    return {
        kind: float(row.iloc[0][f"Avg Eval loss ({kind})"])
        for kind in ("chord", "total", "emotion")
    }


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def datasets() -> dict[str, list[DatasetBrief]]:
    """The published versions of each dataset in short, oldest first."""
    index = read(keys.DATASET_INDEX.template, DatasetIndex)
    if index is not None:
        return {name: list(versions) for name, versions in sorted(index.datasets.items())}
    return {name: _listed_versions(name) for name in folders(keys.DATASETS)}


def _listed_versions(name: str) -> list[DatasetBrief]:
    numbers = (keys.parse_version(folder) for folder in folders(keys.dataset_folder(name)))
    stored = (dataset_version(name, number) for number in numbers if number is not None)
    briefs = [info.brief for info in stored if info is not None]
    return sorted(briefs, key=lambda brief: brief.version)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def dataset_version(name: str, version: int) -> DatasetInfo | None:
    """One version's description, or None where it is not published."""
    return read(keys.dataset_info(name, version), DatasetInfo)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT_LARGE, show_spinner=False)
def manifest(name: str, version: int) -> pd.DataFrame | None:
    """A version's table of videos."""
    try:
        return pd.read_parquet(io.BytesIO(store().get(keys.manifest(name, version))))
    except ObjectNotFound:
        return None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def quarantine() -> list[RefusedVideo]:
    """What was refused, newest first; at most `REFUSED`."""
    index = read(keys.REFUSED_INDEX.template, RefusedIndex)
    if index is not None:
        return list(index.refused[:REFUSED])
    listed = [info.key for info in itertools.islice(store().list(keys.QUARANTINE), REFUSED)]
    with ThreadPoolExecutor(READERS) as pool:
        stored = list(pool.map(lambda key: read(key, QuarantineRecord), listed))
    refused = [
        RefusedVideo(one.key, one.id, one.code, one.reason, one.stamp, one.at)
        for one in stored
        if one is not None
    ]
    return sorted(refused, key=lambda video: video.at, reverse=True)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def thumbnails(sha256: str) -> str | None:
    """The key of a video's sheet of small pictures, where ingest made one."""
    key = keys.thumbnail(sha256)
    return key if exists(key) else None


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def report_words(run: str, language: str) -> list[tuple[str, list[str]]]:
    """The titles and sentences of a run's report, where one was written: what it says beside tables
    and pictures.
    """
    written = text(keys.run_report(run, language, "md"))
    sections: list[tuple[str, list[str]]] = []
    for line in (written or "").splitlines():
        if line.startswith("## "):
            sections.append((line.removeprefix("## "), []))
        elif line.startswith("- ") and sections:
            sections[-1][1].append(line.removeprefix("- "))
    return [(title, sentences) for title, sentences in sections if sentences]


@st.cache_resource(ttl=SETTLED_S, max_entries=KEPT_LARGE, show_spinner=False)
def features(key: str) -> Features | None:
    """The features record of one video, shared by all visitors and never changed."""
    try:
        return Features.from_bytes(store().get(key))
    except ObjectNotFound:
        return None


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def videos() -> list[str]:
    """The keys of videos for training, at most `OFFERED`, as the last ingest saw them."""
    index = read(keys.VIDEO_INDEX.template, VideoKeyIndex)
    listed = index.videos if index is not None else (info.key for info in _listed(keys.VIDEOS))
    return list(itertools.islice(listed, OFFERED))


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def inbox() -> list[str]:
    """The keys of videos that want a soundtrack, newest first, as far as they are among the first
    `OFFERED`.
    """
    return [
        info.key
        for info in sorted(_listed(keys.INBOX), key=lambda info: info.modified, reverse=True)
    ]


def _listed(prefix: str) -> list[ObjectInfo]:
    videos = (info for info in store().list(prefix) if info.key.lower().endswith(VIDEO_ENDINGS))
    return list(itertools.islice(videos, OFFERED))


def offered_videos() -> list[str]:
    """What can be chosen to get a soundtrack."""
    return [*inbox(), *videos()]


@dataclass(frozen=True)
class Night:
    """What the nightly run wrote of itself: as data, and as Markdown where a night of an older
    version left nothing else.
    """

    content: NightReport | None
    text: str
    written: datetime


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def night_report() -> Night | None:
    """The newest report under `reports/nightly/`; the moments they are named by sort as text."""
    index = read(keys.NIGHT_INDEX.template, NightIndex)
    if index is not None:
        key = index.report
    else:
        reports = (info.key for info in store().list(keys.NIGHTS))
        key = max((key for key in reports if keys.NIGHT_TEXT.parse(key)), default="")
    info = store().head(key) if key else None
    if info is None:
        return None
    content = read(f"{key.removesuffix('.md')}.json", NightReport)
    return Night(content, store().get(key).decode(errors="replace"), info.modified)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def exists(key: str) -> bool:
    """Whether an object stands under `key`."""
    return store().head(key) is not None


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def text(key: str) -> str | None:
    """A small text object."""
    try:
        return store().get(key).decode(errors="replace")
    except ObjectNotFound:
        return None


@st.cache_data(ttl=SHARE_S // 2, max_entries=8 * KEPT, show_spinner=False)
def _shared(key: str, filename: str | None) -> str:
    # Half its life: a page that is still open keeps playing, and playback does not restart at each
    # rerun.
    return store().share_url(key, SHARE_S, filename=filename)


def media_url(key: str, *, download: bool = False) -> str:
    """A URL of `key` that this visitor's browser can play, or save under its own name."""
    shared = _shared(key, key.rpartition("/")[2] if download else None)
    if store().capabilities.public_endpoint is not None:
        return shared
    return f"{_own_url(FILES_ROUTE)}/{quote(key)}{'?download' if download else ''}"


def zip_url(name: str) -> str:
    """A URL of several soundtracks as one file; `name` as `dashboard.http.archive.members` takes
    it.
    """
    return f"{_own_url(ZIP_ROUTE)}/{quote(name)}"


def _own_url(route: str) -> str:
    page = urlsplit(st.context.url or "http://localhost")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{page.scheme}://{page.netloc}{'/' + base if base else ''}{route}"
