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

from vmt import chord_grammar
from vmt.chord_grammar import simplify
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
_NO_CHORD = {"n", "x", "nc", "n.c.", "n.c"}
_CHORD = re.compile(r"(?P<root>[A-G][#b]*)(?P<colon>:?)(?P<rest>\S*)")
_BASS = re.compile(r"[A-Ga-g][#b]*|[#b]*\d{1,2}")


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


_KEY = re.compile(
    r"(?P<tonic>[A-Ga-g])(?P<signs>[#b]*)[\s:]*(?P<mode>major|maj|minor|min|M|m|)", re.IGNORECASE
)


def parse_key(text: str) -> Key:
    """A key from `C# minor`, `Db:maj`, `E♭ major`, `B-flat minor`, `Am`, `C`.

    Raises:
        AnnotationError: if `text` is not a key.
    """
    plain = simplify(text.strip().lstrip("\ufeff"))
    for word, sign in (("flat", "b"), ("sharp", "#")):
        plain = re.sub(rf"[\s-]*{word}", sign, plain, flags=re.IGNORECASE)
    match = _KEY.fullmatch(plain)
    if match is None:
        raise AnnotationError(f"key {text!r} is not a key; write one like 'C major' or 'F# minor'")

    mode = match["mode"]
    minor = mode == "m" or mode.lower() in ("minor", "min")
    return Key(_pitch_class(match["tonic"].upper() + match["signs"].replace("B", "b")), minor)


def _pitch_class(name: str) -> int:
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[name[0]]
    return (natural + name.count("#") - name.count("b")) % 12


@cache
def token(label: str) -> int:
    """AMT's number, 0 to 156, of a chord in any common spelling.

    Harte (`A:min7/b3`, `C:(1,b3,5)`), lead sheet (`F#m7b5`, `C7#9`), Chordino and iReal (`B-7`,
    `C^7`, `Eh7`), with ASCII or Unicode accidentals. What AMT cannot say becomes its nearest
    quality, whose third is the chord's. The bass is dropped; `X` (unknown) counts as no chord.

    Raises:
        AnnotationError: if `label` is not a chord.
    """
    text = simplify(label.strip().lstrip("\ufeff"))
    if text.lower() in _NO_CHORD:
        return N
    match = _CHORD.fullmatch(text)
    quality = None if match is None else _quality(match["rest"], harte=bool(match["colon"]))
    if match is None or quality is None:
        raise AnnotationError(
            f"chord {label!r} is not a chord; write one like C, A:min7, Bbmaj7 or N"
        )
    return 1 + 13 * _pitch_class(match["root"]) + QUALITIES.index(quality)


def _quality(rest: str, *, harte: bool) -> str | None:
    """The quality of what follows a root, with or without a bass; None if it is none."""
    whole = chord_grammar.quality(rest, harte=harte)
    if whole is not None:  # also `6/9`, whose 9 is no bass
        return whole
    body, slash, bass = rest.rpartition("/")
    if not slash or not _BASS.fullmatch(bass):
        return None
    return "maj" if not body and not harte else chord_grammar.quality(body, harte=harte)


def label(number: int) -> str:
    """The label of AMT's number 0 to 156."""
    if number == N:
        return "N"
    assert 0 < number < END, number
    root, quality = divmod(number - 1, 13)
    return ROOTS[root] if quality == 0 else f"{ROOTS[root]}:{QUALITIES[quality]}"


def tokens(labels: Sequence[str]) -> Int64[np.ndarray, " time"]:
    """`token` of each label."""
    return np.array([token(label) for label in labels], dtype=np.int64)


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


_FIFTHS = "FCGDAEB"
_MAJOR_TONICS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
_MINOR_TONICS = (0, 7, 2, -3, 4, -1, 6, 1, 8, 3, -2, 5)
"""Names of tonics by pitch class, as steps from C along the line of fifths: Db major, but C# minor;
F# major, but Eb minor.
"""


def spell(label: str | Key, key: Key | None = None) -> str:
    """A chord or a key as people write it: `Eb:maj7` in Bb major, where AMT says `D#:maj7`.

    Chords of the key are named by its scale; any other takes the name whose tones are nearest to
    the key along the line of fifths. A key is named by its own signature (Eb major, never D#
    major). The quality stays in this module's form, and `token` and `parse_key` read the result.

    Args:
        label: a chord in any spelling, or a key (`Key`, or text with a mode, such as `D# minor`).
        key: the key that a chord stands in; C major where None. A key needs none.

    Raises:
        AnnotationError: if `label` is neither.

    >>> spell("D#:maj7", parse_key("Bb major")), spell("D#", parse_key("E major"))
    ('Eb:maj7', 'D#')
    >>> spell("D# major")
    'Eb major'
    """
    if isinstance(label, str) and re.search(r"\s", label.strip()):
        label = parse_key(label)
    if isinstance(label, Key):
        tonics = _MINOR_TONICS if label.minor else _MAJOR_TONICS
        return f"{_fifths_name(tonics[label.tonic])} {'minor' if label.minor else 'major'}"

    return _spell_chord(token(label), key or Key(0, False))


