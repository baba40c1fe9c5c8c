"""Attention with relative positions and a cache of keys and values.

Shapes: B songs, H heads, L queries, S keys, E = d_head. Parameters carry the names of `torch.nn.MultiheadAttention`,
and `Er` is the published name of the table of relative positions.

Sources: Vaswani et al. 2017; Shaw et al. 2018 and Huang et al. 2018 (relative positions by skewing, Music Transformer).
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from vmt.model.dropout import dropout


class Attention(nn.Module):
    """Multi-head attention; queries of `heads` may look back by relative position where `max_distance` is given."""

    def __init__(self, d_model: int, n_heads: int, dropout: float, max_distance: int | None = None) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.zeros_(self.out_proj.bias)
        self.Er = nn.Parameter(torch.empty(max_distance, d_model // n_heads)) if max_distance else None

    def _heads(self, flat: Tensor) -> Tensor:
        batch, length, d = flat.shape
        return flat.view(batch, length, self.n_heads, d // self.n_heads).transpose(1, 2)  # (B, H, L, E)

    def queries(self, x: Float[Tensor, "batch length d"]) -> Tensor:
        """Queries (B, H, L, E) alone."""
        d = x.shape[-1]
        return self._heads(F.linear(x, self.in_proj_weight[:d], self.in_proj_bias[:d]))

    def keys_values(self, x: Float[Tensor, "batch source d"]) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, E)."""
        d = x.shape[-1]
        k, v = F.linear(x, self.in_proj_weight[d:], self.in_proj_bias[d:]).chunk(2, dim=-1)
        return self._heads(k), self._heads(v)

    def all_three(self, x: Float[Tensor, "batch length d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the same sequence in one product."""
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self._heads(q), self._heads(k), self._heads(v)

    def attend(
        self,
        q: Float[Tensor, "batch heads length e"],
        k: Float[Tensor, "batch heads source e"],
        v: Float[Tensor, "batch heads source e"],
        mask: Float[Tensor, "#batch #heads #length source"]
        | Bool[Tensor, "#batch #heads #length source"]
        | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch length d"]:
        """Weighted values through the output projection.

        Args:
            mask: True or 0 where a query may look; a float mask is added to the scores.
            causal: query i sees keys 0 to i (for equally long queries and keys).
        """
        if self.training and self.dropout > 0:
            heads = self._thinned(q, k, v, mask, causal)
        else:
            heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        out: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2))
        return out

    def _thinned(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """Attention with dropout on its weights; no fused kernel of the CPU has that."""
        scale = q.shape[-1] ** -0.5
        if mask is not None and mask.dtype != torch.bool:
            flat = [each.flatten(0, 1) for each in (mask.expand(*q.shape[:3], k.shape[2]), q, k)]
            scores = torch.baddbmm(flat[0].to(q.dtype), flat[1], flat[2].transpose(1, 2), alpha=scale).view(
                *q.shape[:3], -1
            )
        else:
            scores = (q * scale) @ k.transpose(-2, -1)
            if causal:
                mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
            if mask is not None:
                scores = scores.masked_fill(~mask, -math.inf)
        weights = dropout(scores.softmax(-1), self.dropout, training=True)
        return weights.to(v.dtype) @ v

    def relative_scores(
        self, q: Float[Tensor, "batch heads length e"], first: int = 0
    ) -> Float[Tensor, "batch heads length source"]:
        """What relative positions add to the scores of queries at positions `first`, `first` + 1, ... over keys 0 to
        the last query.

        Row i holds q_i . Er[distance 0 last], so that a query and a key d apart meet row -1 - d of the table; keys
        after a query get whatever skewing leaves there and must be masked.
        """
        assert self.Er is not None
        length, source = q.shape[2], first + q.shape[2]
        scaled = q * q.shape[-1] ** -0.5
        if length == 1:
            recent: Tensor = scaled @ self.Er[-source:].T
            return recent
        assert first == 0
        by_distance = scaled @ self.Er[-length:].T  # (B, H, L, L): column j is distance L - 1 - j
        padded = F.pad(by_distance, (1, 0))  # (B, H, L, L + 1)
        return padded.view(*q.shape[:2], length + 1, length)[:, :, 1:]
