"""Songs to arrange: progressions with their keys, curves, and films with cuts and moods."""

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


@dataclass(frozen=True)
class Film:
    """A film with its chords: scenes of different lengths, moods that change, curves as flat as a
    regressor's.
    """

    labels: tuple[str, ...]
    key: chords.Key
    note_density: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"]
    motion: Float32[np.ndarray, " time"]
    emotion: Float32[np.ndarray, "time 6"]
    cuts_s: tuple[float, ...]
    duration_s: float

    def scored(self, style: str = "band", **options: object) -> Score:
        arguments: dict[str, object] = {
            "note_density": self.note_density,
            "loudness": self.loudness,
            "duration_s": self.duration_s,
            "cuts_s": self.cuts_s,
            "emotion": self.emotion,
            "motion": self.motion,
            "style": style,
            "seed": len(self.labels),
        }
        return arrange(self.labels, self.key, **(arguments | options))  # type: ignore[arg-type]


LOOPS = ("C G A:min F", "C A:min F G", "A:min F C G", "A:min D:min F E", "C F A:min G:7")


def film(number: int, duration_s: float = 48.0, fps: float = 25.0, *, rests: bool = True) -> Film:
    """A film by chance: cuts on frames, every scene 1.5 to 11 s long; long runs of N where asked.

    Args:
        number: of the film; the same number gives the same one.
        duration_s: its length.
        fps: frames a second, on which the cuts lie.
        rests: whether up to a third of its chords are N, in runs, as a model writes them that
            learnt real songs.
    """
    rng = np.random.default_rng(number)
    seconds = int(np.ceil(duration_s))
    cuts: list[float] = []
    time_s = 0.0
    while (time_s := time_s + float(rng.choice([1.5, 2.5, 4.2, 6.0, 8.5, 11.0]))) < duration_s - 2:
        time_s = round((time_s + float(rng.uniform(0, 0.9))) * fps) / fps
        cuts.append(time_s)
    loop = LOOPS[number % len(LOOPS)].split()
    pace = int(rng.integers(1, 4))
    labels = [loop[second // pace % 4] for second in range(seconds)]
    if rests:
        for start in (seconds // 4, 2 * seconds // 3):
            length = int(rng.integers(3, 1 + seconds // 6))
            labels[start : start + length] = ["N"] * len(labels[start : start + length])
    key = chords.Key(0, minor=False) if loop[0] == "C" else chords.Key(9, minor=True)
    walk = np.convolve(np.cumsum(rng.normal(size=seconds + 6)), np.ones(7) / 7, mode="valid")
    wave = ((walk - walk.mean()) / walk.std()).astype(np.float32)
    emotion = np.full((seconds, 6), 0.08, np.float32)
    moods = rng.integers(6, size=len(cuts) + 1)
    for start_s, mood in zip([0.0, *cuts], moods.tolist(), strict=True):
        emotion[round(start_s) :] = 0.08
        emotion[round(start_s) :, mood] = 0.6
    return Film(
        tuple(labels[:seconds]),
        key,
        np.maximum(9 + 1.5 * wave, 0).astype(np.float32),
        (0.1 * np.exp(0.12 * wave)).astype(np.float32),
        np.exp(1.5 + 0.6 * wave).astype(np.float32),
        emotion,
        tuple(cut for cut in cuts if cut < duration_s - 1),
        duration_s,
    )
