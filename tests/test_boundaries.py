"""Foreign parsers behind their boundaries: whatever they trip over, VMT says which file and why.

Each boundary is given damaged files of its kind: cut, with flipped bytes, and noise.
"""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import ffmpeg
from vmt import chords, media
from vmt.arrange.styles import BUILT_IN as STYLES
from vmt.arrange.styles import parse_style
from vmt.errors import AnnotationError, VmtError
from vmt.features.midi import read_midi
from vmt.features.record import Features
from vmt.jobs.soundtrack.inputs import read_emotions, read_record
from vmt.model.presets import BUILT_IN as PRESETS
from vmt.model.presets import parse_preset

KEY_SIGNATURE = bytes.fromhex("ff5902")


def midi() -> bytes:
    song = pretty_midi.PrettyMIDI()
    song.instruments.append(pretty_midi.Instrument(0))
    song.instruments[0].notes.append(pretty_midi.Note(90, 60, 0.0, 1.0))
    song.key_signature_changes.append(pretty_midi.KeySignature(3, 0.0))
    data = io.BytesIO()
    song.write(data)
    return data.getvalue()


MIDI = midi()
damage = st.tuples(
    st.integers(0, 10_000), st.integers(1, 255), st.integers(0, 10_000), st.binary(max_size=40)
)


def damaged(data: bytes, how: tuple[int, int, int, bytes]) -> bytes:
    """Some bytes flipped, the end cut or noise behind it."""
    place, flip, cut, noise = how
    broken = bytearray(data)
    for step in range(3):
        broken[(place * (step + 1)) % len(broken)] ^= flip
    return bytes(broken[: max(1, cut % (2 * len(broken)))]) + noise


@settings(max_examples=60)
@given(damage)
def test_midi(how: tuple[int, int, int, bytes]) -> None:
    try:
        read_midi(damaged(MIDI, how), "b.mid")
    except AnnotationError as error:
        assert str(error).startswith("b.mid: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("signature", [b"\x09\x00", b"\x00\x05", b"\xf0\x01"])
def test_a_key_signature_that_does_not_exist_is_left_out(signature: bytes) -> None:
    place = MIDI.index(KEY_SIGNATURE) + 3
    song = read_midi(MIDI[:place] + signature + MIDI[place + 2 :], "b.mid")
    assert [note.pitch for note in song.instruments[0].notes] == [60]


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_lab(data: bytes) -> None:
    try:
        chords.parse_lab(chords.lab_text(data, "a.lab"), "a.lab")
    except AnnotationError as error:
        assert str(error).startswith("a.lab")  # noqa: PT017


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_csv_and_json(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("in") / "a.csv"
    path.write_bytes(data)
    for read in (read_emotions, read_record):
        with_vmts_error(lambda read=read: read(path))  # type: ignore[misc]


def with_vmts_error(call: Callable[[], object]) -> None:
    try:
        call()
    except VmtError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert "parameter" not in str(error), "a type check of the tests, not VMT's"  # noqa: PT017


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "1" * 10_000, "\x00", '"\\ud800"', "nan"]
)
def test_json_that_python_chokes_on(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(VmtError, match=r"a\.json: is (?!an? )"):
        read_record(path)


def test_a_csv_with_a_field_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("emotion\n" + '"' + "x" * 200_000)
    with pytest.raises(VmtError, match=r"a\.csv"):
        read_emotions(path)


TOML: tuple[tuple[Callable[[str, str], object], str], ...] = (
    (parse_style, "style"),
    (parse_preset, "preset"),
)
VALUES = ("-1", "0", "1" * 400, "1e400", "nan", "true", '""', '"x"', "[]", "[[1]]", "{a = 1}")
DAMAGE = st.tuples(st.integers(0, 1000), st.sampled_from((*VALUES, "1979-05-27", "[", "\x00")))


@cache
def built_in(parse: object) -> list[str]:
    source = STYLES if parse is parse_style else PRESETS
    return [source.read(name) or "" for name in source.names()]


@pytest.mark.parametrize(("parse", "kind"), TOML)
@settings(max_examples=40)
@given(st.text(max_size=120))
def test_toml(parse: Callable[[str, str], object], kind: str, text: str) -> None:
    with_vmts_error(lambda: parse("mine", text))


@pytest.mark.parametrize(("parse", "kind"), TOML)
@settings(max_examples=50)
@given(st.integers(0, 1000), st.lists(DAMAGE, min_size=1, max_size=3))
def test_toml_with_values_of_other_kinds(
    parse: Callable[[str, str], object], kind: str, which: int, damages: list[tuple[int, str]]
) -> None:
    lines = built_in(parse)[which % len(built_in(parse))].splitlines()
    for place, value in damages:
        line = place % len(lines)
        name, equals, _ = lines[line].partition("=")
        lines[line] = f"{name}{equals} {value}"
    with_vmts_error(lambda: parse("mine", "\n".join(lines)))


@pytest.mark.parametrize(("parse", "kind"), TOML)
@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "{b=" * 50_000, "a = " + "1" * 10_000, "\x00", "a"]
)
def test_toml_that_python_chokes_on(
    parse: Callable[[str, str], object], kind: str, text: str
) -> None:
    with pytest.raises(VmtError, match=rf"^{kind} mine: not TOML \("):
        parse("mine", text)


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_features(data: bytes) -> None:
    with_vmts_error(lambda: Features.from_bytes(data))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    source = ("-f", "lavfi", "-i", "testsrc2=size=32x32:rate=5:duration=2")
    sound = ("-f", "lavfi", "-i", "sine=duration=2:sample_rate=8000")
    ffmpeg(*source, *sound, "-c:v", "libx264", "-c:a", "aac", path)
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(25))
def test_films(film: bytes, tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    broken = bytearray(film)
    for place in random.integers(0, len(broken), 12):
        broken[place] ^= int(random.integers(1, 256))
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(broken[: int(random.integers(len(broken) // 2, len(broken) + 1))]))
    with_vmts_error(lambda: media.probe(path))
    with_vmts_error(lambda: [frame.time_s for frame in media.frames(path)])
    with_vmts_error(lambda: media.sound(path, 8000))


def test_a_record_with_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([1, 2]))
    with pytest.raises(
        VmtError, match=r"a\.json: is \[1, 2\] and must be an object; give an <id>_cgen_rd\.json"
    ):
        read_record(path)
