"""What the pages read from the object store, each read cached for a few seconds.

Nothing here lists more than folder names. Times are ISO 8601 in UTC, as the jobs write them.
"""

import io
import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd
import streamlit as st

from dashboard.http.archive import ZIP_ROUTE
from dashboard.http.server import FILES_ROUTE
from vmt.catalog import page_index
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
VIDEO_FOLDERS = ("inbox/", "videos/")
VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv")

Record = Mapping[str, Any]


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


def read_json(key: str) -> Record | None:
    """The JSON object under `key`, or None where nothing stands.

    Raises:
        StoreError: if what stands there is not a JSON object.
    """
    try:
        found = json.loads(store().get(key))
    except ObjectNotFound:
        return None
    except ValueError as error:
        raise StoreError(
            f"{key} is not JSON ({error}); run the job that writes it again"
        ) from error
    if not isinstance(found, dict):
        raise StoreError(
            f"{key} holds {type(found).__name__} where an object belongs; run the job that "
            "writes it again"
        )
    return found


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
def summaries() -> list[Record]:
    """Every run's summary, newest first; a run that has none yet is `starting`.

    Finished runs are read as one object; those in progress or broken each for itself.
    """
    names = folders("runs/")
    known = dict(read_json(page_index.RUNS) or {})
    others = [run for run in names if run not in known]
    with ThreadPoolExecutor(READERS) as pool:
        read = pool.map(lambda run: read_json(f"runs/{run}/summary.json"), others)
        known |= {
            run: summary or {"run": run, "state": "starting"}
            for run, summary in zip(others, read, strict=True)
        }
    return sorted(
        (known[run] for run in names),
        key=lambda summary: str(summary.get("started_at") or "9"),
        reverse=True,
    )


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def summary(run: str) -> Record | None:
    """One run's summary."""
    return read_json(f"runs/{run}/summary.json")


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def params(run: str) -> Record | None:
    """One run's `model_params.json`."""
    return read_json(f"runs/{run}/model_params.json")


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def results(run: str) -> pd.DataFrame | None:
    """One run's `results.csv`: a row an epoch, from epoch 0."""
    return _csv(f"runs/{run}/results.csv")


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def regression(run: str) -> pd.DataFrame | None:
    """The regressor's `results.csv`."""
    return _csv(f"runs/{run}/regression/results.csv")


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def written_at(key: str) -> datetime | None:
    """When the object was last written."""
    info = store().head(key)
    return info.modified if info else None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def champion() -> Record | None:
    """Which run and epoch serve."""
    return read_json("models/champion.json")


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
def datasets() -> dict[str, list[Record]]:
    """The published versions of each dataset in short, oldest first."""
    known = read_json(page_index.DATASETS)
    if known is not None:
        return {name: list(versions) for name, versions in sorted(known.items())}
    found = {
        name: [dataset_version(name, version) for version in folders(f"datasets/{name}/")]
        for name in folders("datasets/")
    }
    return {
        name: sorted(
            (page_index.brief(each) for each in versions if each),
            key=lambda each: int(each["version"]),
        )
        for name, versions in found.items()
    }


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def dataset_version(name: str, version: str) -> Record | None:
    """One version's dataset.json, or None where it is not published."""
    return read_json(f"datasets/{name}/{version}/dataset.json")


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT_LARGE, show_spinner=False)
def manifest(prefix: str) -> pd.DataFrame | None:
    """A version's table of videos."""
    try:
        return pd.read_parquet(io.BytesIO(store().get(f"{prefix}manifest.parquet")))
    except ObjectNotFound:
        return None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def quarantine() -> list[Record]:
    """What was refused, newest first; at most `REFUSED`."""
    known = read_json(page_index.REFUSED)
    if known is not None:
        return list(known["refused"])[:REFUSED]
    keys = [info.key for info in itertools.islice(store().list("quarantine/"), REFUSED)]
    with ThreadPoolExecutor(READERS) as pool:
        found = [each for each in pool.map(read_json, keys) if each is not None]
    return sorted(found, key=lambda each: str(each.get("at") or ""), reverse=True)


@st.cache_data(ttl=SETTLED_S, max_entries=KEPT, show_spinner=False)
def thumbnails(sha256: str) -> str | None:
    """The key of a video's sheet of small pictures, where ingest made one."""
    key = page_index.thumbnails_key(sha256)
    return key if exists(key) else None


@st.cache_data(ttl=FRESH_S, max_entries=KEPT, show_spinner=False)
def report_words(run: str, language: str) -> list[tuple[str, list[str]]]:
    """The titles and sentences of a run's report, where one was written: what it says beside tables
    and pictures.
    """
    written = text(f"runs/{run}/report.{language}.md")
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
    known = read_json(page_index.VIDEOS)
    listed = known["videos"] if known is not None else (info.key for info in _listed("videos/"))
    return list(itertools.islice(listed, OFFERED))


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def inbox() -> list[str]:
    """The keys of videos that want a soundtrack, newest first, as far as they are among the first
    `OFFERED`.
    """
    return [
        info.key for info in sorted(_listed("inbox/"), key=lambda info: info.modified, reverse=True)
    ]


def _listed(prefix: str) -> list[ObjectInfo]:
    found = (info for info in store().list(prefix) if info.key.lower().endswith(VIDEO_ENDINGS))
    return list(itertools.islice(found, OFFERED))


def offered_videos() -> list[str]:
    """What can be chosen to get a soundtrack."""
    return [*inbox(), *videos()]


@dataclass(frozen=True)
class NightReport:
    """What the nightly run wrote of itself: as data, and as Markdown where a night of an older
    version left nothing else.
    """

    content: Record | None
    text: str
    written: datetime


@st.cache_data(ttl=LISTED_S, show_spinner=False)
def night_report() -> NightReport | None:
    """The newest report under `reports/nightly/`; the moments they are named by sort as text."""
    known = read_json(page_index.NIGHT)
    if known is not None:
        key = str(known["report"])
    else:
        key = max(
            (info.key for info in store().list(page_index.NIGHTS) if info.key.endswith(".md")),
            default="",
        )
    info = store().head(key) if key else None
    if info is None:
        return None
    content = read_json(f"{key.removesuffix('.md')}.json")
    return NightReport(content, store().get(key).decode(errors="replace"), info.modified)


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
