"""Chord and key labels: the Harte grammar, AMT's vocabulary, reductions and transposition.

Conventions: roots are pitch classes 0 (C) to 11 (B) and are written with sharps; a chord label is
`N` (no chord), a bare root for a major chord (`C#`), or `root:quality` (`C#:min7`). Tokens are
AMT's numbers: N = 0, then 13 qualities for each root, END = 157, PAD = 158. A `.lab` text has
either intervals (`start end label`, seconds) or one chord a second (`second label`), with an
optional `key` line.

Sources: Harte et al. 2005 (the chord grammar, as mir_eval reads it); Kang et al. 2024, arXiv
2311.00968 (vocabulary, affective table).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Int64

from vmt.errors import AnnotationError

ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
QUALITIES = (
    "maj",
    "dim",
    "sus4",
    "min7",
    "min",
    "sus2",
    "aug",
    "dim7",
    "maj6",
    "hdim7",
    "7",
    "min6",
    "maj7",
)
N = 0
END = 157
PAD = 158
VOCABULARY_SIZE = 159

INTERVALS: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "dim": (0, 3, 6),
    "sus4": (0, 5, 7),
    "min7": (0, 3, 7, 10),
    "min": (0, 3, 7),
    "sus2": (0, 2, 7),
    "aug": (0, 4, 8),
    "dim7": (0, 3, 6, 9),
    "maj6": (0, 4, 7, 9),
    "hdim7": (0, 3, 6, 10),
    "7": (0, 4, 7, 10),
    "min6": (0, 3, 7, 9),
    "maj7": (0, 4, 7, 11),
}
"""Semitones above the root for each quality."""

EMOTIONS = ("exciting", "fearful", "tense", "sad", "relaxing", "neutral")
AFFECTIVE: dict[str, tuple[str, ...]] = {
    "exciting": ("maj", "sus4", "7"),
    "fearful": ("dim", "min7", "dim7", "hdim7"),
    "tense": ("dim", "sus4", "min7", "7"),
    "sad": ("min7", "min", "sus2"),
    "relaxing": ("maj", "maj6", "maj7"),
    "neutral": (),
}
"""Qualities that suit each emotion (Kang et al. 2024)."""

_MINOR_LIKE = {"min", "min7", "min6", "dim", "dim7", "hdim7"}
_SPELLINGS = {
    "": "maj", "maj": "maj", "M": "maj", "major": "maj", "5": "maj", "1": "maj",
    "m": "min", "min": "min", "-": "min", "minor": "min",
    "7": "7", "dom7": "7", "9": "7", "11": "7", "13": "7",
    "maj7": "maj7", "M7": "maj7", "maj9": "maj7", "M9": "maj7", "maj11": "maj7", "maj13": "maj7",
    "m7": "min7", "min7": "min7", "-7": "min7",
    "m9": "min7", "min9": "min7", "m11": "min7", "min11": "min7", "min13": "min7",
    "6": "maj6", "maj6": "maj6", "M6": "maj6", "69": "maj6", "6/9": "maj6",
    "m6": "min6", "min6": "min6",
    "dim": "dim", "o": "dim", "°": "dim", "dim7": "dim7", "o7": "dim7", "°7": "dim7",
    "hdim7": "hdim7", "ø": "hdim7", "ø7": "hdim7", "m7b5": "hdim7", "hdim": "hdim7",
    "aug": "aug", "+": "aug", "sus": "sus4", "sus4": "sus4", "sus2": "sus2", "7sus4": "sus4", "9sus4": "sus4",  # noqa: E501
    "minmaj7": "min", "mM7": "min", "mmaj7": "min", "add9": "maj",
}  # fmt: skip
_CHORD = re.compile(r"^(?P<root>[A-G][#b]*)(?P<colon>:?)(?P<rest>.*)$")


@dataclass(frozen=True)
class Key:
    """A key: a tonic pitch class, 0 to 11, and a mode."""

    tonic: int
    minor: bool

    def __str__(self) -> str:
        return f"{ROOTS[self.tonic]} {'minor' if self.minor else 'major'}"

    @property
    def semitones_to_normal(self) -> int:
        """Semitones, -5 to 6, that move this key to C major or A minor."""
        shift = ((9 if self.minor else 0) - self.tonic) % 12
        return shift if shift <= 6 else shift - 12


def parse_key(text: str) -> Key:
    """A key from `C# minor`, `Db:maj`, `Am`, `C`.

    Raises:
        AnnotationError: if `text` is not a key.
    """
    match = re.fullmatch(r"([A-Ga-g][#b]*)[\s:]*(major|maj|minor|min|m|)", text.strip())
    if match is None:
        raise AnnotationError(f"key {text!r} is not a key; write one like 'C major' or 'F# minor'")
    tonic = match[1][0].upper() + match[1][1:]
    return Key(_pitch_class(tonic), match[2] in ("minor", "min", "m"))


def _pitch_class(name: str) -> int:
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[name[0]]
    return (natural + name.count("#") - name.count("b")) % 12


@cache
def token(label: str) -> int:
    """AMT's number, 0 to 156, of a chord in any Harte or lead-sheet spelling; what AMT cannot say
    becomes its nearest quality.

    The bass is dropped; `X` (unknown) counts as no chord.

    Raises:
        AnnotationError: if `label` is not a chord.
    """
    text = label.strip()
    if text in ("N", "X", "NC", "N.C."):
        return N
    match = _CHORD.match(text)
    if match is None:
        raise AnnotationError(
            f"chord {label!r} is not a chord; write one like C, A:min7, Bbmaj7 or N"
        )
    rest = match["rest"]
    if rest not in _SPELLINGS:
        rest = rest.partition("/")[0]
    quality = _SPELLINGS.get(rest) or _nearest_quality(label, rest)
    return 1 + 13 * _pitch_class(match["root"]) + QUALITIES.index(quality)


def _nearest_quality(label: str, rest: str) -> str:
    # For spellings that are in no table; it loads all of scipy, and every process reads chords.
    import mir_eval

    try:
        _, bitmap, _ = mir_eval.chord.encode(
            "C:" + rest if rest[0] != ":" else "C" + rest, reduce_extended_chords=True
        )
    except mir_eval.chord.InvalidChordException as error:
        raise AnnotationError(
            f"chord {label!r} is not a chord; write one like C, A:min7, Bbmaj7 or N"
        ) from error
    tones = set(np.flatnonzero(bitmap).tolist())

    def likeness(quality: str) -> float:
        own = set(INTERVALS[quality])
        return len(own & tones) / len(own | tones)

    return max(QUALITIES, key=likeness)


def label(number: int) -> str:
    """The label of AMT's number 0 to 156."""
    if number == N:
        return "N"
    assert 0 < number < END, number
    root, quality = divmod(number - 1, 13)
    return ROOTS[root] if quality == 0 else f"{ROOTS[root]}:{QUALITIES[quality]}"


