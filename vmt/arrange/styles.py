"""Styles: which instruments play which patterns. Each is one file, `styles/<name>.toml`; adding a
style is adding a file.

A pattern is one bar of sixteenths (16 in 4/4, 12 in 3/4 and 6/8), one character each; blanks and
bars (`|`) are for the eye. A `-` goes on, a `.` rests, and each role has characters of its own:

- harmony, pad: `X` and `x` all voices, loud and soft; `o` all voices as a ghost; `h` all but the
  lowest; `1` to `9` one voice, counted from the lowest, going on an octave higher.
- bass: `R` root, `O` root an octave higher, `5` fifth, `3` third, `7` seventh or sixth, `a` a step
  that leads to the next chord's root, `r` a ghost of the root.
- drums, for each drum: `X` accent, `x` stroke, `o` ghost.
- lead: none; a theme is sung (`vmt.arrange.theme`), in the rhythms of the track's `family`.

A track has `levels`, from the sparsest to the busiest, each a list of variants that phrases take in
turn.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmt.arrange.form import FORMS
from vmt.arrange.grid import METRES, Metre, parse_metre
from vmt.errors import GenerationError
from vmt.runtime.named_texts import NamedTexts, PackageTexts, parse_toml

BUILT_IN = PackageTexts("vmt.arrange", "styles")

DRUMS = {
    "kick": 36,
    "rim": 37,
    "snare": 38,
    "clap": 39,
    "closed_hat": 42,
    "pedal_hat": 44,
    "open_hat": 46,
    "low_tom": 45,
    "mid_tom": 47,
    "high_tom": 50,
    "crash": 49,
    "ride": 51,
    "tambourine": 54,
    "shaker": 70,
    "cowbell": 56,
    "floor_tom": 41,
    "splash": 55,
    "ride_bell": 53,
    "woodblock": 76,
    "triangle": 81,
    "low_conga": 64,
    "high_conga": 63,
    "bass_drum": 35,
    "cymbal": 57,
}
"""General MIDI pitches of the drums that patterns may name."""

FAMILIES = ("lyrical", "riff", "sparse", "swung")
"""Of a lead's rhythms."""

_CHARACTERS = {
    "harmony": set("-.Xxoh123456789"),
    "pad": set("-.Xxoh123456789"),
    "bass": set("-.RO537ar"),
    "drums": set(".Xxo"),
}


_NAMES = {int: "a whole number", bool: "true or false", str: "a text"}
_MIDI_VALUES = frozenset(
    {"program", "lowest", "highest", "volume", "pan", "reverb", "chorus", "velocity"}
)


@dataclass(frozen=True)
class Track:
    """One instrument.

    Attributes:
        role: harmony, pad, bass or lead.
        program: General MIDI, 0 to 127.
        lowest, highest: pitches that it may play.
        volume, pan, reverb, chorus: MIDI controls 7, 10, 91 and 93, 0 to 127.
        velocity: of a plain stroke at full loudness.
        voices: notes in a chord; 0 for as many as the chord has tones.
        rooted: voice 1 is the chord's root, under all the others.
        ring: notes sound on until the chord changes, as under a pedal.
        strum_s: time between the notes of a chord that is struck whole.
        enters: energy, 0 to 1, from which it plays.
        intro: whether it plays in the opening section.
        levels: patterns, from sparse to busy, each with its variants; none for a lead.
        hit: whether it takes part in hits: it must speak at once.
        lag_ms: how much later than the beat it plays, or earlier where negative.
        sway_ms: how far its offbeats move.
        family: of a lead's rhythms: lyrical, riff, sparse or swung.
        soars: whether a lead sings higher, and a pad an octave wider, in a climax.
        lock: whether a bass plays with the kick drum.
    """

    name: str
    role: str
    program: int
    lowest: int
    highest: int
    levels: tuple[tuple[str, ...], ...] = ()
    volume: int = 100
    pan: int = 64
    reverb: int = 40
    chorus: int = 0
    velocity: int = 90
    voices: int = 0
    rooted: bool = False
    ring: bool = False
    strum_s: float = 0.0
    enters: float = 0.0
    intro: bool = True
    hit: bool = True
    lag_ms: float = 0.0
    sway_ms: float = 6.0
    family: str = "lyrical"
    soars: bool = True
    lock: bool = False


@dataclass(frozen=True)
class Kit:
    """The drums: patterns by drum. Fields are as in `Track`, and:

    Attributes:
        fills: bars whose second half leads to a new section.
        crash: the drum that marks a new section.
        accent: the drum that marks a hard cut.
        back_ms: how much later than the beat snare, clap and rim play; hats play a little early.
    """

    levels: tuple[tuple[Mapping[str, str], ...], ...]
    fills: tuple[Mapping[str, str], ...]
    name: str = "Drums"
    program: int = 0
    volume: int = 90
    pan: int = 64
    reverb: int = 30
    chorus: int = 0
    velocity: int = 80
    enters: float = 0.3
    crash: str = "crash"
    accent: str = "kick"
    hit: bool = True
    intro: bool = False
    lag_ms: float = 0.0
    sway_ms: float = 6.0
    back_ms: float = 8.0