@cache
def _spell_chord(number: int, key: Key) -> str:
    if number == N:
        return "N"
    root, quality = divmod(number - 1, 13)
    name = _fifths_name(_root_in_key(root, QUALITIES[quality], key))
    return name if quality == 0 else f"{name}:{QUALITIES[quality]}"


def _root_in_key(root: int, quality: str, key: Key) -> int:
    """The root's place on the line of fifths, where C is 0 and Bb is -2."""
    # The scale of a key spans the seven places from a fifth below its major tonic.
    tonic = _MINOR_TONICS[key.tonic] - 3 if key.minor else _MAJOR_TONICS[key.tonic]
    scale = range(tonic - 1, tonic + 6)
    places = [place for place in range(-8, 13) if 7 * place % 12 == root]
    for place in places:
        if place in scale and -6 <= place <= 10:  # not Cb, Fb, E# or B# without need
            return place

    def distance(place: int) -> float:
        tones = [place + _place_above(interval, quality) for interval in INTERVALS[quality]]
        doubles = sum(not -8 < tone <= 12 for tone in tones)
        return (abs(sum(tones) - len(tones) * (tonic + 1.5)) + 6 * doubles) / len(tones)

    return min(places, key=distance)


def _place_above(interval: int, quality: str) -> int:
    """Steps along the line of fifths from a root up to a tone of its chord."""
    if quality == "dim7" and interval == 9:
        return -9  # a diminished seventh
    return {0: 0, 2: 2, 3: -3, 4: 4, 5: -1, 6: -6, 7: 1, 8: 8, 9: 3, 10: -2, 11: 5}[interval]


def _fifths_name(place: int) -> str:
    signs, letter = divmod(place + 1, 7)
    return _FIFTHS[letter] + ("#" * signs if signs > 0 else "b" * -signs)


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
        labels = []
        for second in range(length):
            index = int(np.searchsorted(self.onsets, second, side="right")) - 1
            sounds = index >= 0 and second < self.end_s
            labels.append(self.labels[index] if sounds else "N")
        return tuple(labels)


def lab_text(data: bytes, name: str) -> str:
    """The text of a `.lab` file: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        AnnotationError: naming `name` and the byte that is no text.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{name}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as text"
        ) from error


_COMMENTS = ("#", "//", ";", "%")
_TABLE_ROW = re.compile(r"([-+.\de]+)[,;](?:([-+.\de]+)[,;])?(\D.*)")


def parse_lab(text: str, name: str) -> Annotation:
    """Chords from a `.lab` text, in intervals or one a second.

    Columns are separated by blanks, tabs, commas or semicolons. Blank lines, comments (`#`, `//`,
    `;`, `%`) and intervals that end where or before they start are skipped; what lies before 0 s
    is cut.

    Args:
        text: the file's text, with or without a byte order mark.
        name: what messages call the file.

    Raises:
        AnnotationError: naming `name`, the line and what is wrong with it.
    """
    key: Key | None = None
    onsets: list[float] = []
    ends: list[float] = []
    labels: list[str] = []

    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        try:
            if words[0].lower() in ("key", "key:"):
                key = parse_key(" ".join(words[1:]))
                continue
            start, end, chord = _lab_row(words)
            number_of_chord = token(chord)
            if end <= max(start, 0.0):
                continue
            start = max(start, 0.0)
            if onsets and start < onsets[-1]:
                raise AnnotationError(f"starts at {start:g} s, before the line above it")
        except (AnnotationError, ValueError) as error:
            raise AnnotationError(f"{name}, line {number}: {error}") from error
        onsets.append(start)
        ends.append(end)
        labels.append(label(number_of_chord))

    if not onsets:
        raise AnnotationError(
            f"{name}: no chord in it; write 'start end chord' or 'second chord' on each line"
        )
    return Annotation(tuple(onsets), tuple(labels), ends[-1], key)


def _words(line: str) -> list[str]:
    """The columns of a line without its comment; none where there is nothing else."""
    words = line.split()
    if len(words) == 1 and (table := _TABLE_ROW.fullmatch(words[0])) is not None:
        words = [column for column in table.groups() if column is not None]
    for index, word in enumerate(words):
        # In a label `#` is a sharp, so a comment begins a word.
        if word.startswith(_COMMENTS):
            return words[:index]
    return words


def _lab_row(words: list[str]) -> tuple[float, float, str]:
    if len(words) not in (2, 3):
        raise AnnotationError(f"{len(words)} words; write 'start end chord' or 'second chord'")
    start, chord = float(words[0]), words[-1]
    end = float(words[1]) if len(words) == 3 else start + 1
    if not (np.isfinite(start) and np.isfinite(end)):
        raise AnnotationError(f"{start:g} to {end:g} s is not an interval")
    return start, end, chord


def format_lab(labels: Sequence[str], key: Key) -> str:
    """One chord a second with a `key` line, in the sounding key, with AMT's sharps.

    For people there is `spell`; `parse_lab` reads both.
    """
    return "".join(
        [f"key {key}\n", *(f"{second} {label}\n" for second, label in enumerate(labels))]
    )
