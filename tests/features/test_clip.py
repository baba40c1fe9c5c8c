import logging
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import open_clip
import open_clip.pretrained
import pytest
import safetensors.torch
import torch
from PIL import Image

from vmt import chords
from vmt.errors import WeightsError
from vmt.features import clip_weights
from vmt.features.clip import Clip
from vmt.features.logging_filter import quiet_root_logger


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    y, x = np.mgrid[:90, :160]
    waves = [
        np.stack([np.sin(x / (3 + i)) * 127 + 128, (y * (i + 2)) % 256, x * y // (i + 1) % 256], -1)
        for i in range(6)
    ]
    return [wave.astype(np.uint8) for wave in waves]


def reference(model: str, seed: int, **settings: Any) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]), quiet_root_logger("open_clip"):
        torch.manual_seed(seed)
        return open_clip.create_model(model, **settings).eval()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The hub's own offline mode, with an empty cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def test_embedding_and_softmax_are_those_of_the_whole_model(
    tiny_clip: str, pictures: list[np.ndarray]
) -> None:
    clip = Clip(tiny_clip, "untrained:3", chords.EMOTIONS, precision="float32")
    whole: Any = reference(tiny_clip, 3)
    transform = open_clip.image_transform(
        32, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD
    )
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
        image, text, scale = whole(batch, open_clip.get_tokenizer(tiny_clip)(list(chords.EMOTIONS)))
        raw = whole.encode_image(batch)
    embedding, fitting = clip.embed([clip.prepare(picture) for picture in pictures])
    np.testing.assert_allclose(embedding, raw.numpy(), atol=1e-5)
    np.testing.assert_allclose(fitting, (scale * image @ text.T).softmax(-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(fitting.sum(1), 1, atol=1e-6)
    assert clip.dimension == embedding.shape[1] == 16
    assert not np.allclose(np.linalg.norm(embedding, axis=1), 1)


def test_a_batch_equals_its_frames_one_by_one(tiny_clip: str, pictures: list[np.ndarray]) -> None:
    clip = Clip(tiny_clip, "untrained:0", chords.EMOTIONS, precision="float32")
    prepared = [clip.prepare(picture) for picture in pictures]
    together = clip.embed(prepared)
    alone = [clip.embed([each]) for each in prepared]
    np.testing.assert_allclose(
        together[0], np.concatenate([a for a, _ in alone]), atol=1e-5
    )  # sums in another order
    np.testing.assert_allclose(together[1], np.concatenate([b for _, b in alone]), atol=1e-5)


def test_bfloat16_embeddings_keep_their_direction(pictures: list[np.ndarray]) -> None:
    exact, fast = (
        Clip("ViT-B-32", "untrained:0", chords.EMOTIONS, precision=p)
        for p in ("float32", "bfloat16")
    )
    prepared = [exact.prepare(picture) for picture in pictures[:4]]
    a, b = (torch.from_numpy(clip.embed(prepared)[0]) for clip in (exact, fast))
    assert torch.cosine_similarity(a, b).min() >= 0.999
    assert (
        torch.cosine_similarity(a[:1], a[1:]) < 0.99
    ).all()  # or the line above would say nothing


def test_the_seed_decides_untrained_weights_and_nothing_else_does(
    tiny_clip: str, pictures: list[np.ndarray]
) -> None:
    state = torch.get_rng_state()
    found = []
    for seed in (0, 0, 1):
        clip = Clip(tiny_clip, f"untrained:{seed}", chords.EMOTIONS, precision="float32")
        found.append(clip.embed([clip.prepare(pictures[0])])[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])
    assert torch.equal(state, torch.get_rng_state())


def test_prompts_decide_the_softmax_alone(tiny_clip: str, pictures: list[np.ndarray]) -> None:
    plain, asked = (
        Clip(tiny_clip, "untrained:0", prompts, precision="float32")
        for prompts in (chords.EMOTIONS, [f"a {word} film" for word in chords.EMOTIONS])
    )
    a, b = (clip.embed([clip.prepare(pictures[0])]) for clip in (plain, asked))
    np.testing.assert_array_equal(a[0], b[0])
    assert not np.allclose(a[1], b[1])


def test_a_local_file_gives_the_weights_and_its_bytes_the_name(
    tiny_clip: str, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path, copy = tmp_path / "own.safetensors", tmp_path / "copy.safetensors"
    safetensors.torch.save_file(reference(tiny_clip, 5).state_dict(), path)
    copy.write_bytes(path.read_bytes())
    from_file, seeded = (
        Clip(tiny_clip, w, chords.EMOTIONS, precision="float32") for w in (str(path), "untrained:5")
    )
    a, b = (clip.embed([clip.prepare(pictures[0])]) for clip in (from_file, seeded))
    np.testing.assert_array_equal(a[0], b[0])
    identity = clip_weights.weights_identity(str(path))
    assert identity == clip_weights.weights_identity(str(copy))
    assert identity.startswith("file-")
    safetensors.torch.save_file(reference(tiny_clip, 6).state_dict(), copy)
    assert identity != clip_weights.weights_identity(str(copy))


def test_a_tag_trained_with_quickgelu_is_computed_with_it(
    tiny_clip: str, pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tagged.safetensors"
    whole: Any = reference(tiny_clip, 5, force_quick_gelu=True)
    safetensors.torch.save_file(whole.state_dict(), path)
    tags = {
        "quick": {"file": str(path), "quick_gelu": True, "mean": (0.5, 0.5, 0.5)},
        "slow": {"file": str(path), "quick_gelu": False},
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, tiny_clip, tags)
    quick, slow = (Clip(tiny_clip, tag, chords.EMOTIONS, precision="float32") for tag in tags)
    prepared = quick.prepare(pictures[0])
    with torch.inference_mode():
        np.testing.assert_allclose(
            quick.embed([prepared])[0], whole.encode_image(prepared[None]).numpy(), atol=1e-6
        )
    assert not np.allclose(quick.embed([prepared])[0], slow.embed([prepared])[0], atol=1e-4)
    assert not torch.equal(prepared, slow.prepare(pictures[0]))  # the tag's own mean


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


def test_weights_that_cannot_be_used_are_refused_in_a_line(
    tiny_clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Payload()}, tmp_path / "evil.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights at all")
    safetensors.torch.save_file({"visual.proj": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    for name in ("evil.pt", "broken.safetensors", "other.safetensors"):
        with pytest.raises(
            WeightsError, match=f"CLIP weights .*{name} do not load into {tiny_clip}"
        ) as error:
            Clip(tiny_clip, str(tmp_path / name), chords.EMOTIONS)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        ("ViT-B-32", "untrained:x", "write untrained:SEED with a whole number"),
        (
            "ViT-B-32",
            "no/such/file.pt",
            "CLIP weights no/such/file.pt: no such file; give an open_clip tag",
        ),
        (
            "ViT-B-32",
            "openia",
            r"CLIP model ViT-B-32 has no weights 'openia'; it has openai, laion400m_e31",
        ),
        ("ViT-B-33", "openai", "CLIP model 'ViT-B-33' is not one of open_clip's"),
        (
            "ViT-B-32",
            "openai",
            "ViT-B-32 openai: not in the cache and cannot be downloaded .*VMT_CLIP_WEIGHTS",
        ),
    ],
)
def test_missing_weights_say_what_to_do(
    offline: Path, model: str, weights: str, message: str
) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        Clip(model, weights, chords.EMOTIONS, cache_dir=offline)
    assert "\n" not in str(error.value)


def test_the_fallback_warns_once_and_only_when_asked(
    offline: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        clip_weights.resolve_weights("ViT-B-32", "openai", offline, fallback_untrained=False)
    assert caplog.messages == []
    assert (
        clip_weights.resolve_weights("ViT-B-32", "openai", offline, fallback_untrained=True)
        == "untrained:0"
    )
    (message,) = caplog.messages
    assert "UNTRAINED" in message
    with pytest.raises(WeightsError, match="not one of open_clip's"):
        clip_weights.resolve_weights("ViT-B-33", "openai", offline, fallback_untrained=True)


def test_building_leaves_logging_alone(tiny_clip: str, caplog: pytest.LogCaptureFixture) -> None:
    before = list(logging.getLogger().handlers), list(logging.getLogger().filters)
    Clip(tiny_clip, "untrained:0", chords.EMOTIONS)
    assert (list(logging.getLogger().handlers), list(logging.getLogger().filters)) == before
    assert caplog.messages == []
