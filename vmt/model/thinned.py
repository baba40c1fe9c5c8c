"""Attention with dropout on its weights, for training on a CPU, where no fused kernel has dropout.

Forward and backward are written by hand, block by block: as many heads at a time as fit in a core's own cache, and for
causal attention the later half of the queries apart, so that the earlier half never meets the later keys. Relative
positions are skewed by a stride and not by a copy.

Shapes: N songs x heads, L queries, S keys, E = d_head.

Source: Huang et al. 2018 (skewing, Music Transformer).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from vmt.model.dropout import thinning

_CACHED = 1 << 18
"""Scores that are worked on at a time: a MiB of float32, which a core's second-level cache holds."""
_WORTH_HALVING = 128
"""Queries of causal attention from which on the halves are worked on apart."""


def halves(length: int) -> list[slice]:
    """Queries of causal attention that are worked on together; those of a slice see keys up to its end."""
    middle = length // 2 if length >= _WORTH_HALVING else 0
    return [slice(0, middle), slice(middle, length)] if middle else [slice(0, length)]


def skewed(by_distance: Float[Tensor, "*heads queries source"]) -> Float[Tensor, "*heads queries source"]:
    """Scores by key of the last queries, from their scores by distance.

    Column j of `by_distance` is distance S - 1 - j, so the score of the last query but r and key j stands r places
    after column j: a stride of S - 1 from row to row finds them. What lies after a query is undefined.
    """
    queries, source = by_distance.shape[-2:]
    whole = by_distance.contiguous()
    return whole.as_strided(whole.shape, (*whole.stride()[:-2], source - 1, 1), whole.storage_offset() + queries - 1)


def hidden_future(q: Tensor, queries: slice) -> Float[Tensor, "queries source"]:
    """-inf where a key up to the end of `queries` lies after its query, else 0; of `q`'s type and device."""
    shape = (queries.stop - queries.start, queries.stop)
    return torch.full(shape, -math.inf, dtype=q.dtype, device=q.device).triu(queries.start + 1)


@dataclass(frozen=True)
class _Block:
    heads: slice
    queries: slice
    keys: slice


def _blocks(heads: int, length: int, source: int, causal: bool) -> list[_Block]:
    found = []
    for queries in halves(length) if causal else [slice(0, length)]:
        keys = slice(0, queries.stop if causal else source)
        together = max(1, _CACHED // ((queries.stop - queries.start) * keys.stop))
        found += [_Block(slice(n, min(n + together, heads)), queries, keys) for n in range(0, heads, together)]
    return found


class _Thinned(Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, table: Tensor | None, bias: Tensor | None, causal: bool, p: float
    ) -> Tensor:
        ctx.blocks = _blocks(len(q), q.shape[1], k.shape[1], causal)
        futures = {each.queries.stop: hidden_future(q, each.queries).float() for each in ctx.blocks if causal}
        out, kept = torch.empty_like(q), []
        for block in ctx.blocks:
            own = q[block.heads, block.queries]
            scores = (own @ k[block.heads, block.keys].mT).float()
            if table is not None:
                scores += skewed(own @ table[-block.keys.stop :].T)
            if causal:
                scores += futures[block.queries.stop]
            if bias is not None:
                scores += bias[block.heads]
            weights = torch.softmax(scores, -1, out=scores)
            thinned = torch.mul(weights, thinning(weights, p)).to(q.dtype)
            out[block.heads, block.queries] = thinned @ v[block.heads, block.keys]
            kept += [weights, thinned]
        ctx.save_for_backward(q, k, v, table, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v, table, *kept = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        d_table = None if table is None else torch.zeros_like(table)
        for block, weights, thinned in zip(ctx.blocks, kept[::2], kept[1::2], strict=True):
            into, to = (block.heads, block.queries), (block.heads, block.keys)
            own, out = q[into], gradients[0][into]
            dv[to] += thinned.mT @ out
            d = (out @ v[to].mT).float().mul_(thinned)
            d.addcmul_(weights, d.sum(-1, keepdim=True), value=-1)
            # A row of zeros before the first, into which the first query's skewed view reaches back.
            heads, queries, source = d.shape
            padded = q.new_empty(heads, queries + 1, source)
            padded[:, 0] = 0
            d_scores = padded[:, 1:].copy_(d)
            dk[to] += d_scores.mT @ own
            if table is None or d_table is None:
                dq[into] = d_scores @ k[to]
                continue
            strides = (padded.stride(0), source + 1, 1)
            by_distance = padded.as_strided(d.shape, strides, source - queries + 1)
            near = table[-source:].expand(heads, -1, -1)
            dq[into] = (d_scores @ k[to]).baddbmm_(by_distance, near)
            for each, query in zip(by_distance, own, strict=True):
                d_table[-source:].addmm_(each.T, query)
        return dq, dk, dv, d_table, None, None, None


def thinned_attention(
    q: Float[Tensor, "batch heads length e"],
    k: Float[Tensor, "batch heads source e"],
    v: Float[Tensor, "batch heads source e"],
    p: float,
    *,
    causal: bool = False,
    table: Float[Tensor, "length e"] | None = None,
    bias: Float[Tensor, "#batch #heads #length source"] | None = None,
) -> Float[Tensor, "batch heads length e"]:
    """Values weighted by attention whose weights are zeroed with probability `p`.

    Args:
        causal: query i sees keys 0 to i; without `bias`.
        table: relative positions of causal attention, a row for each distance from L - 1 to 0.
        bias: added to the scores; takes no gradient.
    """
    scaled = q.flatten(0, 1) * q.shape[-1] ** -0.5
    if bias is not None:
        bias = bias.expand(*q.shape[:2], -1, -1).flatten(0, 1)
    out: Tensor = _Thinned.apply(scaled, k.flatten(0, 1), v.flatten(0, 1), table, bias, causal, p)
    return out.view(q.shape)
