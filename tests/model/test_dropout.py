"""Dropout: the share it zeroes, the scale it keeps, and that attention with it is attention."""

import torch
from torch.nn import functional as F

from vmt.model.attention import Attention
from vmt.model.dropout import Dropout, dropout


def test_share_and_scale() -> None:
    torch.manual_seed(0)
    for p in (0.1, 0.5, 0.9):
        out = dropout(torch.ones(1001, 999), p, training=True)
        assert abs((out == 0).float().mean().item() - p) < 0.002
        torch.testing.assert_close(out.max().item(), 1 / (1 - p))
        torch.testing.assert_close(out.mean().item(), 1.0, atol=0.01, rtol=0)
    x = torch.randn(7)
    assert torch.equal(dropout(x, 0.5, training=False), x)
    assert torch.equal(dropout(x, 0.0, training=True), x)


def test_gradient_flows_through_what_is_kept() -> None:
    x = torch.randn(10_000, requires_grad=True)
    out = dropout(x, 0.3, training=True)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad != 0, out != 0)


def test_neighbours_are_independent() -> None:
    torch.manual_seed(1)
    kept = (dropout(torch.ones(400_000), 0.5, training=True) != 0).float() - 0.5
    for lag in (1, 2, 3, 4):
        assert abs((kept[lag:] * kept[:-lag]).mean().item()) < 0.002


def test_attention_while_training_is_attention() -> None:
    torch.manual_seed(0)
    attention = Attention(16, 2, dropout=1e-9)
    torch.nn.init.xavier_uniform_(attention.in_proj_weight)
    q, k, v = attention.qkv(torch.randn(2, 5, 16))
    seen = torch.tensor([True, True, True, False, True])[None, None, None]
    for mask, causal in ((None, True), (seen, False), (torch.randn(2, 2, 5, 5), False)):
        expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        expected = attention.out_proj(expected.transpose(1, 2).flatten(2))
        torch.testing.assert_close(
            attention.train().attend(q, k, v, mask, causal), expected, atol=1e-6, rtol=1e-5
        )


def test_the_seed_settles_what_is_dropped() -> None:
    x = torch.ones(1000)
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(torch.stack([dropout(x, 0.5, training=True), dropout(x, 0.5, training=True)]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0][0], drawn[0][1])


def test_adding_is_dropout_and_a_sum() -> None:
    module, x, y = Dropout(0.3), torch.randn(5, 7), torch.randn(5, 7)
    torch.manual_seed(0)
    expected = x + module(y)
    torch.manual_seed(0)
    torch.testing.assert_close(module.add(x, y), expected)
    assert torch.equal(module.eval().add(x, y), x + y)
