"""Attention with dropout on its weights, for training on a CPU, where no fused kernel has dropout.

Forward and backward are written by hand over as many heads at a time as fit in a core's own cache. Relative positions
are skewed by a stride and not by a copy: entry (i, j) of the skewed scores lies L - 1 places on and one row is L - 1
long, where L is the number of queries.

Shapes: N songs x heads, L queries, S keys, E = d_head.

Source: Huang et al. 2018 (skewing, Music Transformer); Dao et al. 2022 (the backward from outputs, FlashAttention).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from vmt.model.dropout import thinning

_CACHED = 1 << 18
"""Scores that are worked on at a time; a MiB of float32, which a core's second-level cache holds."""


def skewed(by_distance: Float[Tensor, "*heads length length"]) -> Float[Tensor, "*heads length length"]:
    """Scores by distance, column j being distance L - 1 - j, as scores by key; what lies after a query is undefined."""
    length = by_distance.shape[-1]
    whole = by_distance.contiguous()
    strides = (*whole.stride()[:-2], length - 1, 1)
    return whole.as_strided(whole.shape, strides, whole.storage_offset() + length - 1)


def _product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    return torch.bmm(a, b, out=out) if a.dtype == out.dtype else out.copy_(a @ b)


class _Thinned(Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, table: Tensor | None, bias: Tensor | None, p: float) -> Any:
        weights = torch.empty(*q.shape[:2], k.shape[1])
        thinned = torch.empty_like(weights, dtype=q.dtype)
        out = torch.empty_like(q)
        for part in _parts(weights):
            scores = _product(q[part], k[part].mT, weights[part])
            if table is not None:
                scores += skewed(q[part] @ table.T)
            if bias is not None:
                scores += bias[part]
            torch.softmax(scores, -1, out=scores)
            torch.mul(scores, thinning(scores, p), out=thinned[part])
            torch.bmm(thinned[part], v[part], out=out[part])
        ctx.save_for_backward(q, k, v, table, weights, thinned)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v, table, weights, thinned = ctx.saved_tensors
        out = gradients[0].contiguous()
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        d_table = None if table is None else torch.zeros_like(table)
        length, source = weights.shape[1:]
        for part in _parts(weights):
            torch.bmm(thinned[part].mT, out[part], out=dv[part])
            d = torch.empty_like(weights[part])
            _product(out[part], v[part].mT, d).mul_(thinned[part])
            d.addcmul_(weights[part], d.sum(-1, keepdim=True), value=-1)
            # A row of zeros before the first, which the skewed view of the first query reaches back into.
            padded = q.new_empty(len(d), length + 1, source)
            padded[:, 0] = 0
            d_scores = padded[:, 1:].copy_(d)
            torch.bmm(d_scores, k[part], out=dq[part])
            torch.bmm(d_scores.mT, q[part], out=dk[part])
            if table is not None and d_table is not None:
                strides = (padded.stride(0), length + 1, 1)
                by_distance = padded.as_strided(d_scores.shape, strides, 1)
                dq[part].baddbmm_(by_distance, table.expand(len(d), -1, -1))
                for each, query in zip(by_distance, q[part], strict=True):
                    d_table.addmm_(each.T, query)
        return dq, dk, dv, d_table, None, None


def _parts(weights: Tensor) -> list[slice]:
    heads = max(1, _CACHED // (weights.shape[1] * weights.shape[2]))
    return [slice(first, first + heads) for first in range(0, len(weights), heads)]


def thinned_attention(
    q: Float[Tensor, "batch heads length e"],
    k: Float[Tensor, "batch heads source e"],
    v: Float[Tensor, "batch heads source e"],
    p: float,
    *,
    table: Float[Tensor, "length e"] | None = None,
    bias: Float[Tensor, "#batch #heads #length source"] | None = None,
) -> Float[Tensor, "batch heads length e"]:
    """Values weighted by attention whose weights are zeroed with probability `p`.

    Args:
        table: relative positions, a row for each distance from L - 1 to 0; with it L = S, and `bias` must hide the keys
            after a query.
        bias: added to the scores; takes no gradient.
    """
    scaled = q.flatten(0, 1) * q.shape[-1] ** -0.5
    if bias is not None:
        bias = bias.expand(*q.shape[:2], -1, -1).flatten(0, 1)
    out: Tensor = _Thinned.apply(scaled, k.flatten(0, 1), v.flatten(0, 1), table, bias, p)
    return out.view(q.shape)