def tokens(labels: Sequence[str]) -> Int64[np.ndarray, " time"]:
    """`token` of each label."""
    return np.array([token(each) for each in labels], dtype=np.int64)


def root_quality(
    numbers: Int64[np.ndarray, "*shape"],
) -> tuple[Int64[np.ndarray, "*shape"], Int64[np.ndarray, "*shape"]]:
    """AMT's two embeddings' indices: root (N 0, C 1 ... B 12, END 13, PAD 14) and quality (N 0, maj
    1 ... maj7 13, END 14, PAD 15).
    """
    return ROOT_OF[numbers], QUALITY_OF[numbers]


ROOT_OF = np.array([0, *(1 + i // 13 for i in range(156)), 13, 14], dtype=np.int64)
QUALITY_OF = np.array([0, *(1 + i % 13 for i in range(156)), 14, 15], dtype=np.int64)


def _reduction() -> Int64[np.ndarray, " vocabulary"]:
    to = np.arange(VOCABULARY_SIZE, dtype=np.int64)
    for number in range(1, END):
        root, quality = divmod(number - 1, 13)
        to[number] = (
            1 + 13 * root + QUALITIES.index("min" if QUALITIES[quality] in _MINOR_LIKE else "maj")
        )
    return to


REDUCE_25 = _reduction()
"""Token to token: N, END and PAD stay, minor-like qualities become min, all others maj."""


def transpose(numbers: Int64[np.ndarray, "*shape"], semitones: int) -> Int64[np.ndarray, "*shape"]:
    """Tokens moved up by `semitones`; N, END and PAD stay."""
    moved = 1 + (numbers - 1 + 13 * semitones) % 156
    return np.where((numbers > N) & (numbers < END), moved, numbers)


def pitch_classes(number: int) -> tuple[int, ...]:
    """Pitch classes of a chord, root first; empty for N."""
    if number == N:
        return ()
    root, quality = divmod(number - 1, 13)
    return tuple((root + interval) % 12 for interval in INTERVALS[QUALITIES[quality]])


PAST_END = len(EMOTIONS)
"""Row of `AFFECTIVE_TARGETS` for positions past the end of a song."""


def _affective_targets() -> Bool[np.ndarray, "emotion vocabulary"]:
    table = np.zeros((len(EMOTIONS) + 1, VOCABULARY_SIZE), dtype=bool)
    table[PAST_END, PAD] = True
    for row, emotion in enumerate(EMOTIONS):
        for quality in AFFECTIVE[emotion]:
            table[row, 1 + QUALITIES.index(quality) : END : 13] = True
    return table


AFFECTIVE_TARGETS = _affective_targets()
"""For each emotion, the tokens whose quality suits it; for `PAST_END`, only PAD."""


@dataclass(frozen=True)
class Annotation:
    """Chords of one song from a `.lab` text.

    Attributes:
        onsets: seconds where each label starts, rising from 0 or later.
        labels: chord labels of AMT's vocabulary.
        end_s: where the last label ends.
        key: as annotated, or None.
    """

    onsets: tuple[float, ...]
    labels: tuple[str, ...]
    end_s: float
    key: Key | None

    def each_second(self, length: int) -> tuple[str, ...]:
        """The label that sounds at each of the seconds 0 to `length` - 1; N outside the
        annotation.
        """
        found = []
        for second in range(length):
            index = int(np.searchsorted(self.onsets, second, side="right")) - 1
            found.append(self.labels[index] if index >= 0 and second < self.end_s else "N")
        return tuple(found)


def parse_lab(text: str, name: str) -> Annotation:
    """Chords from a `.lab` text, in intervals or one a second.

    Args:
        text: the file's text.
        name: what messages call the file.

    Raises:
        AnnotationError: naming `name`, the line and what is wrong with it.
    """
    key: Key | None = None
    onsets: list[float] = []
    ends: list[float] = []
    labels: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("//"):
            continue
        try:
            if words[0] == "key":
                key = parse_key(" ".join(words[1:]))
                continue
            start, end, chord = _lab_row(words)
            onsets.append(start)
            ends.append(end)
            labels.append(label(token(chord)))
            if len(onsets) > 1 and onsets[-1] < onsets[-2]:
                raise AnnotationError(f"starts at {onsets[-1]:g} s, before the line above it")
        except (AnnotationError, ValueError) as error:
            raise AnnotationError(f"{name}, line {number}: {error}") from error
    if not onsets:
        raise AnnotationError(
            f"{name}: no chord in it; write 'start end chord' or 'second chord' on each line"
        )
    return Annotation(tuple(onsets), tuple(labels), ends[-1], key)


def _lab_row(words: list[str]) -> tuple[float, float, str]:
    if len(words) == 2:
        start, chord = float(words[0]), words[1]
        end = start + 1
    elif len(words) == 3:
        start, end, chord = float(words[0]), float(words[1]), words[2]
    else:
        raise AnnotationError(f"{len(words)} words; write 'start end chord' or 'second chord'")
    if not 0 <= start < end < float("inf"):
        raise AnnotationError(f"{start:g} to {end:g} s is not an interval")
    return start, end, chord


def format_lab(labels: Sequence[str], key: Key) -> str:
    """One chord a second with a `key` line, in the sounding key."""
    return "".join([f"key {key}\n", *(f"{second} {each}\n" for second, each in enumerate(labels))])
