"""Form: sections, phrases, themes, and what each section is for.

Sections come from spotting; a long one is cut into parts of eight bars. Phrases are four bars, or
two, and only where a section leaves an odd bar over another length. Which theme a section has
depends on the piece's length and energy: AABA, verse and chorus, or one theme that builds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vmt.arrange.chart import Span
from vmt.arrange.grid import Grid
from vmt.arrange.spotting import Spotted

SECTION_BARS = 8
EARLY_CLIMAX = 0.15  # by which the first of two sections has to have more energy to be the climax
FORMS = ("auto", "aaba", "verse", "build")
INTRO, STATEMENT, BUILD, CLIMAX, BREAKDOWN, OUTRO = (
    "intro",
    "statement",
    "build",
    "climax",
    "breakdown",
    "outro",
)
KINDS = (INTRO, STATEMENT, BUILD, CLIMAX, BREAKDOWN, OUTRO)

EnergyOf = Callable[[float, float], float]
"""Energy, 0 to 1, that the picture asks for between two times in seconds."""


@dataclass(frozen=True)
class Phrase:
    """Two, four or (rarely) another number of bars that belong together.

    Attributes:
        bars: how many.
        section: index of its section.
        number: how many phrases of its section came before.
        energy: that the picture asks for, 0 to 1.
        open: whether most of it is N in the model's chords.
    """

    start: int
    end: int
    bars: int
    section: int
    number: int
    energy: float
    open: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the piece.

    Attributes:
        theme: a letter; sections with the same one share their tune.
        kind: one of `KINDS`.
        turn: how many sections with the same theme came before.
        energy: mean of its phrases.
        spotted: whether it starts on a point of the film.
    """

    start: int
    end: int
    theme: str
    kind: str
    turn: int
    energy: float
    spotted: bool

    @property
    def name(self) -> str:
        """As in the MIDI file's markers."""
        return f"{self.theme} ({self.kind})"


@dataclass(frozen=True)
class Form:
    """The plan of a piece.

    Attributes:
        sections: in order, from the first downbeat to the last stroke.
        phrases: in order, without gaps.
        spans: chords, without gaps, from step 0 to the grid's end.
        final: step of the last stroke, a downbeat.
        end_s: when the last chord is let go.
        name: which form was chosen.
    """

    sections: tuple[Section, ...]
    phrases: tuple[Phrase, ...]
    spans: tuple[Span, ...]
    final: int
    end_s: float
    name: str


def phrase_lengths(bars: int) -> list[int]:
    """How a section of so many bars is cut into phrases: fours, then a two; an odd bar lengthens
    no phrase but stands in a three, or alone.
    """
    fours, left = divmod(bars, 4)
    lengths = [4] * fours
    if left == 1 and fours:
        # 4 + 1 would leave a bar alone; 2 + 3 has a whole phrase and a longer one.
        lengths[-1:] = [2, 3] if fours == 1 else [4, 1]
        return lengths
    return lengths + ([left] if left else [])


def layout(
    spotted: Spotted,
) -> tuple[list[tuple[int, int, bool]], list[tuple[int, int, int, int]]]:
    """Sections (start, end, whether spotted) and phrases (start, end, bars, section)."""
    grid = spotted.grid
    bounds = [*spotted.sections, spotted.final]
    sections: list[tuple[int, int, bool]] = []
    phrases: list[tuple[int, int, int, int]] = []
    for start, end in pairwise(bounds):
        bars = [bar for bar in grid.bars if start <= bar < end]
        lengths = phrase_lengths(len(bars))
        first = 0
        for chunk in _section_chunks(lengths):
            begin = bars[first]
            after = first + sum(chunk)
            finish = bars[after] if after < len(bars) else end
            sections.append((begin, finish, begin == start and start != spotted.sections[0]))
            if not phrases and _opens_with_intro(lengths, len(grid.bars)):
                chunk = _split_intro(sections, phrases, bars, chunk)
                first += lengths[0]
            place = first
            for length in chunk:
                stop = place + length
                phrase_end = bars[stop] if stop < len(bars) else end
                phrases.append((bars[place], phrase_end, length, len(sections) - 1))
                place = stop
            first = after
    if not phrases:  # nothing but an upbeat and the last chord
        return [(0, spotted.final, False)], [(0, spotted.final, 1, 0)]
    return sections, phrases


def _opens_with_intro(lengths: Sequence[int], bars: int) -> bool:
    """Whether the first section is long enough for its first phrase to be an intro of its own."""
    return len(lengths) > 1 and sum(lengths) >= 6 and bars >= 14


def _split_intro(
    sections: list[tuple[int, int, bool]],
    phrases: list[tuple[int, int, int, int]],
    bars: Sequence[int],
    chunk: list[int],
) -> list[int]:
    """Make the first phrase a section; the phrases that are left of the chunk."""
    start, end, is_spotted = sections.pop()
    middle = bars[chunk[0]]
    sections += [(start, middle, is_spotted), (middle, end, False)]
    phrases.append((start, middle, chunk[0], 0))
    return chunk[1:]


