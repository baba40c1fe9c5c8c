"""Render a take: what the models wrote becomes MIDI, sound, stems, a film with new sound, and the
record that publishes it.
"""

import dataclasses
import re
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords, media
from vmt.arrange.arrangement import arrange, midi_bytes, suit_tempo
from vmt.arrange.key_and_mood import with_emotion
from vmt.arrange.plan import wanted_loudness
from vmt.arrange.styles import load_style
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, read_sound, stems, synthesize, write_flac
from vmt.catalog import documents
from vmt.catalog.records.soundtracks import (
    ScoredVideo,
    SoundFont,
    SoundtrackCurves,
    SoundtrackRecord,
)
from vmt.catalog.runs import now
from vmt.errors import VmtError
from vmt.jobs.soundtrack.composer import ChordScore, Composer, Failure, Take


@dataclass
class _Facts:
    """What came out besides the files."""

    tempo_bpm: float
    picture: str = "copied"
    original_sound: str = "replaced"
    stems: dict[str, str] = field(default_factory=dict)


def produce(composer: Composer, take: Take, score: ChordScore) -> dict[str, str] | Failure:
    """Arrange, render, mux and upload one take; the record comes last and publishes it.

    Args:
        composer: the models' run and epoch, the store and the SoundFont.
        take: what to render.
        score: what the models wrote.

    Returns:
        The keys of its files by kind, or why there are none.
    """
    store = composer.store
    try:
        with tempfile.TemporaryDirectory(prefix="vmt-") as name:
            folder = Path(name)
            midi, tempo_bpm = arranged(take, score)
            facts = _Facts(tempo_bpm)
            (folder / "out.lab").write_text(chords.format_lab(score.labels, score.key))
            (folder / "out.mid").write_bytes(midi_bytes(midi))
            _render(composer, take, score, midi, folder, facts)
            _film(composer, take, folder, facts)
            for kind in ("lab", "mid", "flac", "mp4"):
                store.put_file(take.folder.file(kind), folder / f"out.{kind}")
            for kind, key in facts.stems.items():
                store.put_file(key, folder / f"{kind}.flac")
        record = _record(composer, take, score, facts)
        documents.write(store, take.folder.record, record)
    except VmtError as error:
        return Failure(take.source.key, str(error), error.transient)
    return dict(record.files)


def arranged(take: Take, score: ChordScore) -> tuple[pretty_midi.PrettyMIDI, float]:
    """The song, and its tempo."""
    features, style = take.source.features, load_style(take.config.style)
    tempo_bpm = take.config.tempo_bpm or suit_tempo(
        score.labels, style, motion=features.motion, note_density=score.note_density
    )
    midi = arrange(
        score.labels,
        score.key,
        note_density=score.note_density,
        loudness=score.loudness,
        duration_s=features.duration_s,
        cuts_s=features.cuts_s,
        emotion=with_emotion(features, take.config).emotion,
        style=style,
        tempo_bpm=tempo_bpm,
        accents=take.config.accents,
        seed=int(np.random.default_rng(take.stream("arrangement")).integers(2**31)),
    )
    return midi, tempo_bpm


def _render(
    composer: Composer,
    take: Take,
    score: ChordScore,
    midi: pretty_midi.PrettyMIDI,
    folder: Path,
    facts: _Facts,
) -> None:
    """The music alone, and on request each instrument alone."""
    duration_s, config = take.source.features.duration_s, take.config
    bits: Literal[16, 24] = 24 if config.bits == 24 else 16
    sound = synthesize(midi, duration_s=duration_s, soundfont=composer.soundfont)
    level = wanted_loudness(score.loudness)
    sound = master(sound, SAMPLE_RATE, lufs=config.lufs, level=level)
    write_flac(sound, SAMPLE_RATE, folder / "out.flac", bits=bits)
    if config.stems:
        parts = stems(midi, duration_s=duration_s, lufs=config.lufs, soundfont=composer.soundfont)
        for number, (name, part) in enumerate(parts, start=1):
            kind = f"stem-{number}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"
            write_flac(part, SAMPLE_RATE, folder / f"{kind}.flac", bits=bits)
            facts.stems[kind] = take.folder.stem(kind)


def _film(composer: Composer, take: Take, folder: Path, facts: _Facts) -> None:
    """The video with its new sound, and with its own where that was asked for."""
    duration_s, config = take.source.features.duration_s, take.config
    source = folder / f"source{PurePosixPath(take.source.key).suffix}"
    composer.store.get_file(take.source.key, source)
    sound = folder / "out.flac"
    if config.original_sound != "replace":
        mixed = folder / "mixed.wav"
        duck = config.original_sound == "duck"
        if media.blend(source, sound, mixed, duration_s=duration_s, duck=duck):
            sound = folder / "mixed.flac"
            write_flac(
                master(read_sound(mixed), SAMPLE_RATE, lufs=config.lufs),
                SAMPLE_RATE,
                sound,
                bits=24,
            )
            facts.original_sound = "ducked" if duck else "mixed"
        else:
            facts.original_sound = "none in the video"
    tags = film_tags(composer, take)
    facts.picture = media.mux(
        source, sound, folder / "out.mp4", duration_s=duration_s, metadata=tags
    )


def film_tags(composer: Composer, take: Take) -> dict[str, str]:
    """The MP4's tags: title, model, seed, the mark that a machine wrote it, and a licence line."""
    made_by = (
        f"run {composer.run.name}, epoch {composer.epoch}, take {take.name}, "
        f"seed {take.config.seed}"
    )
    return {
        "title": f"{take.source.id}, soundtrack by VMT",
        "artist": f"VMT {package_version('vmt')}",
        "genre": "AI-generated music",
        "comment": f"AI-generated music; {made_by}",
        "copyright": "AI-generated music by VMT (Apache-2.0), SoundFont "
        f"{composer.soundfont.name}; the picture and its own sound remain their owners'",
    }


def _record(composer: Composer, take: Take, score: ChordScore, facts: _Facts) -> SoundtrackRecord:
    source, features = take.source, with_emotion(take.source.features, take.config)
    curves = SoundtrackCurves(
        emotion=tuple(tuple(row) for row in np.round(features.emotion, 4).tolist()),
        loudness=_rounded(score.loudness),
        note_density=_rounded(score.note_density),
        motion=_rounded(features.motion),
    )
    return SoundtrackRecord(
        video=ScoredVideo(source.id, source.key, source.sha256, features.duration_s),
        run=composer.run.name,
        epoch=composer.epoch,
        weights_sha256=composer.weights_sha256,
        seed=take.config.seed,
        settings=dataclasses.asdict(take.config),
        take=take.name,
        files={**take.folder.files, **facts.stems},
        made_at=now(),
        key=str(score.key),
        tempo_bpm=facts.tempo_bpm,
        picture=facts.picture,
        original_sound=facts.original_sound,
        chords=score.labels,
        score_sha256=score.digest(),
        curves=curves,
        cuts_s=tuple(features.cuts_s),
        precision=composer.precision,
        soundfont=SoundFont(composer.soundfont.name, composer.soundfont_sha256),
        extractor=composer.extractor.name,
        untrained=features.untrained,
        vmt_version=package_version("vmt"),
    )


def _rounded(curve: Float32[np.ndarray, " time"]) -> tuple[float, ...]:
    return tuple(np.round(curve, 4).tolist())
