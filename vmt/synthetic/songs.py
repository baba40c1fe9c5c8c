"""Songs of the demo corpus: progressions, key, tempo and form, drawn from a seed.

Conventions: chords are labels of `vmt.chords`. The video starts `LEAD_S` into the song, so that
chords change that long before its whole seconds and the chord at second k is the same whether it is
read at k or in the middle of the second. Every chord of a song lasts the same whole number of
seconds (the first `LEAD_S` less), and its loops come from the small pool of its mood: regular
enough to be learned from sixteen songs, varied enough that counting is needed.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vmt import chords

LEAD_S = 0.24  # 6 frames at 25 fps
Part = Literal["intro", "verse", "chorus", "end"]


@dataclass(frozen=True)
class Mood:
    """What picture and music share.

    Attributes:
        name: one of AMT's emotions.
        minor: the mode.
        chord_s: seconds that a chord lasts.
        metres: (tempo in bpm, beats a bar) to choose from; a chord lasts a whole number of bars.
        loops: four-chord loops in C major or A minor.
        forms: orders of parts to choose from: i intro (drums alone, no chord), v verse, c chorus.
        lufs: loudness of the finished song.
    """

    name: str
    minor: bool
    chord_s: int
    metres: tuple[tuple[int, int], ...]
    loops: tuple[tuple[str, str, str, str], ...]
    forms: tuple[str, ...]
    lufs: float


MOODS = (
    Mood(
        "exciting",
        minor=False,
        chord_s=2,
        metres=((120, 4), (180, 3), (90, 3)),
        loops=(("C", "A:min", "F", "G"), ("C", "G", "F", "G:7"), ("C", "F", "A:min", "G")),
        forms=("vvcc", "vcvc", "ivvcc"),
        lufs=-14.0,
    ),
    Mood(
        "sad",
        minor=True,
        chord_s=4,
        metres=((60, 4), (90, 3), (45, 3)),
        loops=(
            ("A:min", "F", "D:min", "E"),
            ("A:min", "D:min", "F", "E"),
            ("A:min", "G", "F", "E"),
        ),
        forms=("vc", "vv", "ivc"),
        lufs=-20.0,
    ),
    Mood(
        "relaxing",
        minor=False,
        chord_s=3,
        metres=((80, 4), (60, 3), (120, 3)),
        loops=(
            ("C:maj7", "A:min7", "F:maj7", "G"),
            ("C:maj7", "F:maj7", "C:maj7", "G"),
            ("C:maj7", "E:min7", "F:maj7", "G:7"),
        ),
        forms=("vvc", "vcc", "vcv"),
        lufs=-18.0,
    ),
    Mood(
        "tense",
        minor=True,
        chord_s=3,
        metres=((160, 4), (80, 4), (100, 5)),
        loops=(
            ("A:min", "D:min", "B:dim", "E:7"),
            ("A:min", "F", "B:dim", "E:7"),
            ("A:min", "D:min", "E:sus4", "E:7"),
        ),
        forms=("vvc", "vcc", "ivcc"),
        lufs=-15.0,
    ),
)


@dataclass(frozen=True)
class Chord:
    """A chord as it sounds: from `start_s` to `end_s` of the video's clock, in a part of
    the song.
    """

    start_s: float
    end_s: float
    label: str
    part: Part


@dataclass(frozen=True)
class Song:
    """What is known of a song before a note of it is written.

    Attributes:
        id: name of its video.
        mood: see `Mood`.
        key: the sounding key.
        tempo_bpm: beats a minute.
        beats_per_bar: beats a bar.
        chords: without a gap, from 0 to `duration_s`.
        seed: of everything drawn later (notes, pictures).
    """

    id: str
    mood: Mood
    key: chords.Key
    tempo_bpm: int
    beats_per_bar: int
    chords: tuple[Chord, ...]
    seed: int

    @property
    def duration_s(self) -> float:
        """Length of the video in seconds: `LEAD_S` short of a whole number."""
        return self.chords[-1].end_s

    @property
    def score_start_s(self) -> float:
        """Seconds from the score's start to the video's: the band plays the first chord once before
        anyone listens.
        """
        return self.mood.chord_s + LEAD_S

    @property
    def beat_s(self) -> float:
        """Seconds a beat."""
        return 60 / self.tempo_bpm

    def each_second(self) -> tuple[str, ...]:
        """The chord at each second 0, 1, ... of the video."""
        changes = [chord.start_s for chord in self.chords]
        seconds = range(math.ceil(self.duration_s))
        return tuple(
            self.chords[int(np.searchsorted(changes, second, side="right")) - 1].label
            for second in seconds
        )


def compose(index: int, seed: int) -> Song:
    """Song number `index` of the corpus of `seed`; it depends on nothing else.

    Moods take turns, and so do the loops and metres of a mood, so that a small corpus has each
    several times.
    """
    turn, place = divmod(index, len(MOODS))
    mood = MOODS[place]
    rng = np.random.default_rng([seed, index])
    tonics = np.random.default_rng([seed, turn // 3, 12]).permutation(
        12
    )  # three turns of four moods: each tonic once
    key = chords.Key(int(tonics[turn % 3 * len(MOODS) + place]), mood.minor)
    offset = turn + int(np.random.default_rng([seed, place, 3]).integers(3))
    tempo_bpm, beats_per_bar = mood.metres[offset % len(mood.metres)]
    verse, chorus = offset % 3, (offset + 1 + turn // 3 % 2) % 3
    form = mood.forms[int(rng.integers(len(mood.forms)))]
    plan = _plan(mood, form, mood.loops[verse], mood.loops[chorus])
    up = -key.semitones_to_normal
    sounding = _lay_out([(_transposed(label, up), part) for label, part in plan], mood.chord_s)
    name = f"demo{seed}-{index:02d}-{mood.name}"
    return Song(name, mood, key, tempo_bpm, beats_per_bar, sounding, seed=int(rng.integers(2**31)))


def _plan(
    mood: Mood, form: str, verse: tuple[str, ...], chorus: tuple[str, ...]
) -> list[tuple[str, Part]]:
    parts: list[tuple[str, Part]] = []
    for letter in form:
        if letter == "i":
            parts.append(("N", "intro"))
        elif letter == "v":
            parts += [(label, "verse") for label in verse]
        else:
            parts += [(label, "chorus") for label in chorus]
    return [*parts, ("A:min" if mood.minor else "C", "end")]


def _transposed(label: str, semitones: int) -> str:
    return chords.label(int(chords.transpose(chords.tokens([label]), semitones)[0]))


def _lay_out(plan: list[tuple[str, Part]], chord_s: int) -> tuple[Chord, ...]:
    laid_out = []
    for index, (label, part) in enumerate(plan):
        start_s = max(0.0, index * chord_s - LEAD_S)
        end_s = (index + 1) * chord_s - LEAD_S
        laid_out.append(Chord(round(start_s, 6), round(end_s, 6), label, part))
    return tuple(laid_out)
