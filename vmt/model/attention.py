"""Attention with relative positions and a cache of keys and values.

Shapes: B songs, H heads, L queries, S keys, E = d_head. Parameters carry the names of
`torch.nn.MultiheadAttention`, and `Er` is the published name of the table of relative positions.

Sources: Vaswani et al. 2017; Shaw et al. 2018 and Huang et al. 2018 (relative positions by skewing,
    Music Transformer).
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from vmt.model.dropout_attention import dropout_attention, halves, hidden_future, skewed


class Attention(nn.Module):
    """Multi-head attention, with relative positions where `max_distance` is given."""

    def __init__(
        self, d_model: int, n_heads: int, dropout: float, max_distance: int | None = None
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d_model, d_model))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        nn.init.zeros_(self.out_proj.bias)
        self.Er = (
            nn.Parameter(torch.empty(max_distance, d_model // n_heads)) if max_distance else None
        )

    def _heads(self, flat: Tensor) -> Tensor:
        batch, length, d = flat.shape
        return flat.view(batch, length, self.n_heads, d // self.n_heads).transpose(
            1, 2
        )  # (B, H, L, E)

    def queries(self, x: Float[Tensor, "batch length d"]) -> Tensor:
        """Queries (B, H, L, E) alone."""
        d = x.shape[-1]
        return self._heads(F.linear(x, self.in_proj_weight[:d], self.in_proj_bias[:d]))

    def keys_values(self, x: Float[Tensor, "batch source d"]) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, E)."""
        d = x.shape[-1]
        k, v = F.linear(x, self.in_proj_weight[d:], self.in_proj_bias[d:]).chunk(2, dim=-1)
        return self._heads(k), self._heads(v)

    def qkv(self, x: Float[Tensor, "batch length d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the same sequence in one product."""
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self._heads(q), self._heads(k), self._heads(v)

    def across(
        self, x: Float[Tensor, "batch length d"], source: Float[Tensor, "batch source d"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of one sequence, keys and values of another."""
        d = x.shape[-1]
        # Split once: each slice of a parameter costs its backward a parameter full of zeros.
        sizes = [d, 2 * d]
        weights, biases = (
            self.in_proj_weight.split_with_sizes(sizes),
            self.in_proj_bias.split_with_sizes(sizes),
        )
        k, v = F.linear(source, weights[1], biases[1]).chunk(2, dim=-1)
        return self._heads(F.linear(x, weights[0], biases[0])), self._heads(k), self._heads(v)

    def attend(
        self,
        q: Float[Tensor, "batch heads length e"],
        k: Float[Tensor, "batch heads source e"],
        v: Float[Tensor, "batch heads source e"],
        mask: Bool[Tensor, "#batch #heads #length source"]
        | Float[Tensor, "#batch #heads #length source"]
        | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "batch length d"]:
        """Weighted values through the output projection.

        Args:
            q: queries.
            k: keys.
            v: values.
            mask: True or 0 where a query may look; a float mask is added to the scores.
            causal: query i sees keys 0 to i, by relative positions where there are any; without a
                mask, for equally long queries and keys.
        """
        p = self.dropout if self.training else 0.0
        if p > 0 and q.device.type == "cpu":
            table = self.Er[-q.shape[2] :].to(q.dtype) if causal and self.Er is not None else None
            if mask is not None and mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape).masked_fill_(~mask, -math.inf)
            heads = dropout_attention(q, k, v, p, causal=causal, table=table, bias=mask)
        elif causal and self.Er is not None:
            parts = [self._causal_part(q[:, :, part], k, v, part, p) for part in halves(q.shape[2])]
            heads = torch.cat(parts, dim=2)
        else:
            heads = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, dropout_p=p, is_causal=causal
            )
        out: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2))
        return out

    def _causal_part(self, q: Tensor, k: Tensor, v: Tensor, queries: slice, p: float) -> Tensor:
        """Attention of some of the queries to the keys up to the last of them, by relative
        positions.
        """
        scores = self.relative_scores(q, queries.start) + hidden_future(q, queries)
        seen = slice(0, queries.stop)
        return F.scaled_dot_product_attention(
            q, k[:, :, seen], v[:, :, seen], attn_mask=scores, dropout_p=p
        )

    def relative_scores(
        self, q: Float[Tensor, "batch heads length e"], first: int = 0
    ) -> Float[Tensor, "batch heads length source"]:
        """The part of the scores that relative positions contribute, for queries at positions
        `first`, `first` + 1, ... and keys 0 to the last query.

        The last row of `Er` is distance 0, so a query and a key at distance d use row -1 - d.
        Values for keys after a query are undefined and must be masked.
        """
        assert self.Er is not None
        scaled = q * q.shape[-1] ** -0.5
        return skewed(scaled @ self.Er[-first - q.shape[2] :].T)
