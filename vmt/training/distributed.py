"""Several processes that train one run together, as torchrun starts them.

The songs of each batch are dealt over the ranks. A gradient is the sum of the ranks' parts, each
divided by the songs of the whole batch, so that every song weighs as it does in one process; scores
are sums over the ranks in the same way. Ranks draw their own dropout, all else that is random is
the same on each. Only the leader writes to the store.

A batch of fewer songs than ranks leaves the others idle, so set `batch_size` to a multiple of the
ranks.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Team:
    """This process among those that train together; alone unless `join` says otherwise."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process reports and writes to the store."""
        return self.rank == 0

    def share(self, items: Sequence[_Item]) -> list[_Item]:
        """This rank's part of `items`; the ranks' parts make up the whole."""
        return list(items[self.rank :: self.size])

    def total(self, values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The sum of `values` over the ranks."""
        if self.size > 1:
            values = values.clone()
            distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over the ranks; what has none on any rank keeps none."""
        if self.size == 1:
            return
        all_of_them = list(parameters)
        present = torch.tensor(
            [float(parameter.grad is not None) for parameter in all_of_them],
            device=all_of_them[0].device,
        )
        parts = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            for parameter in all_of_them
        ]
        flat = torch.cat([present, *(part.flatten() for part in parts)])
        distributed.all_reduce(flat)
        used, *sums = torch.split(
            flat, [len(all_of_them), *(parameter.numel() for parameter in all_of_them)]
        )
        for parameter, anywhere, gradient in zip(all_of_them, used.tolist(), sums, strict=True):
            parameter.grad = gradient.view_as(parameter) if anywhere else None

    def wait(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Team()


@contextmanager
def join(device: torch.device) -> Iterator[Team]:
    """This process's team: that of torchrun if it started the process, else `ALONE`.

    Ranks on CUDA take the GPU of their local rank and talk over NCCL, others over gloo.
    """
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    if device.type == "cuda":
        own = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(own)
        distributed.init_process_group("nccl", device_id=own)
    else:
        distributed.init_process_group("gloo")
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
