"""`GenerateConfig`: everything that a person decides about a soundtrack."""

import math
from dataclasses import dataclass

from vmt import chords
from vmt.errors import AnnotationError, GenerationError
from vmt.music.grid import TEMPO_RANGE_BPM
from vmt.music.styles import style_names


@dataclass(frozen=True)
class GenerateConfig:
    """One take.

    Attributes:
        seed: of everything that chance decides; each video draws its own stream from it.
        key: `C major` ... `B minor`; `auto` takes the mode from the picture's emotions and the tonic from the seed.
        primer: the chords that the music starts with, in the sounding key, one a second; empty starts on the tonic.
        temperature: over 0; 1 samples as the model says, less is safer.
        top_p: sample among the likeliest chords that hold this share, over 0 to 1.
        style: a style's name.
        tempo_bpm: beats a minute; None chooses from motion and density.
        accents: how strongly hard cuts are marked, 0 to 1.
        density_scale: factor on the predicted note density.
        loudness_scale: factor on the predicted loudness curve.
        lufs: integrated loudness of the result.
    """

    seed: int = 0
    key: str = "auto"
    primer: tuple[str, ...] = ()
    temperature: float = 1.0
    top_p: float = 0.9
    style: str = "band"
    tempo_bpm: float | None = None
    accents: float = 0.5
    density_scale: float = 1.0
    loudness_scale: float = 1.0
    lufs: float = -14.0

    def __post_init__(self) -> None:
        low, high = TEMPO_RANGE_BPM
        rules = (
            ("seed", self.seed >= 0, "0 or more"),
            ("temperature", 0 < self.temperature <= 10, "over 0 and at most 10"),
            ("top_p", 0 < self.top_p <= 1, "over 0 and at most 1"),
            ("style", self.style in style_names(), f"one of {', '.join(style_names())}"),
            ("tempo_bpm", self.tempo_bpm is None or low <= self.tempo_bpm <= high, f"{low:g} to {high:g}"),
            ("accents", 0 <= self.accents <= 1, "0 to 1"),
            ("density_scale", 0 <= self.density_scale <= 10, "0 to 10"),
            ("loudness_scale", 0 <= self.loudness_scale <= 10, "0 to 10"),
            ("lufs", math.isfinite(self.lufs) and -40 <= self.lufs <= -5, "-40 to -5"),
        )
        for name, holds, rule in rules:
            if not holds:
                raise GenerationError(f"{name} {getattr(self, name)!r} must be {rule}")
        try:
            if self.key != "auto":
                chords.parse_key(self.key)
            chords.tokens(self.primer)
        except AnnotationError as error:
            raise GenerationError(str(error)) from error
