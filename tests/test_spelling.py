"""People read chords and keys spelled by their key; the published `.lab` keeps sharps."""

import io
from pathlib import Path

import mido
import pytest

from dashboard.components.music import chord_name, key_name
from dashboard.pages.jobs.generate_form import KEYS
from dashboard.pages.jobs.generate_form import _auto as offered
from tests.arrange.songs import song
from tests.dataset.test_own_features import write_song, write_splits
from vmt import chords
from vmt.arrange.midi import midi_bytes
from vmt.jobs.dataset.freeze import import_muvi_sync
from vmt.store import LocalStore

EVERY_KEY = [chords.Key(tonic, minor) for minor in (False, True) for tonic in range(12)]


@pytest.mark.parametrize(
    ("key", "signature", "symbols"),
    [
        ("D# major", "Eb", {"Eb", "Ab", "Bb:7"}),
        ("D# minor", "Ebm", {"Eb", "Ab", "Bb:7"}),
        ("E major", "E", {"D#", "G#"}),
    ],
)
def test_texts_of_a_midi_file(key: str, signature: str, symbols: set[str]) -> None:
    written = midi_bytes(song("D# G# A#:7 D# " * 4, key=key).arranged("piano"))
    messages = [
        message
        for track in mido.MidiFile(file=io.BytesIO(written)).tracks
        for message in track
        if message.is_meta
    ]
    assert [message.key for message in messages if message.type == "key_signature"] == [signature]
    names = {message.text for message in messages if message.type == "text"}
    assert symbols <= names
    if signature.startswith("Eb"):
        assert not [name for name in names if "#" in name]


@pytest.mark.parametrize("key", EVERY_KEY, ids=str)
def test_signatures_of_midi_files_and_pages_agree_and_are_read(key: chords.Key) -> None:
    written = midi_bytes(song("C F G C", key=str(key)).arranged("piano"))
    (signature,) = (
        message.key
        for track in mido.MidiFile(file=io.BytesIO(written)).tracks
        for message in track
        if message.type == "key_signature"
    )
    assert chords.spell(chords.parse_key(signature)) == chords.spell(key)
    assert chords.spell(key).split()[0] == signature.removesuffix("m")
    assert (key_name(key) or "").startswith(signature.removesuffix("m"))


def test_the_page() -> None:
    key = chords.parse_key("D# major")
    assert [chord_name(label, key) for label in ("D#", "G#:maj7", "A#:7")] == [
        "Eb",
        "Abmaj7",
        "Bb7",
    ]
    assert key_name("D# major") == "Eb major"
    shown = [offered(key) for key in KEYS]
    assert "Eb major" in shown
    assert not [name for name in shown if name.startswith(("D#", "A#"))]


def test_the_report_of_an_import(tmp_path: Path) -> None:
    chord = "key D# major\n" + "".join(f"{second} D#\n" for second in range(12))
    for name in ("001", "002", "003"):
        write_song(tmp_path / "in", name, chord=chord)
    write_splits(tmp_path / "in", ["001"], ["002"], ["003"])
    report = import_muvi_sync(LocalStore(tmp_path / "store"), tmp_path / "in")
    assert any("all songs: key: Eb major" in warning for warning in report.warnings)


def test_the_published_lab_keeps_the_sharps_of_amt() -> None:
    lab = chords.format_lab(["D#", "A#:7"], chords.parse_key("Eb major"))
    assert lab == "key D# major\n0 D#\n1 A#:7\n"
