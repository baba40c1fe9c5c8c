"""Songs to arrange: progressions with their keys, and curves."""

from dataclasses import dataclass

import numpy as np
import pretty_midi
from jaxtyping import Float32

from vmt import chords
from vmt.arrange.arrangement import Score, arrange


@dataclass(frozen=True)
class Song:
    """What a video asks for: one chord a second and two curves."""

    labels: tuple[str, ...]
    key: chords.Key
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]

    @property
    def duration_s(self) -> float:
        return len(self.labels) - 0.3

    def arranged(self, style: str = "band", **options: object) -> pretty_midi.PrettyMIDI:
        return self.scored(style, **options).midi

    def scored(self, style: str = "band", **options: object) -> Score:
        return arrange(
            self.labels,
            self.key,
            note_density=self.note_density,
            loudness=self.loudness,
            duration_s=self.duration_s,
            style=style,
            **options,  # type: ignore[arg-type]
        )


def song(
    names: str, each_s: int = 2, key: str = "C major", density: float = 10.0, swell: float = 5.0
) -> Song:
    """A progression in words, each chord `each_s` seconds long, under curves that rise and fall
    once.
    """
    labels = tuple(name for name in names.split() for _ in range(each_s))
    wave = np.sin(np.linspace(0, 2 * np.pi, len(labels), endpoint=False)).astype(np.float32)
    note_density = np.maximum(density + swell * wave, 0).astype(np.float32)
    return Song(labels, chords.parse_key(key), note_density, (0.2 + 0.1 * wave).astype(np.float32))


POP = song("C G A:min F C G F F " * 2)
JAZZ = song("D:min7 G:7 C:maj7 A:min7 F:maj7 B:hdim7 E:7 A:min6")
FAST = song("A:min F C G " * 5, each_s=1, key="A minor")
RESTS = song("N N F# D#:min B C#:sus4 C#:7 N F#:maj7 B:maj6 C#:aug C#:dim7 F# F#", key="F# major")
EVERY = song(" ".join(chords.label(1 + 13 * (5 * i % 12) + i) for i in range(13)))
