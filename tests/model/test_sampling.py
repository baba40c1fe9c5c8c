"""Sampling chords: alone or side by side, one window or many."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vmt import chords
from vmt.model.architectures import build
from vmt.model.config import CopyConfig, ModelConfig
from vmt.model.sampling import Request, choose, sample_chords
from vmt.model.transformer import VideoMusicTransformer

CPU = torch.device("cpu")
SMALL = ModelConfig(
    d_semantic=4, n_layers=2, n_heads=2, d_model=16, d_feedforward=32, max_seconds=12
)
LENGTHS = (12, 1, 5, 30, 7, 31)


def make(config: ModelConfig) -> VideoMusicTransformer:
    torch.manual_seed(0)
    return VideoMusicTransformer(config).eval()


def make_requests() -> list[Request]:
    rng = np.random.default_rng(0)
    return [
        Request(
            rng.standard_normal((seconds, 12), dtype=np.float32),
            bool(number % 2),
            (1, 5) if number % 3 else (9,),
            (7, number),
            temperature=0.5 + number / 4,
        )
        for number, seconds in enumerate(LENGTHS)
    ]


@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("relative", [True, False])
def test_a_video_gets_the_same_chords_alone_as_in_a_batch(
    mask_padding: bool, relative: bool
) -> None:
    model = make(replace(SMALL, mask_padding=mask_padding, relative_positions=relative))
    requests = make_requests()
    together = sample_chords(model, requests, CPU)
    assert [len(each) for each in together] == list(LENGTHS)
    for request, found in zip(requests, together, strict=True):
        assert (found == sample_chords(model, [request], CPU)[0]).all()
        assert (found < chords.END).all()
        primer = request.primer[: request.seconds]
        assert tuple(found[: len(primer)]) == primer


def test_a_copying_model_writes_the_same_alone_as_in_a_batch() -> None:
    torch.manual_seed(0)
    model = build(
        CopyConfig(
            d_semantic=4, n_layers=2, n_heads=2, d_model=16, d_feedforward=32, max_seconds=12
        )
    ).eval()
    requests = make_requests()
    for request, found in zip(requests, sample_chords(model, requests, CPU), strict=True):
        assert len(found) == request.seconds
        assert (found == sample_chords(model, [request], CPU)[0]).all()


def test_a_chord_ends_as_often_as_the_model_says_and_the_rest_is_cut() -> None:
    likely = torch.full((1, chords.VOCABULARY_SIZE), 1e-9)
    likely[0, :4] = torch.tensor([0.90, 0.06, 0.03, 0.01])
    draws = torch.linspace(0, 0.9999, 2001)
    many = likely.log().expand(len(draws), -1)
    held, one, most = (torch.full((len(draws),), value) for value in (0, 1.0, 0.8))
    found = choose(many, held, one, most, draws)
    shares = [float((found == token).double().mean()) for token in range(4)]
    assert shares == pytest.approx([0.90, 0.0667, 0.0333, 0], abs=1e-3)


def test_each_video_has_a_seed_of_its_own() -> None:
    model, request = make(SMALL), make_requests()[3]
    one, again, other = sample_chords(model, [request, request, replace(request, seed=(8, 3))], CPU)
    assert (one == again).all()
    assert (one != other).any()


def test_the_cache_stays_where_it_is() -> None:
    model = make(SMALL)
    cache = model.start(torch.randn(2, 12, 12), torch.zeros(2))
    places = [[part.data_ptr() for part in vars(layer).values()] for layer in cache.layers]
    with torch.inference_mode():
        model.prefill(torch.tensor([[1], [2]]), cache)
        for token in range(11):
            model.step(torch.tensor([token, token]), cache)
    assert places == [[part.data_ptr() for part in vars(layer).values()] for layer in cache.layers]
