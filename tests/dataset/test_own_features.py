"""Features that people made themselves: read, or refused with song, field and row."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vmt import chords
from vmt.dataset import muvi_sync
from vmt.errors import DatasetError
from vmt.jobs.dataset.freeze import import_muvi_sync
from vmt.store import LocalStore

SECONDS = 12
CLASSES = " ".join(f"{name}_prob" for name in chords.EMOTIONS)


def write_song(folder: Path, song: str, seed: int = 0, width: int = 16, **changed: str) -> None:
    """A song of sound values; `changed` replaces a field's text."""
    random = np.random.default_rng(seed)
    path = folder / f"vevo_semantic/all/2d/clip_l14p/{song}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, random.normal(size=(SECONDS, width)).astype(np.float32))
    shares = random.dirichlet(np.ones(6), SECONDS)
    key = "G major" if seed % 2 else "C major"
    texts = {
        "emotion": f"time {CLASSES}\n" + rows(" ".join(f"{x:.4f}" for x in row) for row in shares),
        "scene_offset": rows(str(second % 5) for second in range(SECONDS)),
        "motion": rows(f"{value:.3f}" for value in random.random(SECONDS) * 9),
        "loudness": rows(f"{value:.3f}" for value in random.random(SECONDS)),
        "note_density": rows(str(value) for value in random.integers(0, 9, SECONDS)),
        "chord": f"key {key}\n"
        + rows(["C", "G", "A:min", "F"][second % 4] for second in range(SECONDS)),
    } | changed
    places = {
        "emotion": "vevo_emotion/6c_l14p",
        "chord": "vevo_chord/lab_v2",
        **{name: f"vevo_{name}" for name in ("scene_offset", "motion", "loudness", "note_density")},
    }
    for field, text in texts.items():
        place = folder / places[field] / "all" / f"{song}.lab"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def rows(values: object) -> str:
    return "".join(f"{second} {value}\n" for second, value in enumerate(values))  # type: ignore[arg-type]


def write_splits(folder: Path, *lists: Sequence[str], end: str = "\n") -> None:
    for name, songs in zip(("train", "val", "test"), lists, strict=True):
        path = folder / f"vevo_meta/split/v1/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((end.join(songs) + end).encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(1, 5):
        write_song(tmp_path, f"{number:03d}", number)
    write_splits(tmp_path, ["001", "002"], ["003"], ["004"])
    return tmp_path


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("loudness", rows(["-inf"] + ["0.5"] * 11), "loudness, row 0: -inf is no value"),
        ("note_density", rows(["3"] * 4 + ["nan"] + ["3"] * 7), "note_density, row 4: nan is no"),
        ("motion", rows(["3", "900"] + ["3"] * 10), "motion, row 1: 900 must be 0 to 255"),
        ("loudness", rows(["0.5", "-1"] + ["0.5"] * 10), "loudness, row 1: -1 must be 0 to 100"),
        ("chord", "key C major\n" + rows(["C"] * 7), "chord: 7 rows, and another field has 12"),
        ("chord", rows(["C"] * 12), "chord: has no key line"),
        ("chord", "key C major\n" + rows(["H"] * 12), "chord, line 2: chord 'H' is not a chord"),
        ("emotion", rows(["0 0 0 0 0 0"] * 12), "emotion, row 0: "),
        ("emotion", "time a b\n" + rows(["0.5 0.5"] * 12), "2 classes, of which VMT knows none"),
        ("motion", rows(["1 2"] * 12), "motion: 3 columns and must have 2"),
        ("motion", "no numbers", "motion: must have rows"),
    ],
)
def test_what_is_no_value_is_refused(folder: Path, field: str, text: str, said: str) -> None:
    write_song(folder, "002", 2, **{field: text})
    report = import_muvi_sync(LocalStore(folder / "store"), folder)
    assert report.songs == 3
    (problem,) = report.problems
    assert problem.startswith("song 002: ")
    assert said in problem


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((12, 1, 16), np.float32), "semantic: has 3 axes and must have 2"),
        (np.full((12, 16), np.nan, np.float32), "semantic, row 0: nan is no value"),
        (np.zeros((12, 8), np.float32), "semantic: 8 columns, and other songs have 16"),
        (np.array([["a"] * 16] * 12), "its semantic .npy is damaged"),
    ],
)
def test_semantic_arrays_are_checked(folder: Path, array: np.ndarray, said: str) -> None:
    np.save(folder / "vevo_semantic/all/2d/clip_l14p/002.npy", array)
    report = import_muvi_sync(LocalStore(folder / "store"), folder)
    assert report.songs == 3
    assert said in report.problems[0]


def test_widths_that_nobody_can_choose_from_are_refused(folder: Path) -> None:
    for number in (1, 2):
        write_song(folder, f"{number:03d}", number, width=8)
    with pytest.raises(DatasetError, match="semantic: widths 8, 16 are mixed; import features of"):
        import_muvi_sync(LocalStore(folder / "store"), folder)


def test_the_layout_that_the_first_users_write(folder: Path) -> None:
    """Only normalised chords, file names as ids, Windows' line ends, and other emotion classes."""
    (folder / "vevo_chord/lab_v2").rename(folder / "vevo_chord/lab_v2_norm")
    (folder / "vevo_emotion/6c_l14p").rename(folder / "vevo_emotion/4c_own")
    for number in range(1, 5):
        text = "time sad_prob tense_prob joyful_prob exciting_prob\n" + rows(["1 0 2 1"] * 12)
        text = text.replace("1 0 2 1", "0.25 0 0.5 0.25")
        (folder / f"vevo_emotion/4c_own/all/{number:03d}.lab").write_text(text)
    write_splits(folder, ["001.mp4", "002.mp4"], ["003.mp4"], ["004.mp4"], end="\r\n")
    report = import_muvi_sync(LocalStore(folder / "store"), folder)
    assert (report.songs, report.problems) == (4, ())
    features = muvi_sync.read_song(folder, "001")
    exciting, sad = (chords.EMOTIONS.index(name) for name in ("exciting", "sad"))
    assert features.emotion[0, exciting] == features.emotion[0, sad] == pytest.approx(0.5)


def test_a_byte_order_mark_and_a_name_with_blanks(folder: Path) -> None:
    write_song(folder, "my song 1", 1, chord="\ufeffkey Db major\n" + rows(["Db:7", "Bbm7"] * 6))
    write_splits(folder, ["001", "my song 1"], ["003"], ["004"])
    report = import_muvi_sync(LocalStore(folder / "store"), folder)
    assert (report.songs, report.problems) == (4, ())
    assert muvi_sync.read_song(folder, "my song 1").chord[:2] == ("C#:7", "A#:min7")  # type: ignore[index]


def test_what_makes_training_meaningless_is_told_and_kept(folder: Path) -> None:
    store = LocalStore(folder / "store")
    write_song(
        folder,
        "001",
        2,
        chord="key C major\n" + rows(["N"] * 12),
        loudness=rows(["0.5"] * 12),
        note_density=rows(["3"] * 12),
    )
    write_song(folder, "003", 2)
    write_splits(folder, ["001", "002"], ["002", "003"], ["004"])
    report = import_muvi_sync(store, folder)
    told = "\n".join(report.warnings)
    for said in (
        "song 001: chord: all N",
        "song 001: loudness: 0.5 in every second",
        "song 001: note_density: 3 in every second",
        "song 002: in several splits; it is validation now",
        "all songs: key: C major",
    ):
        assert said in told
    name, _, version = report.dataset.partition("@")
    stored = json.loads(store.get(f"datasets/{name}/{version}/import.json"))
    assert stored["warnings"] == list(report.warnings)
