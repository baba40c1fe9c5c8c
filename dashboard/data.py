"""What the pages read from the object store, each read cached for a few seconds.

Nothing here lists more than folder names. Times are ISO 8601 in UTC, as the jobs write them.
"""

import io
import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd
import pretty_midi
import streamlit as st

from dashboard.server import FILES_ROUTE
from vmt.errors import ObjectNotFound, StoreError
from vmt.features.record import Features
from vmt.settings import load_settings
from vmt.store import ObjectStore, open_store

FRESH_S = 5
SETTLED_S = 300
SHARE_S = 3600
READERS = 16
REFUSED = 500
LOOKED_AT = 12
OFFERED = 1000
VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv")

Record = Mapping[str, Any]


@st.cache_resource(show_spinner=False)
def store() -> ObjectStore:
    """The store that the environment names."""
    settings = load_settings()
    return open_store(settings.store, settings)


def store_name() -> str:
    """What visitors may know of the store: a bucket's URL, or a folder's name without where it stands."""
    url = store().url
    return url if url.startswith("s3://") else PurePosixPath(urlsplit(url).path).name


def _json(key: str) -> Record | None:
    """The JSON object under `key`, or None where nothing stands.

    Raises:
        StoreError: if what stands there is not a JSON object.
    """
    try:
        found = json.loads(store().get(key))
    except ObjectNotFound:
        return None
    except ValueError as error:
        raise StoreError(f"{key} is not JSON ({error}); run the job that writes it again") from error
    if not isinstance(found, dict):
        raise StoreError(
            f"{key} holds {type(found).__name__} where an object belongs; run the job that writes it again"
        )
    return found


def _csv(key: str) -> pd.DataFrame | None:
    """The table under `key`, or None where nothing stands."""
    try:
        return pd.read_csv(io.BytesIO(store().get(key)))
    except ObjectNotFound:
        return None
    except ValueError as error:
        raise StoreError(f"{key} is not a CSV table ({error}); run the job that writes it again") from error


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def folders(prefix: str) -> list[str]:
    """The names one level below `prefix`."""
    return [name.strip("/").rpartition("/")[2] for name in store().folders(prefix)]


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def summaries() -> list[Record]:
    """Every run's summary, newest first; a run that has none yet is `starting`."""
    names = folders("runs/")
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda run: _json(f"runs/{run}/summary.json"), names))
    both = [summary or {"run": run, "state": "starting"} for run, summary in zip(names, found, strict=True)]
    return sorted(both, key=lambda summary: str(summary.get("started_at") or "9"), reverse=True)


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def summary(run: str) -> Record | None:
    """One run's summary."""
    return _json(f"runs/{run}/summary.json")


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def params(run: str) -> Record | None:
    """One run's `model_params.json`."""
    return _json(f"runs/{run}/model_params.json")


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def results(run: str) -> pd.DataFrame | None:
    """One run's `results.csv`: a row an epoch, from epoch 0."""
    return _csv(f"runs/{run}/results.csv")


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def regression(run: str) -> pd.DataFrame | None:
    """The regressor's `results.csv`."""
    return _csv(f"runs/{run}/regression/results.csv")


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def written_at(key: str) -> datetime | None:
    """When the object was last written."""
    info = store().head(key)
    return info.modified if info else None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def champion() -> Record | None:
    """Which run and epoch serve."""
    return _json("models/champion.json")


def epoch_losses(run: str, epoch: int) -> dict[str, float]:
    """The validation losses of one epoch: `chord`, `total`, `emotion`; empty where it is not in the table."""
    table = results(run)
    row = table[table["Epoch"] == epoch] if table is not None else pd.DataFrame()
    if row.empty:
        return {}
    return {kind: float(row.iloc[0][f"Avg Eval loss ({kind})"]) for kind in ("chord", "total", "emotion")}


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def dataset_versions(name: str) -> list[Record]:
    """The dataset.json of each published version, oldest first."""
    with ThreadPoolExecutor(READERS) as pool:
        found = list(
            pool.map(lambda version: _json(f"datasets/{name}/{version}/dataset.json"), folders(f"datasets/{name}/"))
        )
    return sorted((each for each in found if each is not None), key=lambda each: int(each["version"]))


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def manifest(prefix: str) -> pd.DataFrame | None:
    """A version's table of videos."""
    try:
        return pd.read_parquet(io.BytesIO(store().get(f"{prefix}manifest.parquet")))
    except ObjectNotFound:
        return None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def quarantine() -> list[Record]:
    """What was refused, newest first; at most `REFUSED`."""
    keys = [info.key for info in itertools.islice(store().list("quarantine/"), REFUSED)]
    with ThreadPoolExecutor(READERS) as pool:
        found = [each for each in pool.map(_json, keys) if each is not None]
    return sorted(found, key=lambda each: str(each.get("at") or ""), reverse=True)


