"""MuVi-Sync in its published layout: made by hand, and the real one where it is at hand."""

import os
import shutil
from pathlib import Path

import pytest

from vmt import chords
from vmt.dataset import muvi_sync
from vmt.dataset.songs import song
from vmt.errors import DatasetError


def test_a_song(muvi_layout: Path) -> None:
    features = muvi_sync.read_song(muvi_layout, "001")
    assert features.seconds == 5
    assert features.chord == ("D:min",) * 5
    assert str(features.key) == "D minor"
    assert features.motion.tolist() == [0, 0.5, 1, 1.5, 2]
    assert features.semantic.shape == (5, 768)
    assert muvi_sync.split_lists(muvi_layout) == {
        "001": "train",
        "002": "train",
        "003": "validation",
        "004": "test",
    }


def test_what_is_missing_or_damaged_is_named(muvi_layout: Path) -> None:
    (muvi_layout / "vevo_motion/all/002.lab").unlink()
    assert muvi_sync.missing_files(muvi_layout, "002") == ["motion"]
    with pytest.raises(DatasetError, match=r"song 002: no vevo_motion/all/002\.lab"):
        muvi_sync.read_song(muvi_layout, "002")
    (muvi_layout / "vevo_chord/lab_v2/all/003.lab").write_text("key D minor\n0 H:min\n")
    with pytest.raises(DatasetError, match=r"song 003: .*line 2: chord 'H:min' is not a chord"):
        muvi_sync.read_song(muvi_layout, "003")
    (muvi_layout / "vevo_semantic/all/2d/clip_l14p/004.npy").write_bytes(b"no array")
    with pytest.raises(DatasetError, match=r"song 004: its semantic \.npy is damaged"):
        muvi_sync.read_song(muvi_layout, "004")
    shutil.rmtree(muvi_layout / "vevo_meta")
    with pytest.raises(DatasetError, match=r"no vevo_meta/split/v1/train\.txt"):
        muvi_sync.split_lists(muvi_layout)


@pytest.mark.data
def test_normalising_gives_the_published_normalised_chords() -> None:
    folder = Path(os.environ["VMT_TEST_DATA"]) / "muvi-sync-55/dataset"
    sides = muvi_sync.split_lists(folder)
    assert len(sides) == 55
    for name in sides:
        ours = song(name, muvi_sync.read_song(folder, name), 157)
        published = chords.parse_lab(
            (folder / f"vevo_chord/lab_v2_norm/all/{name}.lab").read_text(), name
        )
        assert published.key is not None
        assert ours.minor == published.key.minor
        assert ours.tokens.tolist() == chords.tokens(published.labels)[: ours.seconds].tolist()
