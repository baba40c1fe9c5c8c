"""Dropout that draws sixteen random bits an element.

On a CPU, PyTorch draws one Bernoulli number for each element, which took a sixth of a training step
of `amt`; here four elements share one 64-bit draw. The probability is exact to 1/65536. Each call
seeds a generator of its own with a number of PyTorch's generator, so that `torch.manual_seed`
determines it. On other devices PyTorch's own dropout is used.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_LEVELS = 1 << 16


def dropout_factors(x: Float[Tensor, "*shape"], p: float) -> Float[Tensor, "*shape"]:
    """Dropout's factors for `x` on a CPU: 0 with probability `p`, else 1 / (1 - p)."""
    seed = int(torch.empty((), dtype=torch.int64).random_())
    chances = np.random.SFC64(seed).random_raw(-(-x.numel() // 4)).view(np.uint16)[: x.numel()]
    keep = chances >= np.uint16(min(round(p * _LEVELS), _LEVELS - 1))
    return torch.from_numpy(np.multiply(keep, np.float32(1 / (1 - p)))).view(x.shape).to(x.dtype)


def dropout(x: Float[Tensor, "*shape"], p: float, training: bool) -> Float[Tensor, "*shape"]:
    """Dropout.

    Args:
        x: of any shape.
        p: probability that an element becomes 0; the others are scaled by 1 / (1 - p).
        training: where False, `x` is returned as it is.
    """
    if not training or p == 0:
        return x
    return x * dropout_factors(x, p) if x.device.type == "cpu" else F.dropout(x, p)


class Dropout(nn.Module):
    """`dropout` as a module."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """`x` with dropout while training."""
        return dropout(x, self.p, self.training)

    def add(
        self, x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape"]:
        """`x` plus `y` with dropout while training; on a CPU in one pass."""
        if self.training and self.p > 0 and y.device.type == "cpu":
            return torch.addcmul(x, y, dropout_factors(y, self.p))
        return x + self.forward(y)
