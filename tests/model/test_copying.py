import dataclasses

import numpy as np
import pytest
import torch

from vmt import chords
from vmt.model.architectures import build
from vmt.model.chord_model import begin
from vmt.model.config import CopyConfig
from vmt.model.copying import CopyTransformer
from vmt.model.presets import load_preset

SMALL = CopyConfig(
    d_semantic=4, n_layers=2, n_heads=2, d_model=16, d_feedforward=32, dropout=0.2, max_seconds=40
)


def make() -> CopyTransformer:
    torch.manual_seed(0)
    model = CopyTransformer(SMALL).eval()
    for parameter in model.parameters():  # away from the zeros that training starts from
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def inputs(songs: int = 2, seconds: int = 30) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    tokens = torch.randint(0, 8, (songs, seconds)).repeat_interleave(2, 1)[:, :seconds]
    return torch.randn(songs, seconds, SMALL.d_video), tokens, torch.tensor([0.0, 1.0])[:songs]


@torch.inference_mode()
def test_where_moments_are_known_logits_are_log_probabilities_raised_by_a_level() -> None:
    model = make()
    logits = model(*inputs())
    assert logits.shape == (2, 30, chords.VOCABULARY_SIZE)
    sums = (logits - model.level).exp().sum(-1)[:, 10:]
    torch.testing.assert_close(
        sums, torch.full_like(sums, 1 + chords.VOCABULARY_SIZE * 1e-6), atol=1e-4, rtol=0
    )


@torch.inference_mode()
def test_a_chord_depends_on_none_after_it() -> None:
    model = make()
    video, tokens, minor = inputs()
    other = tokens.clone()
    other[:, 20:] = 9
    torch.testing.assert_close(
        model(video, tokens, minor)[:, :20], model(video, other, minor)[:, :20]
    )


@torch.inference_mode()
def test_written_chord_by_chord_it_says_what_it_says_at_once() -> None:
    model = make()
    video, tokens, minor = inputs()
    lengths = torch.tensor([30, 24])
    whole = model(video, tokens, minor, lengths)
    writing = begin(model, video, minor, lengths, 30)
    torch.testing.assert_close(writing.prefill(tokens[:, :3]), whole[:, 2], atol=1e-5, rtol=0)
    for second in range(3, 30):
        torch.testing.assert_close(
            writing.step(tokens[:, second]), whole[:, second], atol=1e-5, rtol=0
        )


@torch.inference_mode()
def test_a_batch_is_its_songs_alone() -> None:
    model = make()
    video, tokens, minor = inputs()
    both = model(video, tokens, minor)
    for row in range(2):
        alone = model(video[row : row + 1], tokens[row : row + 1], minor[row : row + 1])
        torch.testing.assert_close(both[row], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_picture_and_the_end_of_the_video_are_seen() -> None:
    model = make()
    video, tokens, minor = inputs(1)
    there = model(video, tokens, minor)
    assert not torch.allclose(there, model(video.flip(1), tokens, minor))
    longer = model(video, tokens, minor, torch.tensor([60]))
    assert torch.allclose(there[:, :14], longer[:, :14])
    assert not torch.allclose(there[:, 20:], longer[:, 20:])


def test_it_starts_from_the_bigram_of_its_songs() -> None:
    model = CopyTransformer(SMALL).eval()
    model.set_bigram([np.array([0, 0, 13, 13, 0, 0, 13, 13])])
    assert model.bigram[0, 13] > model.bigram[0, 26]
    assert model.bigram[0, :13].exp().sum() < 1


def test_size_follows_the_hours_of_song() -> None:
    hours_of_song = (0, 3, 43, 700, 100_000)
    shapes = {hours: CopyConfig.for_seconds(768, hours * 3600) for hours in hours_of_song}
    assert [each.d_model for each in shapes.values()] == [32, 64, 128, 256, 512]
    assert [each.n_layers for each in shapes.values()] == [1, 2, 3, 4, 5]
    assert [each.dropout for each in shapes.values()] == [0.3, 0.2, 0.1, 0.05, 0.03]
    assert load_preset("vmt").shape(512, 3 * 3600) == dataclasses.replace(shapes[3], d_semantic=512)


@pytest.mark.parametrize("name", ["vmt", "demo", "amt"])
def test_every_preset_can_be_built(name: str) -> None:
    shape = load_preset(name).shape(768, 100)
    with torch.device("meta"):
        assert build(shape).n_parameters > 1000
