"""Attention with dropout, whose backward is written by hand, against the same written plainly and left to autograd."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vmt.model.dropout import thinning
from vmt.model.thinned import skewed, thinned_attention

FUTURE = torch.full((9, 9), -math.inf).triu(1)[None, None]
SOME = torch.tensor([0.0, 0.0, -math.inf, 0.0, 0.0, 0.0, -math.inf]).view(1, 1, 1, 7).repeat(2, 1, 1, 1)


def plain(q: Tensor, k: Tensor, v: Tensor, p: float, table: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if table is not None:
        length = q.shape[2]
        distance = (torch.arange(length)[:, None] - torch.arange(length)).clamp(min=0)
        scores = scores + torch.einsum("bhie,ije->bhij", q * q.shape[-1] ** -0.5, table[length - 1 - distance])
    weights = (scores if bias is None else scores + bias).softmax(-1)
    return (weights * thinning(weights.flatten(0, 1), p).view(weights.shape)) @ v


@pytest.mark.parametrize("p", [0.4, 1e-9])
@pytest.mark.parametrize(
    ("source", "bias", "relative"),
    [(7, None, False), (7, SOME, False), (9, FUTURE, False), (9, FUTURE, True)],
    ids=["all", "some", "causal", "relative"],
)
def test_values_and_gradients(source: int, bias: Tensor | None, relative: bool, p: float) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, size, 3, 4).transpose(1, 2).requires_grad_() for size in (9, source, source))
    inputs = [q, k, v, *([torch.randn(9, 4, requires_grad=True)] if relative else [])]
    wanted = torch.randn(2, 3, 9, 4)
    found = []
    for way in (plain, thinned_attention):
        torch.manual_seed(1)
        out = way(q, k, v, p, table=inputs[3] if relative else None, bias=bias)
        found.append([out, *torch.autograd.grad(out, inputs, wanted)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_heads_in_parts_are_the_heads() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 5, 300, 8, requires_grad=True) for _ in range(3))  # two heads a part, then one
    ways = [thinned_attention(q, k, v, 1e-9), F.scaled_dot_product_attention(q, k, v)]
    one, other = ([out, *torch.autograd.grad(out.square().sum(), (q, k, v))] for out in ways)
    for each, same in zip(one, other, strict=True):
        torch.testing.assert_close(each, same, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_near() -> None:
    torch.manual_seed(0)
    q, k, v, table = (torch.randn(*shape, requires_grad=True) for shape in [(1, 2, 9, 4)] * 3 + [(9, 4)])
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        out = thinned_attention(
            *(each.to(dtype) for each in (q, k, v)), 0.1, table=table.to(dtype), bias=FUTURE.to(dtype)
        )
        assert out.dtype == dtype
        found.append([out.float(), *torch.autograd.grad(out.float().square().sum(), (q, k, v, table))])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() < 0.03 * one.norm()


def test_skewing() -> None:
    by_distance = torch.randn(2, 3, 5, 5)
    found = skewed(by_distance)
    for i in range(5):
        for j in range(i + 1):
            assert torch.equal(found[..., i, j], by_distance[..., i, 4 - (i - j)])
