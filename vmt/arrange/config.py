"""`GenerateConfig`: everything that a person decides about a soundtrack."""

import math
import re
from dataclasses import dataclass

from vmt import chords
from vmt.arrange.grid import TEMPO_RANGE_BPM
from vmt.arrange.spotting import HIT_KINDS
from vmt.errors import AnnotationError, GenerationError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
ORIGINAL_SOUND = ("replace", "mix", "duck")
PICTURE = ("auto", "copy", "h264")
ADDED_LATER = ("video", "sound_track", "hits")
"""Settings that older records lack; at their default they change nothing, so that a take keeps its
name.
"""


@dataclass(frozen=True)
class GenerateConfig:
    """One take.

    Attributes:
        seed: of everything that chance decides; each video draws its own stream from it.
        key: `C major` ... `B minor`; `auto` takes the mode from the emotions and the tonic from the
            seed.
        primer: the chords that the music starts with, in the sounding key, one a second; empty
            starts on the tonic.
        temperature: over 0; 1 samples as the model says, less is safer.
        top_p: when a chord changes, sample among the likeliest others that hold this share, over 0
            to 1.
        style: a style's name. Whether there is one is known where styles are read, since users add
            their own.
        tempo_bpm: beats a minute; None chooses from motion and density.
        emotion: one of `chords.EMOTIONS` in place of the picture's; None leaves the picture's.
        emotion_curve: shares of the six emotions, one row a second, in place of the picture's; the
            last row goes on to the end.
        accents: how strongly hard cuts are marked, 0 to 1.
        hits: points of the film that the music must stand on: times in seconds, rising, and kinds,
            one of `spotting.HIT_KINDS`.
        density_scale: factor on the predicted note density.
        loudness_scale: factor on the swings of the predicted loudness, in dB: 0 is flat, 2 swells
            twice as far. How loud the whole is says `lufs`.
        lufs: integrated loudness of the result.
        original_sound: the video's own sound: `replace` drops it, `mix` keeps it, `duck` keeps it
            and takes the music down under it.
        bits: of a FLAC sample, 16 or 24.
        stems: whether each instrument is written alone as well.
        video: what happens to the picture: `auto` copies what editors and phones open and encodes
            the rest as H.264, `copy` copies it or refuses, `h264` encodes what is no H.264.
        sound_track: which of the video's own sound tracks is heard, counted from 1; None takes the
            default one that can be decoded.
    """

    seed: int = 0
    key: str = "auto"
    primer: tuple[str, ...] = ()
    temperature: float = 1.0
    top_p: float = 0.96
    style: str = "band"
    tempo_bpm: float | None = None
    emotion: str | None = None
    emotion_curve: tuple[tuple[float, ...], ...] = ()
    accents: float = 0.5
    hits: tuple[tuple[float, str], ...] = ()
    density_scale: float = 1.0
    loudness_scale: float = 1.0
    lufs: float = -14.0
    original_sound: str = "replace"
    bits: int = 16
    stems: bool = False
    video: str = "auto"
    sound_track: int | None = None

    def __post_init__(self) -> None:
        low, high = TEMPO_RANGE_BPM
        emotions = chords.EMOTIONS
        rules = (
            ("seed", self.seed >= 0, "0 or more"),
            ("temperature", 0 < self.temperature <= 10, "over 0 and at most 10"),
            ("top_p", 0 < self.top_p <= 1, "over 0 and at most 1"),
            ("style", _NAME.fullmatch(self.style) is not None, "a name"),
            (
                "tempo_bpm",
                self.tempo_bpm is None or low <= self.tempo_bpm <= high,
                f"{low:g} to {high:g}",
            ),
            (
                "emotion",
                self.emotion is None or self.emotion in emotions,
                f"one of {', '.join(emotions)}",
            ),
            ("accents", 0 <= self.accents <= 1, "0 to 1"),
            ("density_scale", 0 <= self.density_scale <= 10, "0 to 10"),
            ("loudness_scale", 0 <= self.loudness_scale <= 10, "0 to 10"),
            ("lufs", math.isfinite(self.lufs) and -40 <= self.lufs <= -5, "-40 to -5"),
            (
                "original_sound",
                self.original_sound in ORIGINAL_SOUND,
                f"one of {', '.join(ORIGINAL_SOUND)}",
            ),
            ("bits", self.bits in (16, 24), "16 or 24"),
            ("video", self.video in PICTURE, f"one of {', '.join(PICTURE)}"),
            (
                "sound_track",
                self.sound_track is None or self.sound_track >= 1,
                "1 or more, or None for the default one",
            ),
        )
        for name, holds, rule in rules:
            if not holds:
                raise GenerationError(f"{name} {getattr(self, name)!r} must be {rule}")
        self._check_curve()
        self._check_hits()
        try:
            if self.key != "auto":
                chords.parse_key(self.key)
            chords.tokens(self.primer)
        except AnnotationError as error:
            raise GenerationError(str(error)) from error

    def _check_curve(self) -> None:
        if self.emotion is not None and self.emotion_curve:
            raise GenerationError("emotion and emotion_curve exclude each other; give one of them")
        for second, row in enumerate(self.emotion_curve):
            whole = len(row) == len(chords.EMOTIONS) and all(
                math.isfinite(share) and share >= 0 for share in row
            )
            if not whole or abs(sum(row) - 1) > 1e-3:
                raise GenerationError(
                    f"emotion_curve, second {second}: {list(row)} must be "
                    f"{len(chords.EMOTIONS)} shares "
                    f"({', '.join(chords.EMOTIONS)}) that sum to 1"
                )

    def _check_hits(self) -> None:
        before = -1.0
        for time_s, kind in self.hits:
            if kind not in HIT_KINDS:
                raise GenerationError(f"hits, {time_s} s: {kind!r} must be {', '.join(HIT_KINDS)}")
            if not (math.isfinite(time_s) and time_s >= 0 and time_s > before):
                raise GenerationError(
                    f"hits, {time_s} s: times must be 0 or more, each later than the one before"
                )
            before = time_s

    def emotion_rows(self) -> tuple[tuple[float, ...], ...]:
        """Shares of the six emotions, a row a second, as a person asked for them; none where the
        picture decides.
        """
        if self.emotion is None:
            return tuple(tuple(row) for row in self.emotion_curve)
        return (tuple(float(each == self.emotion) for each in chords.EMOTIONS),)