@st.cache_resource(ttl=SETTLED_S, max_entries=8, show_spinner=False)
def features(key: str) -> Features | None:
    """The features record of one video, shared by all visitors and never changed."""
    try:
        return Features.from_bytes(store().get(key))
    except ObjectNotFound:
        return None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def videos(prefix: str) -> list[str]:
    """The keys of videos under `prefix`, at most `OFFERED` of them."""
    found = (info.key for info in store().list(prefix) if info.key.lower().endswith(VIDEO_ENDINGS))
    return list(itertools.islice(found, OFFERED))


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def exists(key: str) -> bool:
    """Whether an object stands under `key`."""
    return store().head(key) is not None


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def newest_outputs(n: int) -> list[Record]:
    """The champion's newest soundtracks among the first `LOOKED_AT` videos that it scored."""
    serving = champion()
    if serving is None:
        return []
    epoch = f"outputs/{serving['run']}/epoch_{int(serving['epoch']):04d}/"
    videos = folders(epoch)[:LOOKED_AT]
    prefixes = [f"{epoch}{video}/{take}/" for video in videos for take in folders(f"{epoch}{video}/")]
    found = [record for prefix in prefixes if (record := output(prefix)) is not None]
    return sorted(found, key=lambda record: str(record.get("made_at") or ""), reverse=True)[:n]


@st.cache_data(ttl=60, show_spinner=False)
def _scored() -> dict[str, list[str]]:
    """The folders `outputs/<run>/<epoch>/<id>/` of each video, newest run and epoch first."""
    epochs = [f"outputs/{run}/{epoch}/" for run in folders("outputs/") for epoch in folders(f"outputs/{run}/")]
    with ThreadPoolExecutor(READERS) as pool:
        videos = list(pool.map(lambda epoch: [name.strip("/") for name in store().folders(epoch)], epochs))
    found: dict[str, list[str]] = {}
    for epoch, names in sorted(zip(epochs, videos, strict=True), reverse=True):
        for name in names:
            found.setdefault(name, []).append(f"{epoch}{name}/")
    return found


def scored_videos() -> list[str]:
    """Every video that has a soundtrack."""
    return sorted(_scored())


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def outputs_of(video: str) -> list[str]:
    """The prefixes of every take of `video`."""
    return [f"{folder}{take}/" for folder in _scored().get(video, []) for take in folders(folder)]


@st.cache_data(ttl=60, show_spinner=False)
def ratings() -> list[Record]:
    """Every blind rating, oldest first."""
    keys = [info.key for info in store().list("ratings/")]
    with ThreadPoolExecutor(READERS) as pool:
        found = [each for each in pool.map(_json, keys) if each is not None]
    return sorted(found, key=lambda each: str(each["at"]))


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def output(prefix: str) -> Record | None:
    """The record of one soundtrack; `prefix` is `outputs/<run>/<epoch>/<id>/<take>/`."""
    identity = prefix.rstrip("/").split("/")[-2]
    return _json(f"{prefix}{identity}_cgen_rd.json")


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def notes(key: str) -> pd.DataFrame:
    """The notes of a MIDI file: part, start_s, end_s, pitch, velocity."""
    content = store().get(key)
    try:
        midi = pretty_midi.PrettyMIDI(io.BytesIO(content))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise StoreError(f"{key} is not a MIDI file ({error}); generate it again") from error
    rows = [
        (
            instrument.name or pretty_midi.program_to_instrument_name(instrument.program),
            note.start,
            note.end,
            note.pitch,
            note.velocity,
        )
        for instrument in midi.instruments
        for note in instrument.notes
    ]
    return pd.DataFrame(rows, columns=["part", "start_s", "end_s", "pitch", "velocity"])


@st.cache_data(ttl=SETTLED_S, show_spinner=False)
def text(key: str) -> str | None:
    """A small text object."""
    try:
        return store().get(key).decode(errors="replace")
    except ObjectNotFound:
        return None


@st.cache_data(ttl=SHARE_S // 2, show_spinner=False)
def _shared(key: str, filename: str | None) -> str:
    # Half its life: a page that is still open keeps playing, and playback does not restart at each rerun.
    return store().share_url(key, SHARE_S, filename=filename)


def media_url(key: str, *, download: bool = False) -> str:
    """A URL of `key` that this visitor's browser can play, or save under its own name."""
    shared = _shared(key, key.rpartition("/")[2] if download else None)
    if not shared.startswith("file:"):
        return shared
    page = urlsplit(st.context.url or "http://localhost")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    path = f"{'/' + base if base else ''}{FILES_ROUTE}/{quote(key)}"
    return f"{page.scheme}://{page.netloc}{path}{'?download' if download else ''}"
