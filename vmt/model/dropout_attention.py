"""Attention with dropout on its weights, for training on a CPU, where no fused kernel has dropout.

Forward and backward are written by hand. In causal attention the two halves of the queries are
computed separately, so that the earlier half never meets the later keys. Relative positions are
skewed by a stride and not by a copy.

Shapes: N songs x heads, L queries, S keys, E = d_head.

Source: Huang et al. 2018 (skewing, Music Transformer).
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

from vmt.model.dropout import dropout_factors

_WORTH_HALVING = 128
"""From this number of queries on, causal attention computes the halves separately."""


def halves(length: int) -> list[slice]:
    """Slices of the queries of causal attention that are computed together; the queries of a slice
    see keys up to its end.
    """
    middle = length // 2 if length >= _WORTH_HALVING else 0
    return [slice(0, middle), slice(middle, length)] if middle else [slice(0, length)]


def skewed(
    by_distance: Float[Tensor, "*heads queries source"],
) -> Float[Tensor, "*heads queries source"]:
    """Scores by key of the last queries, from their scores by distance.

    Column j of `by_distance` is distance S - 1 - j, so the score of the last query but r and key j
    stands r places after column j: a stride of S - 1 from row to row finds them. What lies after a
    query is undefined.
    """
    queries, source = by_distance.shape[-2:]
    whole = by_distance.contiguous()
    return whole.as_strided(
        whole.shape, (*whole.stride()[:-2], source - 1, 1), whole.storage_offset() + queries - 1
    )


def hidden_future(q: Tensor, queries: slice) -> Float[Tensor, "queries source"]:
    """A mask for keys up to the end of `queries`: -inf where a key comes after its query, else 0;
    of `q`'s type and device.
    """
    shape = (queries.stop - queries.start, queries.stop)
    return torch.full(shape, -math.inf, dtype=q.dtype, device=q.device).triu(queries.start + 1)


class _DropoutAttention(Function):
    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        table: Tensor | None,
        bias: Tensor | None,
        causal: bool,
        p: float,
    ) -> Tensor:
        ctx.parts = halves(q.shape[1]) if causal else [slice(0, q.shape[1])]
        out, kept = _like(q), []

        for part in ctx.parts:
            own, seen = q[:, part], slice(0, part.stop if causal else k.shape[1])
            scores = (own @ k[:, seen].mT).float()
            if table is not None:
                scores += skewed(own @ table[-part.stop :].T)
            if causal:
                scores += hidden_future(q, part)
            if bias is not None:
                scores += bias

            weights = torch.softmax(scores, -1, out=scores)
            dropped = torch.mul(weights, dropout_factors(weights, p)).to(q.dtype)
            out[:, part] = dropped @ v[:, seen]
            kept += [weights, dropped]

        ctx.save_for_backward(q, k, v, table, out, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v, table, out, *kept = ctx.saved_tensors
        dq, dk, dv = _like(q), _like(k).zero_(), _like(v).zero_()
        d_table = None if table is None else torch.zeros_like(table)

        # The sum over keys of weight times gradient equals the sum over the output's E numbers of
        # output times gradient, which is far smaller.
        centre = (gradients[0] * out).float().sum(-1, keepdim=True)

        for part, weights, dropped in zip(ctx.parts, kept[::2], kept[1::2], strict=True):
            own, d_out, seen = q[:, part], gradients[0][:, part], slice(0, weights.shape[-1])
            dv[:, seen] += dropped.mT @ d_out
            d = (
                (d_out @ v[:, seen].mT)
                .float()
                .mul_(dropped)
                .addcmul_(weights, centre[:, part], value=-1)
            )

            if table is None or d_table is None:
                d_scores = d.to(q.dtype)
                dq[:, part] = d_scores @ k[:, seen]
            else:
                d_scores, by_distance = _by_both(d.to(q.dtype))
                near = table[-part.stop :]
                dq[:, part] = (d_scores @ k[:, seen]).add_(by_distance @ near)
                d_table[-part.stop :] += (by_distance.mT @ own).sum(0)
            dk[:, seen] += d_scores.mT @ own
        return dq, dk, dv, d_table, None, None, None


def _like(x: Float[Tensor, "heads length e"]) -> Float[Tensor, "heads length e"]:
    """An empty tensor of this shape in which the heads of a position are adjacent, the layout of
    the layers before and after.
    """
    heads, length, e = x.shape
    return x.new_empty(length, heads, e).transpose(0, 1)


def _by_both(d: Float[Tensor, "heads queries source"]) -> tuple[Tensor, Tensor]:
    """Gradients of causal scores by key, and the same by distance: `skewed` undone.

    Both are views of one tensor with a row of zeros before the first, into which the first query
    reaches back.
    """
    heads, queries, source = d.shape
    padded = d.new_empty(heads, queries + 1, source)
    padded[:, 0] = 0
    by_key = padded[:, 1:].copy_(d)
    return by_key, padded.as_strided(
        d.shape, (padded.stride(0), source + 1, 1), source - queries + 1
    )


def dropout_attention(
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
        q: queries.
        k: keys.
        v: values.
        p: 0 to 1, under 1.
        causal: query i sees keys 0 to i; without `bias`.
        table: relative positions of causal attention, a row for each distance from L - 1 to 0.
        bias: added to the scores; takes no gradient.
    """
    scaled = q.flatten(0, 1) * q.shape[-1] ** -0.5
    if bias is not None:
        bias = bias.expand(*q.shape[:2], -1, -1).flatten(0, 1)
    out: Tensor = _DropoutAttention.apply(
        scaled, k.flatten(0, 1), v.flatten(0, 1), table, bias, causal, p
    )
    return out.view(q.shape)