@dataclass(frozen=True)
class Style:
    """A style.

    Attributes:
        tempo_bpm: the slowest and the fastest tempo that suit it, in quarter notes a minute.
        metre: 4/4, 3/4 or 6/8.
        form: auto, or aaba, verse or build.
        swing, swing_unit: see `Grid`.
        spread: standard deviation of the velocities of equal notes.
        dynamics: factor on the swings of level, so that pieces of every style move by 4 to 6 dB.
        cadence: whether the last chords give way to a cadence.
        spotted: whether bars are laid on the film's cuts.
    """

    name: str
    about: str
    tempo_bpm: tuple[float, float]
    tracks: tuple[Track, ...]
    drums: Kit | None = None
    metre: Metre = METRES["4/4"]
    form: str = "auto"
    swing: float = 0.5
    swing_unit: int = 1
    spread: float = 3.0
    dynamics: float = 1.0
    cadence: bool = True
    spotted: bool = True

    @property
    def players(self) -> tuple[Track | Kit, ...]:
        """All that play, the drums last."""
        return (*self.tracks, *([self.drums] if self.drums else []))


def style_names(source: NamedTexts = BUILT_IN) -> tuple[str, ...]:
    """Names of the styles that a source has, sorted; of the built-in ones by default."""
    return source.names()


def load_style(name: str, source: NamedTexts = BUILT_IN) -> Style:
    """The style of that name.

    Raises:
        GenerationError: if there is none, or its file is wrong.
    """
    text = source.read(name)
    if text is None:
        raise GenerationError(
            f"style {name!r}: there is none; choose one of {', '.join(source.names())}"
        )
    return parse_style(name, text)


def parse_style(name: str, text: str) -> Style:
    """A style from the text of its file.

    Raises:
        GenerationError: naming the style, the place and what is wrong there.
    """
    try:
        table = parse_toml(text)
        metre = parse_metre(table.pop("metre", "4/4"))
        tracks = tuple(_track(track, metre) for track in table.pop("tracks"))
        drums = _kit(table.pop("drums"), metre) if "drums" in table else None
        low, high = table.pop("tempo_bpm")
        if table.get("form", "auto") not in FORMS:
            raise ValueError(f"form {table['form']!r} is none of {', '.join(FORMS)}")
        return Style(
            name=name,
            tempo_bpm=(float(low), float(high)),
            tracks=tracks,
            drums=drums,
            metre=metre,
            **_checked(Style, table),
        )
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        GenerationError,
    ) as error:
        raise GenerationError(
            f"style {name}: {error}; see the table in vmt/arrange/styles.py"
        ) from error


def _track(table: dict[str, Any], metre: Metre) -> Track:
    patterns = table.pop("levels", [])
    values = _checked(Track, table)
    name, role = values["name"], values["role"]
    if role not in (*_CHARACTERS, "lead") or role == "drums":
        raise ValueError(f"track {name}: role {role!r} is none of harmony, pad, bass, lead")
    if role == "lead":
        levels: tuple[tuple[str, ...], ...] = ()
    else:
        levels = tuple(
            tuple(_bar(pattern, role, name, metre) for pattern in variants) for variants in patterns
        )
        if not levels or not all(levels):
            raise ValueError(f"track {name}: a level without a pattern")
    track = Track(levels=levels, **values)
    if track.family not in FAMILIES:
        raise ValueError(
            f"track {track.name}: family {track.family!r} is none of {', '.join(FAMILIES)}"
        )
    if track.highest - track.lowest < 12:
        raise ValueError(
            f"track {track.name}: a range of less than an octave ({track.lowest} to "
            f"{track.highest})"
        )
    return track


def _kit(table: dict[str, Any], metre: Metre) -> Kit:
    patterns, fill_patterns = table.pop("levels"), table.pop("fills")
    values = _checked(Kit, table)
    levels = tuple(tuple(_drum_bar(bar, metre) for bar in variants) for variants in patterns)
    fills = tuple(_drum_bar(bar, metre) for bar in fill_patterns)
    return Kit(levels=levels, fills=fills, **values)


def _checked(kind: type, table: dict[str, Any]) -> dict[str, Any]:
    """A table whose values are of the types of `kind`'s fields, whole numbers made floats where
    fields want floats.
    """
    kinds = {field.name: field.type for field in dataclasses.fields(kind)}
    return {name: _value(name, kinds.get(name), value) for name, value in table.items()}


def _value(name: str, kind: Any, value: Any) -> Any:
    if kind is float:
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{name} {value!r} must be a number")
        return float(value)
    if kind in _NAMES and type(value) is not kind:
        raise ValueError(f"{name} {value!r} must be {_NAMES[kind]}")
    if name in _MIDI_VALUES and not 0 <= value <= 127:
        raise ValueError(f"{name} {value} must be 0 to 127")
    return value


def _drum_bar(table: Any, metre: Metre) -> Mapping[str, str]:
    if not isinstance(table, dict):
        raise ValueError(f"drums: {table!r} must be a table of patterns")
    for drum in table:
        if drum not in DRUMS:
            raise ValueError(f"drum {drum!r} is none of {', '.join(DRUMS)}")
    return {drum: _bar(pattern, "drums", drum, metre) for drum, pattern in table.items()}


def _bar(pattern: Any, role: str, owner: str, metre: Metre) -> str:
    if not isinstance(pattern, str):
        raise ValueError(f"{owner}: pattern {pattern!r} must be a text")
    bar = pattern.replace(" ", "").replace("|", "")
    if len(bar) != metre.steps:
        raise ValueError(
            f"{owner}: pattern {pattern!r} has {len(bar)} sixteenths, not {metre.steps}"
        )
    if wrong := sorted(set(bar) - _CHARACTERS[role]):
        raise ValueError(
            f"{owner}: pattern {pattern!r} has {wrong[0]!r}, which {role} does not know"
        )
    return bar
