"""What the pages read of soundtracks and ratings, each read cached for a few seconds."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pretty_midi
import streamlit as st

from dashboard.sources import store
from vmt.catalog import keys, page_index
from vmt.catalog.records.indexes import NewestIndex, RatingIndex, TakesIndex
from vmt.catalog.records.soundtracks import Rating, SoundtrackRecord
from vmt.errors import StoreError
from vmt.store import ObjectInfo

LOOKED_AT = 12
BATCHES = 12


@st.cache_data(ttl=store.FRESH_S, show_spinner=False)
def runs() -> list[str]:
    """The runs that made soundtracks."""
    return store.folders(keys.OUTPUTS)


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def epochs(run: str) -> list[int]:
    """The epochs of a run that made soundtracks, newest first."""
    numbers = (keys.parse_epoch_folder(name) for name in store.folders(keys.run_outputs(run)))
    return sorted((number for number in numbers if number is not None), reverse=True)


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def takes(run: str, epoch: int) -> dict[str, list[str]]:
    """The takes of each video by a run's epoch."""
    return _takes(run, epoch, store.read(keys.takes_index(run, epoch), TakesIndex))


def _takes(run: str, epoch: int, index: TakesIndex | None) -> dict[str, list[str]]:
    if index is None:
        return _listed(run, epoch)
    return {video: list(made) for video, made in index.videos.items()}


@st.cache_data(ttl=store.LISTED_S, max_entries=store.KEPT, show_spinner=False)
def _listed(run: str, epoch: int) -> dict[str, list[str]]:
    listed = page_index.takes_of(store.store(), run, epoch)
    return {video: list(made) for video, made in listed.items()}


@st.cache_data(ttl=store.FRESH_S, max_entries=store.KEPT, show_spinner=False)
def newest(n: int) -> list[SoundtrackRecord]:
    """The newest soundtracks; where none is noted, those of the first `LOOKED_AT` videos that the
    champion scored.
    """
    index = store.read(keys.NEWEST_INDEX.template, NewestIndex)
    if index is not None:
        places = [keys.parse_output(one.record) for one in index.soundtracks[:n]]
        prefixes = [place.prefix for place in places if place is not None]
    else:
        prefixes = _champions()
    records = [record for one in prefixes if (record := output(one)) is not None]
    return sorted(records, key=lambda record: record.made_at, reverse=True)[:n]


def _champions() -> list[str]:
    serving = store.champion()
    if serving is None:
        return []
    run, epoch = serving.run, serving.epoch
    first = itertools.islice(takes(run, epoch).items(), LOOKED_AT)
    return [prefix(run, epoch, video, take) for video, made in first for take in made]


def prefix(run: str, epoch: int, video: str, take: str) -> str:
    """The folder of a soundtrack."""
    return keys.OutputFolder(run, epoch, video, take).prefix


@st.cache_data(ttl=store.LISTED_S, show_spinner=False)
def _by_video() -> dict[str, list[str]]:
    """The folders of the takes of each video, newest run and epoch first."""
    pairs = [(run, epoch) for run in sorted(runs(), reverse=True) for epoch in epochs(run)]
    with ThreadPoolExecutor(store.READERS) as pool:
        indexes = list(
            pool.map(lambda pair: store.read(keys.takes_index(*pair), TakesIndex), pairs)
        )
    folders: dict[str, list[str]] = {}
    for (run, epoch), index in zip(pairs, indexes, strict=True):
        for video, made in _takes(run, epoch, index).items():
            folders.setdefault(video, []).extend(prefix(run, epoch, video, take) for take in made)
    return folders


def scored_videos() -> list[str]:
    """Every video that has a soundtrack."""
    return sorted(_by_video())


def of_video(video: str) -> list[str]:
    """The folders of every take of `video`."""
    return _by_video().get(video, [])


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT, show_spinner=False)
def output(prefix: str) -> SoundtrackRecord | None:
    """The record of one soundtrack, from its folder."""
    return _read_output(prefix)


@st.cache_data(ttl=store.SETTLED_S, max_entries=store.KEPT, show_spinner=False)
def outputs(prefixes: tuple[str, ...]) -> list[SoundtrackRecord | None]:
    """The records of several soundtracks, read at the same time."""
    with ThreadPoolExecutor(store.READERS) as pool:
        return list(pool.map(_read_output, prefixes))


def _read_output(prefix: str) -> SoundtrackRecord | None:
    place = keys.parse_output(prefix)
    return store.read(place.record, SoundtrackRecord) if place is not None else None


@st.cache_data(ttl=store.LISTED_S, max_entries=store.KEPT, show_spinner=False)
def batches(run: str, epoch: int) -> list[ObjectInfo]:
    """The summaries of the batches that a run's epoch wrote, newest first; at most `BATCHES`."""
    listed = store.store().list(keys.batch_prefix(run, epoch))
    return sorted(listed, key=lambda info: info.modified, reverse=True)[:BATCHES]


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
def ratings() -> list[Rating]:
    """Every blind rating, oldest first."""
    index = store.read(keys.RATING_INDEX.template, RatingIndex)
    if index is not None:
        return list(index.ratings)
    listed = [info.key for info in store.store().list(keys.RATINGS)]
    with ThreadPoolExecutor(store.READERS) as pool:
        stored = list(pool.map(lambda key: store.read(key, Rating), listed))
    return sorted((one for one in stored if one is not None), key=lambda one: one.at)
