import pytest
import torch
from torch.nn import functional as F

from vmt.model.distance_attention import distance_attention, distance_bias


def inputs(length: int) -> list[torch.Tensor]:
    torch.manual_seed(length)
    parts = [torch.randn(3, 2, length, 8, dtype=torch.float64) for _ in range(3)]
    return [part.requires_grad_() for part in [*parts, torch.tensor([0.4, 0.02]).double()]]


def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    bias = distance_bias(slope, 0, q.shape[2])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


@pytest.mark.parametrize("length", [1, 2, 63, 130, 257])
def test_it_is_plain_attention_with_its_gradients(length: int) -> None:
    # Scores are kept in float32, so double inputs agree to float32's rounding.
    ours, expected = inputs(length), inputs(length)
    out, reference = distance_attention(*ours), plain(*expected)
    torch.testing.assert_close(out, reference, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(out)
    gradients = torch.autograd.grad((out * weight).sum(), ours)
    wanted = torch.autograd.grad((reference * weight).sum(), expected)
    for gradient, target in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, target, atol=1e-4, rtol=1e-4)


def test_no_query_sees_a_later_key() -> None:
    q, k, v, slope = inputs(200)
    before = distance_attention(q, k, v, slope)[:, :, :100]
    changed = v.detach().clone()
    changed[:, :, 100:] = 1e3
    assert torch.equal(before, distance_attention(q, k, changed, slope)[:, :, :100])
