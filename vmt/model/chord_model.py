"""The two kinds of chord model, how one is made from its shape, and how either writes chord by
chord.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jaxtyping import Float, Int64
from torch import Tensor

from vmt.model.config import ChordConfig, CopyConfig
from vmt.model.copying import CopyTransformer
from vmt.model.transformer import VideoMusicTransformer

ChordModel = VideoMusicTransformer | CopyTransformer


def build(config: ChordConfig) -> ChordModel:
    """An untrained model of that shape."""
    return (
        CopyTransformer(config) if isinstance(config, CopyConfig) else VideoMusicTransformer(config)
    )


@dataclass(frozen=True)
class Writing:
    """A model at work on a batch of videos: it hears chords and gives the logits of the next ones,
    (B, vocabulary).

    Attributes:
        prefill: hears the first chords, (B, L), at once.
        step: hears one more chord for each video, (B,).
    """

    prefill: Callable[[Tensor], Tensor]
    step: Callable[[Tensor], Tensor]


def begin(
    model: ChordModel,
    video: Float[Tensor, "batch seconds f"],
    minor: Float[Tensor, " batch"],
    lengths: Int64[Tensor, " batch"],
    capacity: int,
) -> Writing:
    """Begin to write up to `capacity` chords for each video; see the models' `start`."""
    if isinstance(model, CopyTransformer):
        memory = model.start(video, minor, lengths, capacity)
        return Writing(partial(model.prefill, cache=memory), partial(model.step, cache=memory))
    cache = model.start(video, minor, lengths, capacity)
    return Writing(partial(model.prefill, cache=cache), partial(model.step, cache=cache))
