"""Causal attention with a learned linear penalty on distance, forward and backward written by hand.

PyTorch has no fused kernel whose bias takes a gradient: on a CPU its plain path costs a third of a
training step of `vmt`. Here queries are worked on in blocks, so that early ones never meet late
keys and the scores stay in the cache, and the gradient of the penalty is a sum over keys.

Shapes: B songs, H heads, L positions, E = d_head, N = B x H.

Source: attention with linear biases, Press et al. 2022 (arXiv 2108.12409).
"""

import itertools
import math
from typing import Any

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

_BLOCK = 64
"""Queries of a block, at least."""


def distance_bias(
    slope: Float[Tensor, " heads"], first: int, last: int
) -> Float[Tensor, "heads queries keys"]:
    """What a head subtracts for distance, for queries `first` to `last` - 1 and all keys before
    `last`; -inf for keys after the query.
    """
    distance = _distance(first, last, slope.device)
    later = distance == math.inf  # which takes no part in the gradient of the slope
    return (-slope[:, None, None] * distance.masked_fill(later, 0)).masked_fill(later, -math.inf)


def _distance(first: int, last: int, device: torch.device) -> Float32[Tensor, "queries keys"]:
    """Seconds from each key to each query; infinite where the key comes after."""
    second = torch.arange(last, device=device, dtype=torch.float32)
    distance = second[first:, None] - second
    return distance.masked_fill(distance < 0, math.inf)


def _blocks(length: int) -> list[slice]:
    """Queries that are worked on together, of like number; they see the keys up to their end."""
    count = max(length // _BLOCK, 1)
    ends = [length * number // count for number in range(count + 1)]
    return [slice(first, last) for first, last in itertools.pairwise(ends)]


def distance_attention(
    q: Float[Tensor, "batch heads length e"],
    k: Float[Tensor, "batch heads length e"],
    v: Float[Tensor, "batch heads length e"],
    slope: Float[Tensor, " heads"],
) -> Float[Tensor, "batch heads length e"]:
    """Values of the positions up to each, weighted by softmax(q k / sqrt(E) - slope x distance)."""
    if q.device.type != "cpu":
        bias = distance_bias(slope, 0, q.shape[2]).to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scaled = (q * q.shape[-1] ** -0.5).flatten(0, 1)
    out: Tensor = _DistanceAttention.apply(scaled, k.flatten(0, 1), v.flatten(0, 1), slope)
    return out.view(q.shape)


class _DistanceAttention(Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, slope: Tensor) -> Tensor:
        nearness = -_distance(0, q.shape[1], q.device)
        out, kept = _like(q), []
        for part in _blocks(q.shape[1]):
            seen = slice(0, part.stop)
            scores = (q[:, part] @ k[:, seen].mT).float()
            by_head = scores.view(-1, len(slope), *scores.shape[1:])
            by_head.addcmul_(slope[:, None, None].float(), nearness[part, seen])
            weights = torch.softmax(scores, -1, out=scores).to(q.dtype)
            out[:, part] = weights @ v[:, seen]
            kept.append(weights)
        ctx.save_for_backward(q, k, v, slope, out, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v, slope, out, *kept = ctx.saved_tensors
        dq, dk, dv = _like(q), _like(k).zero_(), _like(v).zero_()
        d_slope = slope.new_zeros(len(q))
        # The sum over keys of a weight times its gradient is that of an output times its own, over
        # far fewer numbers.
        centre = (gradients[0] * out).float().sum(-1, keepdim=True)
        second = torch.arange(q.shape[1], device=q.device, dtype=torch.float32)
        for part, weights in zip(_blocks(q.shape[1]), kept, strict=True):
            seen, d_out = slice(0, part.stop), gradients[0][:, part]
            dv[:, seen] += weights.mT @ d_out
            d = (d_out @ v[:, seen].mT).float().sub_(centre[:, part]).mul_(weights)
            # Scores fall by slope x (query - key). A query's gradients sum to 0 over its keys, so
            # of the distance only the key's place counts.
            d_slope += d.sum(1) @ second[seen]
            d = d.to(q.dtype)
            dq[:, part] = d @ k[:, seen]
            dk[:, seen] += d.mT @ q[:, part]
        return dq, dk, dv, d_slope.view(-1, len(slope)).sum(0)


def _like(x: Float[Tensor, "n length e"]) -> Float[Tensor, "n length e"]:
    """Room for such a tensor with a position's heads side by side, as the layers before and after
    lay them out.
    """
    n, length, e = x.shape
    return x.new_empty(length, n, e).transpose(0, 1)
