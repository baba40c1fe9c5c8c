"""Dropout that draws its chances sixteen bits at a time.

PyTorch draws one Bernoulli number for each element on a CPU, which took a sixth of a training step of `amt`; here four
elements share one 64-bit draw. The probability is exact to 1/65536. On other devices PyTorch's own is used.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_LEVELS = 1 << 16


def dropout(x: Float[Tensor, "*shape"], p: float, training: bool) -> Float[Tensor, "*shape"]:
    """`x` with each element zeroed with probability `p` and the others scaled by 1 / (1 - p), while training."""
    if not training or p == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    bits = torch.empty(math.ceil(x.numel() / 4), dtype=torch.int64).random_(-(1 << 63), None)
    keep = bits.view(torch.int16)[: x.numel()].view(x.shape) >= round(p * _LEVELS) - _LEVELS // 2
    return x * torch.where(keep, x.new_tensor(1 / (1 - p)), x.new_tensor(0.0))


class Dropout(nn.Module):
    """`dropout` as a module."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """`x`, thinned out while training."""
        return dropout(x, self.p, self.training)
