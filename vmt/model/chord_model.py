"""`ChordModel`: what an architecture offers to training, generation, checkpoints and export.

It is an abstract `nn.Module` and not a `typing.Protocol`, since its users also train, move and save
it as a module.

Shapes: B songs, S seconds of video, L chords, F inputs a second.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from vmt.model.config import ChordConfig


@dataclass(frozen=True)
class TrainingSongs:
    """What a model may learn of the training songs before the first step.

    Attributes:
        input_statistics: computes mean and deviation, each (F,), of the inputs over all seconds.
        tokens: the chords of each song, one a second.
    """

    input_statistics: Callable[[], tuple[Float32[np.ndarray, " f"], Float32[np.ndarray, " f"]]]
    tokens: Sequence[Int64[np.ndarray, " _"]]


class ChordModel(nn.Module, ABC):
    """Logits of the next second's chord, given the video and the chords so far."""

    config: ChordConfig

    @abstractmethod
    def forward(
        self,
        video: Float[Tensor, "batch seconds f"],
        tokens: Int64[Tensor, "batch length"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch length vocabulary"]:
        """Logits for the chord after each of `tokens`.

        Args:
            video: inputs a second: semantic, scene offset + 1, motion, emotion; zeros past a song's
                end.
            tokens: AMT's numbers, second by second from 0.
            minor: 1 for songs in minor, else 0.
            lengths: seconds of each video.
        """

    @abstractmethod
    def start(
        self,
        video: Float[Tensor, "batch seconds f"],
        minor: Float[Tensor, " batch"],
        lengths: Int64[Tensor, " batch"] | None = None,
        capacity: int | None = None,
    ) -> Any:
        """A cache for writing up to `capacity` chords; its type is the architecture's own.

        Args:
            video: as in `forward`.
            minor: as in `forward`.
            lengths: as in `forward`.
            capacity: number of chords; `max_seconds` where None.
        """

    @abstractmethod
    def prefill(
        self, tokens: Int64[Tensor, "batch length"], cache: Any
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after the last of `tokens`, which fill an empty cache at once."""

    @abstractmethod
    def step(
        self, tokens: Int64[Tensor, " batch"], cache: Any
    ) -> Float[Tensor, "batch vocabulary"]:
        """Logits for the chord after `tokens`, which take the cache's next position."""

    @abstractmethod
    def learn_songs(self, songs: TrainingSongs) -> None:
        """Take from the training songs what the model needs before the first step."""

    def context_of(self, tokens: Int64[Tensor, "batch length"]) -> Any:
        """What the model reads of the chords so far besides the chords themselves, computed on the
        host ahead of `forward`, which takes it as its last argument; None where it reads nothing.
        """
        return None

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def unpublished(self) -> tuple[str, ...]:
        """What of this model the published code does not know; weights are exported in the
        published form only where this is empty.
        """
        return (f"the architecture {self.config.kind}",)


@dataclass(frozen=True)
class DecoderState:
    """A model that writes chords for a batch of videos; both calls return the logits of the next
    chords, (B, vocabulary).

    Attributes:
        prefill: takes the first chords, (B, L), at once.
        step: takes one more chord for each video, (B,).
    """

    prefill: Callable[[Tensor], Tensor]
    step: Callable[[Tensor], Tensor]


def begin(
    model: ChordModel,
    video: Float[Tensor, "batch seconds f"],
    minor: Float[Tensor, " batch"],
    lengths: Int64[Tensor, " batch"],
    capacity: int,
) -> DecoderState:
    """Start to write up to `capacity` chords for each video.

    Args:
        model: in eval mode.
        video: as in `ChordModel.forward`.
        minor: 1 for songs in minor, else 0.
        lengths: seconds of each video.
        capacity: chords for each video, those of the prefill included.
    """
    cache = model.start(video, minor, lengths, capacity)
    return DecoderState(partial(model.prefill, cache=cache), partial(model.step, cache=cache))