def _section_chunks(lengths: Sequence[int]) -> list[list[int]]:
    """Phrases gathered into sections of eight bars or a little more."""
    chunks: list[list[int]] = []
    for length in lengths:
        if chunks and (sum(chunks[-1]) + length <= SECTION_BARS or length < 4):
            chunks[-1].append(length)
        else:
            chunks.append([length])
    if len(chunks) > 1 and sum(chunks[-1]) < 4:
        chunks[-2] += chunks.pop()
    if len(chunks) > 1 and len(chunks[0]) == 1:  # an intro is split off the first one
        chunks[0:2] = [chunks[0] + chunks[1]]
    return chunks


def make_form(
    spotted: Spotted, spans: tuple[Span, ...], energy_of: EnergyOf, end_s: float, wish: str = "auto"
) -> Form:
    """Sections with their kinds and themes.

    Args:
        spotted: the grid and where sections start.
        spans: the chart.
        energy_of: what the picture asks for.
        end_s: when the last chord is let go.
        wish: the style's form, one of `FORMS`.
    """
    places, parts = layout(spotted)
    grid = spotted.grid
    phrases = _phrases(parts, grid, spans, energy_of)
    energies = [
        float(np.mean([phrase.energy for phrase in phrases if phrase.section == index]))
        for index in range(len(places))
    ]
    opens = [
        float(np.mean([phrase.open for phrase in phrases if phrase.section == index]))
        for index in range(len(places))
    ]
    kinds = section_kinds(energies, opens)
    name = choose_form(energies, kinds) if wish == "auto" else wish
    themes = _themes(name, kinds, energies)
    sections = []
    for index, ((start, end, is_spotted), theme, kind) in enumerate(
        zip(places, themes, kinds, strict=True)
    ):
        turn = themes[:index].count(theme)
        sections.append(Section(start, end, theme, kind, turn, energies[index], is_spotted))
    return Form(tuple(sections), tuple(phrases), spans, spotted.final, end_s, name)


def _phrases(
    parts: Sequence[tuple[int, int, int, int]], grid: Grid, spans: Sequence[Span],
    energy_of: EnergyOf,
) -> list[Phrase]:  # fmt: skip
    opened = np.zeros(grid.steps + 1)
    for span in spans:
        opened[span.start : span.end] = span.open
    phrases: list[Phrase] = []
    for start, end, bars, section in parts:
        number = phrases[-1].number + 1 if phrases and phrases[-1].section == section else 0
        energy = energy_of(grid.straight(start), grid.straight(end))
        is_open = bool(opened[start : max(end, start + 1)].mean() > 0.5)
        phrases.append(Phrase(start, end, bars, section, number, energy, is_open))
    return phrases


def section_kinds(energies: Sequence[float], opens: Sequence[float]) -> list[str]:
    """What each section is for, from the energies and the shares of open harmony."""
    count = len(energies)
    kinds = [STATEMENT] * count
    if count < 3:
        if count == 2:  # music that opens with its climax has nowhere to go
            kinds[int(energies[0] <= energies[1] + EARLY_CLIMAX)] = CLIMAX
        return kinds
    inner = energies[1:]
    late = 0.15 * np.arange(1, count) / count  # of two peaks the later one is the climax
    peak = 1 + int(np.argmax(np.array(inner) + late))
    for index in range(1, count):
        drop = energies[index - 1] - energies[index]
        low = energies[index] < np.mean(energies)
        if index != peak and (opens[index] > 0.5 or (drop > 0.12 and low)):
            kinds[index] = BREAKDOWN
    kinds[peak] = CLIMAX
    for index in range(peak + 1, count):  # a high section is no weaker for coming later
        if energies[index] >= energies[peak] - 0.03 and kinds[index] == STATEMENT:
            kinds[index] = CLIMAX
    if peak >= 2 and kinds[peak - 1] == STATEMENT:
        kinds[peak - 1] = BUILD
    kinds[0] = INTRO
    if count >= 4 and kinds[-1] != CLIMAX:
        kinds[-1] = OUTRO
    return kinds


def choose_form(energies: Sequence[float], kinds: Sequence[str]) -> str:
    """A form by length and energy: one theme that builds where the energy rises, verse and chorus
    where it swings, AABA otherwise.
    """
    if len(kinds) < 3:
        return "build"
    rise = float(np.corrcoef(energies, np.arange(len(energies)))[0, 1]) if np.ptp(energies) else 0.0
    if rise > 0.7 and len(kinds) <= 6:
        return "build"
    return "verse" if np.ptp(energies) > 0.3 and len(kinds) >= 4 else "aaba"


def _themes(name: str, kinds: Sequence[str], energies: Sequence[float]) -> list[str]:
    """A letter for each section."""
    if name == "build" or len(kinds) < 3:
        peak = kinds.index(CLIMAX) if CLIMAX in kinds and len(kinds) > 4 else len(kinds)
        return ["B" if peak <= index < peak + 2 else "A" for index in range(len(kinds))]
    if name == "verse":
        middle = float(np.median(energies))
        letters = ["B" if energy > middle else "A" for energy in energies]
        for index in range(2, len(letters)):
            if letters[index - 2 : index + 1] in (["A"] * 3, ["B"] * 3):
                letters[index] = "C"
        if kinds[0] == INTRO:
            letters[0] = letters[1]
        return letters
    first = 1 if kinds[0] == INTRO and len(kinds) > 3 else 0
    count = len(kinds) - first
    pattern = "ABA" if count == 3 else "AABA"
    return ["A"] * first + [pattern[index % len(pattern)] for index in range(count)]
