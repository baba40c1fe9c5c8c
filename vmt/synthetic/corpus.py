"""Make the demo corpus: music videos into a store, and what is known of them into a folder beside
it.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vmt import media
from vmt.audio import mastering, synthesis
from vmt.catalog import keys
from vmt.errors import VmtError
from vmt.store import ObjectStore
from vmt.synthetic.canvas import HEIGHT, WIDTH
from vmt.synthetic.film import FPS, plan_film
from vmt.synthetic.song_midi import note_density, write_score
from vmt.synthetic.songs import Song, compose

PREFIX = keys.VIDEOS
_ATTACK_S = 0.02

OnEvent = Callable[[str, Mapping[str, Any]], None]


def make_corpus(
    store: ObjectStore,
    truth_folder: Path,
    *,
    videos: int = 20,
    seed: int = 0,
    on_event: OnEvent | None = None,
) -> tuple[str, ...]:
    """Make the videos that `store` does not hold yet, and write what is known of each to
    `truth_folder`.

    A video is `videos/<id>.mp4`: H.264, 640 x 360, 25 frames a second, AAC, 33 to 42 s. Its id says
    seed, number and mood, and the same seed gives the same songs and pictures, byte for byte where
    ffmpeg and the processor are the same. The known truth never enters the store.

    Args:
        store: where the videos go.
        truth_folder: gets `<id>.json`, see `truth`.
        videos: how many.
        seed: of everything that is drawn.
        on_event: told `vmt.demo.made` with id, made and videos for each new video.

    Returns:
        The ids, those that were there already included, in order.

    Raises:
        VmtError: if `videos` or `seed` is out of range.
        MediaError: if ffmpeg fails.
        GenerationError: if the synthesizer cannot be used.
    """
    if videos < 1 or seed < 0:
        raise VmtError(
            f"demo corpus: {videos} videos of seed {seed} cannot be made; ask for at least 1 "
            "video and a seed from 0"
        )
    songs = [compose(index, seed) for index in range(videos)]
    truth_folder.mkdir(parents=True, exist_ok=True)
    for song in songs:
        _write_truth(song, truth_folder / f"{song.id}.json")
    missing = [song for song in songs if store.head(_key(song)) is None]

    with (
        tempfile.TemporaryDirectory(prefix="vmt-demo-") as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):

        def make(song: Song) -> str:
            path = Path(folder) / f"{song.id}.mp4"
            make_video(song, path)
            store.put_file(_key(song), path)
            path.unlink()
            return song.id

        for made, name in enumerate(pool.map(make, missing), start=1):
            if on_event is not None:
                on_event("vmt.demo.made", {"id": name, "made": made, "videos": len(missing)})
    return tuple(song.id for song in songs)


def make_video(song: Song, path: Path) -> None:
    """Render `song` and its picture to an MP4."""
    with tempfile.TemporaryDirectory(prefix="vmt-demo-") as folder:
        flac = Path(folder) / "song.flac"
        synthesis.write_flac(record(song), synthesis.SAMPLE_RATE, flac)
        media.encode_video(plan_film(song).frames(), FPS, (WIDTH, HEIGHT), path, flac, threads=1)


def record(song: Song) -> Float32[np.ndarray, "2 samples"]:
    """The finished music of `song`, as long as its video."""
    whole = synthesis.synthesize(write_score(song), duration_s=song.score_start_s + song.duration_s)
    heard = whole[:, round(song.score_start_s * synthesis.SAMPLE_RATE) :].copy()
    attack = round(_ATTACK_S * synthesis.SAMPLE_RATE)
    heard[:, :attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    return mastering.master(heard, synthesis.SAMPLE_RATE, lufs=song.mood.lufs)


def truth(song: Song) -> dict[str, Any]:
    """What is known of a song and its picture, as JSON would hold it.

    Returns:
        id, mood, key, tempo_bpm, beats_per_bar, duration_s; chords, one a second; intervals, as
        [start, end, chord, part] in seconds; cuts_s, the hard cuts; fades, as [start, end, kind];
        note_density, pitched notes that sound during each second.
    """
    film = plan_film(song)
    return {
        "id": song.id,
        "mood": song.mood.name,
        "key": str(song.key),
        "tempo_bpm": song.tempo_bpm,
        "beats_per_bar": song.beats_per_bar,
        "duration_s": song.duration_s,
        "chords": list(song.each_second()),
        "intervals": [
            [chord.start_s, chord.end_s, chord.label, chord.part] for chord in song.chords
        ],
        "cuts_s": list(film.cuts_s),
        "fades": [[fade.start_s, fade.end_s, fade.kind] for fade in film.fades],
        "note_density": note_density(song).tolist(),
    }


def _key(song: Song) -> str:
    return f"{PREFIX}{song.id}.mp4"


def _write_truth(song: Song, path: Path) -> None:
    if path.exists():
        return
    part = path.with_suffix(".part")
    part.write_text(json.dumps(truth(song), indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)
