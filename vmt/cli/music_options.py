"""Options of a generation: which videos, and what music. `generate` and `compare` share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmt.cli.options import EMOTIONS, KEYS, ORIGINAL_SOUND, STYLES, argument, option

if TYPE_CHECKING:
    from vmt.arrange.config import GenerateConfig
    from vmt.store import ObjectStore

Style = Annotated[
    str, option(f"Style of the arrangement: {STYLES}, or a style of your own. Default: band.")
]


@dataclass(frozen=True)
class MusicOptions:
    """What a person decides about the music; `config` checks the values."""

    seed: Annotated[int, option("Seed of every random choice: 0 or more. Default: 0.")] = 0
    key: Annotated[
        str,
        option(f"Key: {KEYS}, or auto, which follows the mood of the video. Default: auto."),
    ] = "auto"
    style: Style = "band"
    tempo: Annotated[
        float | None,
        option("Tempo in beats a minute: 40 to 240. Default: chosen from the video."),
    ] = None
    primer: Annotated[
        str,
        option("First chords, one a second, such as 'C A:min F G'. Default: the tonic of the key."),
    ] = ""
    temperature: Annotated[
        float,
        option("Sampling temperature: over 0 to 10; lower is safer. Default: 1."),
    ] = 1.0
    top_p: Annotated[
        float,
        option("Share of the likeliest chords to sample from: over 0 to 1. Default: 0.96."),
    ] = 0.96
    emotion: Annotated[
        str | None,
        option(
            f"Emotion in place of the video's own: {EMOTIONS}, or a CSV file with a row a second. "
            "Default: found in the video."
        ),
    ] = None
    accents: Annotated[
        float,
        option("Strength of the accents at hard cuts: 0 (none) to 1. Default: 0.5."),
    ] = 0.5
    hits: Annotated[
        Path | None,
        option(
            "CSV file with the columns time and kind (hit, section or stop): points of the film "
            "that the music stands on. Default: none."
        ),
    ] = None
    density: Annotated[float, option("Factor on the number of notes: 0 to 10. Default: 1.")] = 1.0
    loudness: Annotated[
        float,
        option("Factor on the swells of loudness in dB: 0 (flat) to 10. Default: 1."),
    ] = 1.0
    lufs: Annotated[float, option("Integrated loudness in LUFS: -40 to -5. Default: -14.")] = -14.0
    original: Annotated[
        str,
        option(f"The video's own sound in the MP4: {ORIGINAL_SOUND}. Default: replace."),
    ] = "replace"
    video: Annotated[
        str,
        option(
            "The picture: auto copies what editors and phones open and encodes the rest as H.264, "
            "copy copies it or fails, h264 encodes what is not H.264. Default: auto."
        ),
    ] = "auto"
    sound_track: Annotated[
        int | None,
        option(
            "Number of the video's own sound track that is mixed or ducked, from 1. Default: the "
            "file's default track that can be decoded."
        ),
    ] = None
    bits: Annotated[int, option("Bits of a FLAC sample: 16 or 24. Default: 16.")] = 16
    stems: Annotated[
        bool,
        option("Write each instrument to a FLAC of its own as well. Default: off.", "--stems"),
    ] = False

    def config(self) -> "GenerateConfig":
        """The settings of a generation.

        Raises:
            GenerationError: if a value is out of range, or a CSV file of emotions or points is
                malformed.
        """
        from vmt.arrange.config import GenerateConfig
        from vmt.jobs.soundtrack.inputs import read_emotions, read_hits

        file = None
        if self.emotion is not None and Path(self.emotion).suffix.lower() == ".csv":
            file = Path(self.emotion)

        return GenerateConfig(
            seed=self.seed,
            key=self.key,
            style=self.style,
            tempo_bpm=self.tempo,
            primer=tuple(self.primer.split()),
            temperature=self.temperature,
            top_p=self.top_p,
            emotion=self.emotion if file is None else None,
            emotion_curve=() if file is None else read_emotions(file),
            accents=self.accents,
            hits=read_hits(self.hits) if self.hits else (),
            density_scale=self.density,
            loudness_scale=self.loudness,
            lufs=self.lufs,
            original_sound=self.original,
            bits=self.bits,
            stems=self.stems,
            video=self.video,
            sound_track=self.sound_track,
        )


@dataclass(frozen=True)
class ComparedMusicOptions(MusicOptions):
    """The options of `compare`: a piano alone lets the chords be heard."""

    style: Annotated[
        str, option(f"Style of every soundtrack: {STYLES}, or your own. Default: piano.")
    ] = "piano"


@dataclass(frozen=True)
class VideoSelection:
    """The videos of a generation, given in one of four ways."""

    videos: Annotated[
        list[Path] | None,
        argument("Video files. Default: none; then give --prefix, --list or --manifest."),
    ] = None
    prefix: Annotated[
        str | None,
        option(
            "Take all videos of the store under this key prefix, such as inbox/. Default: none."
        ),
    ] = None
    listed: Annotated[
        Path | None,
        option("Text file with one video file or key a line. Default: none.", "--list"),
    ] = None
    manifest: Annotated[
        str | None,
        option(
            "Key of a list of videos: a dataset's manifest.parquet, a CSV with a column `key`, or "
            "a text with a key a line. Default: none."
        ),
    ] = None

    def require_one(self, *others: object) -> None:
        """Check that exactly one way was used.

        Args:
            others: values of options that exclude these, such as a replay.

        Raises:
            typer.BadParameter: if none, or more than one, was used.
        """
        ways = (self.videos, self.prefix is not None, self.listed, self.manifest, *others)
        if sum(bool(way) for way in ways) != 1:
            raise typer.BadParameter(
                "give video files, or --prefix, --list, --manifest or --replay: one of them"
            )

    def local(self) -> Sequence[str | Path] | None:
        """Videos that this machine names; None where only the store knows them.

        Raises:
            GenerationError: if the list cannot be read or is empty.
        """
        if self.listed is not None:
            from vmt.jobs.soundtrack.inputs import listed_videos

            return listed_videos(self.listed)
        return self.videos or None

    def in_store(self, store: "ObjectStore") -> Sequence[str]:
        """Keys of the videos that the store names.

        Raises:
            GenerationError: if there is none.
        """
        from vmt.jobs.soundtrack.inputs import manifest_videos, videos_under

        if self.prefix is not None:
            return videos_under(store, self.prefix)
        return manifest_videos(store, self.manifest) if self.manifest is not None else ()
