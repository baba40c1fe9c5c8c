"""Styles as files."""

import itertools

import pytest

from vmt.arrange.styles import Style, load_style, parse_style, style_names
from vmt.errors import GenerationError

STYLE = """
about = "A test."
tempo_bpm = [80, 120]
[[tracks]]
name = "Keys"
role = "harmony"
program = 0
lowest = 55
highest = 76
levels = [["X--- ---- | x--- ----"]]
"""


NAMES = (
    "ambient amt band cinematic corporate electronic folk jazz lofi orchestra piano "
    "synthwave tension"
)
PROMISED = set(NAMES.split())


def test_the_promised_styles_are_there() -> None:
    assert set(style_names()) >= PROMISED


@pytest.mark.parametrize("name", style_names())
def test_each_style_loads_and_fits_a_midi_file(name: str) -> None:
    style = load_style(name)
    assert style.about
    assert 40 <= style.tempo_bpm[0] <= style.tempo_bpm[1] <= 240
    assert any(track.role == "bass" or track.rooted for track in style.tracks)
    assert len({track.name for track in style.tracks}) == len(style.tracks) <= 15
    for track in [*style.tracks, *([style.drums] if style.drums else [])]:
        controls = (
            track.program,
            track.volume,
            track.pan,
            track.reverb,
            track.chorus,
            track.velocity,
        )
        assert all(0 <= value <= 127 for value in controls)
        assert 0 <= track.enters <= 1


def notes_of(cell: str) -> int:
    """Notes that a pattern's character strikes, a chord counted as three."""
    return 0 if cell in "-." else 3 if cell in "Xxoh" else 1


@pytest.mark.parametrize("name", style_names())
def test_levels_grow_busier(name: str) -> None:
    for track in (track for track in load_style(name).tracks if track.role != "lead"):
        struck = [min(sum(map(notes_of, bar)) for bar in level) for level in track.levels]
        assert struck == sorted(struck), track.name


def onsets(style: Style) -> set[str]:
    """Onset patterns of all levels of harmony and bass."""
    return {
        "".join("." if cell in "-." else "x" for cell in bar)
        for track in style.tracks
        if track.role in ("harmony", "bass")
        for level in track.levels
        for bar in level
    }


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(sorted(PROMISED), 2)))
def test_styles_differ_in_three_ways(one: str, other: str) -> None:
    """Metre or swing, instruments, drum patterns, patterns of harmony and bass, form, families of
    tunes, range of tempo.
    """
    first, second = load_style(one), load_style(other)
    programs = [{(t.role, t.program) for t in style.tracks} for style in (first, second)]
    kits = [str(style.drums.levels) if style.drums else "" for style in (first, second)]
    families = [{t.family for t in style.tracks if t.role == "lead"} for style in (first, second)]
    shared = len(onsets(first) & onsets(second)) / min(len(onsets(first)), len(onsets(second)))
    low, high = (f(first.tempo_bpm[i], second.tempo_bpm[i]) for i, f in ((0, max), (1, min)))
    widths = min(high - low for low, high in (first.tempo_bpm, second.tempo_bpm))
    different = [
        (first.metre, first.swing, first.swing_unit)
        != (second.metre, second.swing, second.swing_unit),
        len(programs[0] & programs[1]) <= 0.5 * min(map(len, programs)),
        kits[0] != kits[1],
        shared <= 0.6,
        first.form != second.form,
        families[0] != families[1],
        high - low < 0.5 * max(widths, 1.0),
    ]
    assert sum(different) >= 3


def test_blanks_and_bars_are_for_the_eye() -> None:
    assert parse_style("test", STYLE).tracks[0].levels == (("X-------x-------",),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("X--- ----", "X--- ---", "15 sixteenths, not 16"),
        ('about = "A test."', 'about = "A test."\nmetre = "3/4"', "16 sixteenths, not 12"),
        ('about = "A test."', 'about = "A test."\nmetre = "5/4"', "metre '5/4' is unknown"),
        ('about = "A test."', 'about = "A test."\nform = "rondo"', "form 'rondo' is none of auto"),
        ('role = "harmony"', 'role = "lead"\nfamily = "odd"', "family 'odd' is none of lyrical"),
        ("X---", "q---", "has 'q', which harmony does not know"),
        ('"harmony"', '"drone"', "role 'drone' is none of"),
        ("highest = 76", "highest = 60", "less than an octave"),
        ("program = 0", "programme = 0", "test: .*program"),
        ("about =", "about ", "test: "),
        ("tempo_bpm = [80, 120]", "", "tempo_bpm"),
        ('[["X--- ---- | x--- ----"]]', "[]", "without a pattern"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        parse_style("test", STYLE.replace(old, new))


def test_an_unknown_drum_is_refused() -> None:
    drums = '[drums]\nlevels = [[{ gong = "X..............." }]]\nfills = []\n'
    with pytest.raises(GenerationError, match="drum 'gong' is none of kick"):
        parse_style("test", STYLE + drums)


def test_an_unknown_style_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        GenerationError, match="style 'polka': there is none; choose one of ambient, amt, band"
    ):
        load_style("polka")
