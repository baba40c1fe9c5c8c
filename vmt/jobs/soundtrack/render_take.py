"""Render a take: what the models wrote becomes MIDI, sound, stems, a film with new sound, and the
record that publishes it.
"""

import dataclasses
import logging
import math
import re
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from jaxtyping import Float32

from vmt import chords, media
from vmt.arrange.arrangement import Score, arrange, midi_bytes
from vmt.arrange.key_and_mood import with_emotion
from vmt.arrange.styles import Style
from vmt.audio.mastering import master, master_with_gain
from vmt.audio.stems import write_stems
from vmt.audio.synthesis import (
    SAMPLE_RATE,
    read_sound,
    synthesize,
    synthesize_stems,
    write_flac,
)
from vmt.catalog import documents
from vmt.catalog.records.soundtracks import (
    Hit,
    ScoredVideo,
    SoundFont,
    SoundtrackCurves,
    SoundtrackRecord,
    SoundtrackSection,
)
from vmt.catalog.runs import now
from vmt.errors import VmtError
from vmt.jobs.soundtrack.composer import ChordScore, Composer, Failure, Take

_log = logging.getLogger(__name__)


@dataclass
class _Facts:
    """What came out besides the files."""

    score: Score
    picture: str = "copied"
    picture_reason: str = ""
    original_sound: str = "replaced"
    stems: dict[str, str] = field(default_factory=dict)


def produce(composer: Composer, take: Take, written: ChordScore) -> dict[str, str] | Failure:
    """Arrange, render, mux and upload one take; the record comes last and publishes it.

    Args:
        composer: the models' run and epoch, the store and the SoundFont.
        take: what to render.
        written: what the models wrote.

    Returns:
        The keys of its files by kind, or why there are none.
    """
    store = composer.store
    try:
        with tempfile.TemporaryDirectory(prefix="vmt-") as name:
            folder = Path(name)
            score = arranged(take, written, composer.style(take.config.style).style)
            facts = _Facts(score)
            (folder / "out.lab").write_text(chords.format_lab(score.labels, written.key))
            (folder / "out.mid").write_bytes(midi_bytes(score.midi))
            _render(composer, take, score, folder, facts)
            _film(composer, take, folder, facts)
            for kind in ("lab", "mid", "flac", "mp4"):
                store.put_file(take.folder.file(kind), folder / f"out.{kind}")
            for kind, key in facts.stems.items():
                store.put_file(key, folder / f"{kind}.flac")
        record = _record(composer, take, written, facts)
        documents.write(store, take.folder.record, record)
    except VmtError as error:
        return Failure(take.source.key, str(error), error.transient)
    return dict(record.files)


def arranged(take: Take, written: ChordScore, style: Style) -> Score:
    """The piece."""
    features, config = take.source.features, take.config
    return arrange(
        written.labels,
        written.key,
        note_density=written.note_density,
        loudness=written.loudness,
        duration_s=features.duration_s,
        cuts_s=features.cuts_s,
        emotion=with_emotion(features, config).emotion,
        motion=features.motion,
        hits=config.hits,
        style=style,
        tempo_bpm=config.tempo_bpm,
        accents=config.accents,
        given=len(config.primer),
        seed=int(np.random.default_rng(take.stream("arrangement")).integers(2**31)),
    )


def _render(
    composer: Composer,
    take: Take,
    score: Score,
    folder: Path,
    facts: _Facts,
) -> None:
    """The music alone, and on request each instrument alone, under the same gain."""
    duration_s, config, midi = take.source.features.duration_s, take.config, score.midi
    bits: Literal[16, 24] = 24 if config.bits == 24 else 16
    sound = synthesize(midi, duration_s=duration_s, soundfont=composer.soundfont)
    sound, gain = master_with_gain(sound, SAMPLE_RATE, lufs=config.lufs)
    write_flac(sound, SAMPLE_RATE, folder / "out.flac", bits=bits)
    if config.stems:
        names = [instrument.name for instrument in midi.instruments]
        kinds = [
            f"stem-{number}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"
            for number, name in enumerate(names, start=1)
        ]
        parts = synthesize_stems(midi, duration_s=duration_s, soundfont=composer.soundfont)
        write_stems(
            parts, gain, [folder / f"{kind}.flac" for kind in kinds], SAMPLE_RATE, bits=bits
        )
        facts.stems = {kind: take.folder.stem(kind) for kind in kinds}


def _film(composer: Composer, take: Take, folder: Path, facts: _Facts) -> None:
    """The video with its new sound, and with its own where that was asked for."""
    duration_s, config = take.source.features.duration_s, take.config
    source = folder / f"source{PurePosixPath(take.source.key).suffix}"
    composer.store.get_file(take.source.key, source)
    sound = folder / "out.flac"
    if config.original_sound != "replace":
        mixed = folder / "mixed.wav"
        duck = config.original_sound == "duck"
        track = config.sound_track
        if media.blend(source, sound, mixed, duration_s=duration_s, duck=duck, sound_track=track):
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
    film = media.mux_film(
        source,
        sound,
        folder / "out.mp4",
        duration_s=duration_s,
        metadata=tags,
        picture=config.video,
    )
    facts.picture, facts.picture_reason = film.picture, film.reason
    if film.reason:
        _log.warning(
            "video %s: its picture is encoded again, as H.264: %s", take.source.id, film.reason
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


def _record(composer: Composer, take: Take, written: ChordScore, facts: _Facts) -> SoundtrackRecord:
    source, features = take.source, with_emotion(take.source.features, take.config)
    curves = SoundtrackCurves(
        emotion=tuple(tuple(row) for row in np.round(features.emotion, 4).tolist()),
        loudness=_rounded(written.loudness),
        note_density=_rounded(written.note_density),
        motion=_rounded(features.motion),
    )
    return SoundtrackRecord(
        video=ScoredVideo(source.id, source.key, source.sha256, features.duration_s, source.title),
        run=composer.run.name,
        epoch=composer.epoch,
        weights_sha256=composer.weights_sha256,
        seed=take.config.seed,
        settings=dataclasses.asdict(take.config),
        take=take.name,
        files={**take.folder.files, **facts.stems},
        made_at=now(),
        key=str(written.key),
        tempo_bpm=facts.score.tempo_bpm,
        form=facts.score.form,
        sections=tuple(
            SoundtrackSection(
                section.theme,
                section.kind,
                round(facts.score.plan.grid.straight(section.start), 4),
                section.spotted,
            )
            for section in facts.score.sections
        ),
        hits=tuple(
            Hit(point.time_s, point.kind, point.met, _finite(point.off_s))
            for point in facts.score.points
        ),
        picture=facts.picture,
        picture_reason=facts.picture_reason,
        original_sound=facts.original_sound,
        chords=written.labels,
        score_sha256=written.digest(),
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


def _finite(seconds: float) -> float | None:
    """JSON has no infinity."""
    return seconds if math.isfinite(seconds) else None
