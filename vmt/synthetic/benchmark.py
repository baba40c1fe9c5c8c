"""Check: how well the recognisers hear and see rendered songs and films of which everything is
known.

Each condition plays the same songs, one in each of the 24 keys, in another way; the last one goes
through an MP4 with a rendered film, AAC at 96 kbit/s, and the product's own reading of both.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from vmt import media
from vmt.audio import synthesis
from vmt.audio.soundfont import check_soundfont, default_soundfont
from vmt.errors import VmtError
from vmt.features import frames
from vmt.features.recognisers import (
    DEFAULT_CHORDS,
    DEFAULT_NOTES,
    ChordRecogniser,
    LoadOptions,
    NoteTranscriber,
    chord_recogniser,
    note_transcriber,
)
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.runtime.events import Map, OnEvent, ignore, thread_map
from vmt.runtime.worker_pool import WorkerFailure
from vmt.synthetic import probe_films, probe_songs, recognition_scores
from vmt.synthetic.recognition_scores import CutScore, SongScore

MUSTS = {
    "majmin": 0.95,
    "sevenths": 0.90,
    "per_second_25": 0.95,
    "keys_right": 22 / 24,
    "density_correlation": 0.4,
}
"""The least that every condition must reach; the keys as a share of the songs."""
_PEAK = 0.8


@dataclass(frozen=True)
class Condition:
    """A way to play the songs.

    Attributes:
        name: of its row in the table.
        soundfont: a .sf2 file; the default one where None.
        lead: whether a melody plays over the band.
        cents: how far off it is tuned, up in every other song and down in the others.
        noise_db: level of white noise under the music; None for none.
        film: whether it goes through an MP4 with pictures and AAC.
    """

    name: str
    soundfont: Path | None = None
    lead: bool = False
    cents: float = 0.0
    noise_db: float | None = None
    film: bool = False


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        rows: means of `check.summarise` by condition.
        cuts: over all films.
        musts: what falls short, in words; empty where all is well.
    """

    rows: dict[str, dict[str, float]]
    cuts: CutScore
    musts: tuple[str, ...]


def conditions(soundfonts: Sequence[Path] = ()) -> tuple[Condition, ...]:
    """The table's rows: a plain one for each SoundFont, then the default one made harder.

    Raises:
        GenerationError: if a file is no SoundFont.
    """
    return (
        Condition(default_soundfont().stem),
        *(Condition(path.stem, check_soundfont(path)) for path in soundfonts),
        Condition("lead line", lead=True),
        Condition("30 cents off", cents=30.0),
        Condition("noise at -20 dB", noise_db=-20.0),
        Condition("MP4, AAC 96 kbit/s", lead=True, film=True),
    )


