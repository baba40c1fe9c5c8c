"""Styles as files."""

import pytest

from vmt.arrange.styles import load_style, parse_style, style_names
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


def test_the_promised_styles_are_there() -> None:
    assert set(style_names()) >= {"piano", "band", "orchestra", "electronic", "lofi", "amt"}


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


@pytest.mark.parametrize("name", style_names())
def test_levels_grow_busier(name: str) -> None:
    for track in load_style(name).tracks:
        strokes = [
            min(sum(each not in "-." for each in bar) for bar in level) for level in track.levels
        ]
        assert strokes == sorted(strokes), track.name


def test_blanks_and_bars_are_for_the_eye() -> None:
    assert parse_style("test", STYLE).tracks[0].levels == (("X-------x-------",),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("X--- ----", "X--- ---", "15 sixteenths, not 16"),
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
        GenerationError, match="style 'polka': there is none; choose one of amt, band"
    ):
        load_style("polka")
