"""Attention with dropout, whose backward is written by hand, against the same written plainly and
left to autograd.
"""

import math

import pytest
import torch
from torch import Tensor

from vmt.model.dropout import dropout_factors
from vmt.model.dropout_attention import dropout_attention, skewed

SOME = (
    torch.tensor([0.0, 0.0, -math.inf, 0.0, 0.0, 0.0, -math.inf])
    .view(1, 1, 1, 7)
    .repeat(2, 1, 1, 1)
)


def plain(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    p: float,
    *,
    causal: bool,
    table: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if causal:
        bias = torch.full(scores.shape[2:], -math.inf).triu(1)
    if table is not None:
        length = q.shape[2]
        distance = (torch.arange(length)[:, None] - torch.arange(length)).clamp(min=0)
        scores = scores + torch.einsum(
            "bhie,ije->bhij", q * q.shape[-1] ** -0.5, table[length - 1 - distance]
        )
    weights = (scores if bias is None else scores + bias).softmax(-1)
    return (weights * dropout_factors(weights.flatten(0, 1), p).view(weights.shape)) @ v


@pytest.mark.parametrize("p", [0.4, 1e-9])
@pytest.mark.parametrize(
    ("source", "bias", "causal", "relative"),
    [
        (7, None, False, False),
        (7, SOME, False, False),
        (9, None, True, False),
        (9, None, True, True),
    ],
    ids=["all", "some", "causal", "relative"],
)
def test_values_and_gradients(
    source: int, bias: Tensor | None, causal: bool, relative: bool, p: float
) -> None:
    torch.manual_seed(0)
    q, k, v = (
        torch.randn(2, size, 3, 4).transpose(1, 2).requires_grad_() for size in (9, source, source)
    )
    inputs = [q, k, v, *([torch.randn(9, 4, requires_grad=True)] if relative else [])]
    wanted = torch.randn(2, 3, 9, 4)
    found = []
    for way in (plain, dropout_attention):
        torch.manual_seed(1)
        out = way(q, k, v, p, causal=causal, table=inputs[3] if relative else None, bias=bias)
        found.append([out, *torch.autograd.grad(out, inputs, wanted)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("relative", [False, True])
def test_many_heads_and_long_songs_are_worked_on_in_parts(relative: bool) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 5, 300, 8, requires_grad=True) for _ in range(3))
    table = [torch.randn(300, 8, requires_grad=True)] if relative else []
    for causal in (True,) if relative else (True, False):
        ways = [
            way(q, k, v, 1e-9, causal=causal, table=table[0] if table else None)
            for way in (plain, dropout_attention)
        ]
        one, other = (
            [out, *torch.autograd.grad(out.square().sum(), (q, k, v, *table))] for out in ways
        )
        for each, same in zip(one, other, strict=True):
            torch.testing.assert_close(each, same, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_near() -> None:
    torch.manual_seed(0)
    q, k, v, table = (
        torch.randn(*shape, requires_grad=True) for shape in [(1, 2, 9, 4)] * 3 + [(9, 4)]
    )
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        out = dropout_attention(
            *(each.to(dtype) for each in (q, k, v)), 0.1, causal=True, table=table.to(dtype)
        )
        assert out.dtype == dtype
        found.append(
            [out.float(), *torch.autograd.grad(out.float().square().sum(), (q, k, v, table))]
        )
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() < 0.03 * one.norm()


@pytest.mark.parametrize("queries", [1, 2, 5])
def test_skewing(queries: int) -> None:
    by_distance = torch.randn(2, 3, queries, 5)
    found = skewed(by_distance)
    for row in range(queries):
        position = 5 - queries + row
        for key in range(position + 1):
            assert torch.equal(found[..., row, key], by_distance[..., row, 4 - (position - key)])