def check_features(
    *,
    songs: int = probe_songs.SONGS,
    soundfonts: Sequence[Path] = (),
    map: Map = thread_map,
    on_event: OnEvent = ignore,
) -> CheckReport:
    """Render the songs under every condition, hear them as an extractor does, and compare with the
    truth.

    Args:
        songs: how many of the 24, the keys evenly chosen.
        soundfonts: .sf2 files to play the songs with, besides TimGM6mb.
        map: spreads the songs over workers.

    Raises:
        VmtError: if `songs` is not 1 to 24, or a worker was lost.
        GenerationError: if a SoundFont cannot be used.
        WeightsError: if a recogniser's weights are missing.
    """
    if not 1 <= songs <= probe_songs.SONGS:
        raise VmtError(
            f"features check: {songs} songs; choose 1 to {probe_songs.SONGS}, one for each key"
        )
    numbers = [index * probe_songs.SONGS // songs for index in range(songs)]
    played = conditions(soundfonts)
    work = [(condition, number) for condition in played for number in numbers]
    heard: dict[str, list[SongScore]] = {condition.name: [] for condition in played}
    seen: list[CutScore] = []
    on_event("vmt.check.started", {"songs": len(work)})
    for (condition, number), outcome in zip(work, map(_score, work), strict=True):
        if isinstance(outcome, WorkerFailure):
            raise VmtError(
                f"features check: song {number}, {condition.name}: {outcome.reason}; run it again"
            )
        score, cuts = outcome
        heard[condition.name].append(score)
        seen += [cuts] if cuts is not None else []
        on_event("vmt.check.done", {"condition": condition.name, "song": score.name})
    rows = {name: recognition_scores.summarise(scores) for name, scores in heard.items()}
    total = CutScore(
        *(sum(getattr(part, field) for part in seen) for field in ("right", "missed", "invented"))
    )
    return CheckReport(rows, total, _shortfalls(rows, total))


def _shortfalls(rows: Mapping[str, Mapping[str, float]], cuts: CutScore) -> tuple[str, ...]:
    problems = []
    for name, row in rows.items():
        for field, least in MUSTS.items():
            wanted = least * row["songs"] if field == "keys_right" else least
            if not row[field] >= wanted:
                problems.append(f"{name}: {field} {row[field]:.3f}, must be {wanted:.3f}")
    if cuts.missed or cuts.invented:
        problems.append(f"cuts: {cuts.missed} missed and {cuts.invented} invented, must be none")
    return tuple(problems)


@cache
def _models() -> tuple[ChordRecogniser, NoteTranscriber]:
    """Loaded once for a worker."""
    options = LoadOptions()
    return (
        chord_recogniser(DEFAULT_CHORDS).load(options),
        note_transcriber(DEFAULT_NOTES).load(options),
    )


def _score(work: tuple[Condition, int]) -> tuple[SongScore, CutScore | None]:
    condition, number = work
    cents = condition.cents * (1 if number % 2 else -1)
    song = probe_songs.write_song(number, lead=condition.lead, cents=cents)
    cuts: CutScore | None = None
    if condition.film:
        sound, cuts = _through_film(song, number, condition.soundfont)
    else:
        sound = _level(_played(song, SAMPLE_RATE, condition.soundfont).mean(axis=0))
    if condition.noise_db is not None:
        noise = np.random.default_rng([number, 6]).standard_normal(len(sound), dtype=np.float32)
        sound = sound + noise * np.float32(
            np.sqrt(np.mean(sound**2)) * 10 ** (condition.noise_db / 20)
        )
    return recognition_scores.score_song(song.name, sound, song.truth, *_models()), cuts


def _played(
    song: probe_songs.KnownSong, sample_rate: int, soundfont: Path | None
) -> Float32[np.ndarray, "2 samples"]:
    return synthesis.synthesize(
        song.midi, duration_s=song.duration_s, sample_rate=sample_rate, soundfont=soundfont
    )


def _level(sound: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    return sound * np.float32(_PEAK / np.abs(sound).max())


def _through_film(
    song: probe_songs.KnownSong, number: int, soundfont: Path | None
) -> tuple[Float32[np.ndarray, " samples"], CutScore]:
    """The song's sound after it was the sound of a video, and what is seen of that video's cuts."""
    film = probe_films.plan_film(number, song.duration_s)
    with tempfile.TemporaryDirectory(prefix="vmt-") as name:
        flac, video = Path(name) / "song.flac", Path(name) / "song.mp4"
        synthesis.write_flac(
            _level(_played(song, synthesis.SAMPLE_RATE, soundfont)), synthesis.SAMPLE_RATE, flac
        )
        size = (probe_films.WIDTH, probe_films.HEIGHT)
        media.encode_video(
            film.pictures(), probe_films.FPS, size, video, flac, threads=1, audio_bitrate="96k"
        )
        finder = frames.CutFinder()
        for frame in media.frames(video):
            finder.see(frame)
        sound = media.sound(video, SAMPLE_RATE)
    assert sound is not None
    return sound, recognition_scores.score_cuts(finder.cuts_s, film.cuts_s)
