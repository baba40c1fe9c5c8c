"""What the pages read of soundtracks and ratings, each read cached for a few seconds."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pretty_midi
import streamlit as st

from dashboard.sources import store
from vmt.catalog import page_index
from vmt.errors import StoreError
from vmt.store import ObjectInfo

LOOKED_AT = 12
BATCHES = 12


@st.cache_data(ttl=store.FRESH_S, show_spinner=False)
def runs() -> list[str]:
    """The runs that made soundtracks."""
    return store.folders("outputs/")


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def epochs(run: str) -> list[int]:
    """The epochs of a run that made soundtracks, newest first."""
    names = store.folders(f"outputs/{run}/")
    return sorted(
        (int(name.removeprefix("epoch_")) for name in names if name.startswith("epoch_")),
        reverse=True,
    )


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def takes(run: str, epoch: int) -> dict[str, list[str]]:
    """The takes of each video by a run's epoch."""
    known = store.read_json(page_index.outputs_key(run, epoch))
    return (
        {str(video): list(takes) for video, takes in known.items()}
        if known is not None
        else _listed(run, epoch)
    )


@st.cache_data(ttl=store.LISTED_S, max_entries=store.KEPT, show_spinner=False)
def _listed(run: str, epoch: int) -> dict[str, list[str]]:
    return page_index.takes_of(store.store(), run, epoch)


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def newest(n: int) -> list[store.Record]:
    """The newest soundtracks; where none is noted, those of the first `LOOKED_AT` videos that the
    champion scored.
    """
    known = store.read_json(page_index.NEWEST)
    if known is not None:
        prefixes = [
            str(each["record"]).rpartition("/")[0] + "/" for each in known["soundtracks"][:n]
        ]
    else:
        prefixes = _champions()
    found = [record for each in prefixes if (record := output(each)) is not None]
    return sorted(found, key=lambda record: str(record.get("made_at") or ""), reverse=True)[:n]


def _champions() -> list[str]:
    serving = store.champion()
    if serving is None:
        return []
    run, epoch = str(serving["run"]), int(serving["epoch"])
    first = itertools.islice(takes(run, epoch).items(), LOOKED_AT)
    return [prefix(run, epoch, video, take) for video, made in first for take in made]


def prefix(run: str, epoch: int, video: str, take: str) -> str:
    """Where a soundtrack's files stand."""
    return f"outputs/{run}/epoch_{epoch:04d}/{video}/{take}/"


@st.cache_data(ttl=store.LISTED_S, show_spinner=False)
def _by_video() -> dict[str, list[str]]:
    """The prefixes of the takes of each video, newest run and epoch first."""
    pairs = [(run, epoch) for run in sorted(runs(), reverse=True) for epoch in epochs(run)]
    with ThreadPoolExecutor(store.READERS) as pool:
        made = list(pool.map(lambda pair: store.read_json(page_index.outputs_key(*pair)), pairs))
    found: dict[str, list[str]] = {}
    for (run, epoch), known in zip(pairs, made, strict=True):
        for video, each in (known if known is not None else _listed(run, epoch)).items():
            found.setdefault(video, []).extend(prefix(run, epoch, video, take) for take in each)
    return found


def scored_videos() -> list[str]:
    """Every video that has a soundtrack."""
    return sorted(_by_video())


def of_video(video: str) -> list[str]:
    """The prefixes of every take of `video`."""
    return _by_video().get(video, [])


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT, show_spinner=False)
def output(prefix: str) -> store.Record | None:
    """The record of one soundtrack; `prefix` is `outputs/<run>/<epoch>/<id>/<take>/`."""
    return store.read_json(_record_key(prefix))


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT, show_spinner=False)
def outputs(prefixes: tuple[str, ...]) -> list[store.Record | None]:
    """The records of several soundtracks, read at the same time."""
    with ThreadPoolExecutor(store.READERS) as pool:
        return list(pool.map(store.read_json, map(_record_key, prefixes)))


def _record_key(prefix: str) -> str:
    video = prefix.rstrip("/").split("/")[-2]
    return f"{prefix}{video}_cgen_rd.json"


@st.cache_data(ttl=store.LISTED_S, max_entries=store.KEPT, show_spinner=False)
def batches(run: str, epoch: int) -> list[ObjectInfo]:
    """The summaries of the batches that a run's epoch wrote, newest first; at most `BATCHES`."""
    found = store.store().list(f"outputs/{run}/epoch_{epoch:04d}/batch-")
    return sorted(found, key=lambda info: info.modified, reverse=True)[:BATCHES]


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT_LARGE, show_spinner=False)
def notes(key: str) -> pd.DataFrame:
    """The notes of a MIDI file: part, start_s, end_s, pitch, velocity."""
    content = store.store().get(key)
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


@st.cache_data(ttl=store.LISTED_S, show_spinner=False)
def ratings() -> list[store.Record]:
    """Every blind rating, oldest first."""
    known = store.read_json(page_index.RATINGS)
    if known is not None:
        return list(known["ratings"])
    keys = [info.key for info in store.store().list("ratings/")]
    with ThreadPoolExecutor(store.READERS) as pool:
        found = [each for each in pool.map(store.read_json, keys) if each is not None]
    return sorted(found, key=lambda each: str(each["at"]))
