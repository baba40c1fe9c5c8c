"""The transformer: its size, causality, masks and cache."""

from dataclasses import replace

import pytest
import torch

from vmt.errors import TrainingError
from vmt.model.config import ModelConfig
from vmt.model.presets import load_preset
from vmt.model.transformer import VideoMusicTransformer

SMALL = ModelConfig(
    d_semantic=4,
    n_layers=2,
    n_heads=2,
    d_model=16,
    d_feedforward=32,
    max_seconds=12,
    mask_padding=True,
)


def make(config: ModelConfig = SMALL) -> VideoMusicTransformer:
    torch.manual_seed(0)
    return VideoMusicTransformer(config).eval()


def test_full_size() -> None:
    model = VideoMusicTransformer(ModelConfig())
    assert model.n_parameters == 32_517_310
    assert (
        sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
        == 131_298_040
    )


@pytest.mark.parametrize("relative", [True, False])
@torch.inference_mode()
def test_the_future_is_not_seen(relative: bool) -> None:
    model = make(replace(SMALL, relative_positions=relative))
    video, tokens, minor = torch.randn(1, 12, 12), torch.randint(0, 157, (1, 12)), torch.zeros(1)
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 157
    before, after = model(video, tokens, minor), model(video, changed, minor)
    torch.testing.assert_close(before[:, :7], after[:, :7], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, 7], after[:, 7])


@torch.inference_mode()
def test_padding_changes_nothing_where_it_is_masked() -> None:
    model = make()
    video, tokens, minor = torch.randn(1, 7, 12), torch.randint(0, 157, (1, 7)), torch.ones(1)
    padded = torch.cat([video, torch.randn(1, 5, 12)], dim=1)
    longer = torch.cat([tokens, torch.full((1, 5), 158)], dim=1)
    alone = model(video, tokens, minor, torch.tensor([7]))
    torch.testing.assert_close(
        model(padded, longer, minor, torch.tensor([7]))[:, :7], alone, atol=1e-5, rtol=0
    )


@torch.inference_mode()
def test_cached_equals_uncached_in_a_batch_of_unequal_lengths() -> None:
    model = make()
    video, tokens = torch.randn(3, 12, 12), torch.randint(0, 157, (3, 12))
    minor, lengths = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([12, 5, 9])
    whole = model(video, tokens, minor, lengths)
    cache = model.start(video, minor, lengths)
    steps = torch.stack([model.step(tokens[:, position], cache) for position in range(12)], dim=1)
    torch.testing.assert_close(steps, whole, atol=1e-5, rtol=0)


def test_relative_scores_are_those_of_the_definition() -> None:
    attention = make().transformer.decoder.layers[0].self_attn
    q = torch.randn(1, 2, 5, 8)
    found = attention.relative_scores(q)
    for i in range(5):
        for j in range(i + 1):
            expected = (q[0, :, i] * 8**-0.5) @ attention.Er[12 - 1 - (i - j)]
            torch.testing.assert_close(found[0, :, i, j], expected)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(TrainingError, match="d_model 10 must be even and a multiple of n_heads 4"):
        ModelConfig(d_model=10, n_heads=4)
    with pytest.raises(
        TrainingError, match="preset amt takes 768 semantic features and the dataset has 512"
    ):
        load_preset("amt").shape(512)
    with pytest.raises(TrainingError, match="preset 'huge' is unknown; known: amt, demo, vmt"):
        load_preset("huge")
