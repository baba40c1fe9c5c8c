"""Shapes of models: what a `ChordModel` of each architecture is built from.

Importing this module does not load PyTorch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vmt.errors import TrainingError

EXTRA_INPUTS = 8
"""Inputs beside the semantic ones: scene offset + 1, motion, six emotions."""


@dataclass(frozen=True)
class ChordConfig:
    """The shape that every chord model has; each architecture adds fields of its own.

    Attributes:
        kind: the architecture's name in `vmt.model.architectures`; stored with the weights.
        inputs: names of `vmt.features.inputs` that the architecture reads beside the common ones,
            with their widths.
        d_semantic: width of the CLIP embedding; belongs to the dataset's extractor.
        n_layers: layers of each stack.
        max_seconds: seconds of video and chords that the model sees at once; longer songs slide a
            window.
    """

    kind: ClassVar[str]
    inputs: ClassVar[Mapping[str, int]] = {}

    d_semantic: int = 768
    n_layers: int = 6
    n_heads: int = 8
    d_model: int = 512
    d_feedforward: int = 1024
    dropout: float = 0.1
    max_seconds: int = 300

    def __post_init__(self) -> None:
        if self.d_model % self.n_heads or self.d_model % 2:
            raise TrainingError(
                f"d_model {self.d_model} must be even and a multiple of n_heads {self.n_heads}"
            )
        if self.max_seconds < 2:
            raise TrainingError(f"max_seconds {self.max_seconds} must be 2 or more")
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"dropout {self.dropout} must be 0 or more and under 1")

    @classmethod
    def for_seconds(cls, d_semantic: int, seconds: int) -> "ChordConfig":
        """The shape for a training set of so many seconds of song.

        Raises:
            TrainingError: if the architecture does not choose its shape.
        """
        raise TrainingError(
            f"architecture {cls.kind} has no shape that follows the data; give its sizes and leave "
            "out `size`"
        )

    @property
    def normalise_inputs(self) -> bool:
        """Whether the video's inputs are standardised by the training set's statistics."""
        return True

    @property
    def mask_padding(self) -> bool:
        """Whether what lies past the end of a song is neither attended to nor counted."""
        return True

    @property
    def d_common(self) -> int:
        """Inputs for each second of video that every architecture reads."""
        return self.d_semantic + EXTRA_INPUTS

    @property
    def d_video(self) -> int:
        """Inputs for each second of video: the architecture's own, then the common ones."""
        return sum(self.inputs.values()) + self.d_common

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True)
class ModelConfig(ChordConfig):
    """Shape of a Video Music Transformer.

    Attributes:
        relative_positions: relative positions in the decoder's self-attention (Huang et al. 2018).
        normalise_inputs: standardise the video's inputs by the training set's mean and deviation,
            kept with the weights.
        mask_padding: never attend to or count what lies past the end of a song. The published model
            pads every song to `max_seconds` and attends to the padding, so preset `amt` has it off.
    """

    kind: ClassVar[str] = "amt"

    relative_positions: bool = True
    normalise_inputs: bool = False
    mask_padding: bool = False


@dataclass(frozen=True)
class CopyConfig(ChordConfig):
    """Shape of a copying transformer, which always standardises its inputs and masks padding.

    It reads the inputs beside the semantic ones alone: 768 numbers a second are more than some
    dozen songs can teach.
    """

    kind: ClassVar[str] = "copy"

    n_layers: int = 3
    n_heads: int = 4
    d_model: int = 128
    d_feedforward: int = 256

    @classmethod
    def for_seconds(cls, d_semantic: int, seconds: int) -> "CopyConfig":
        """The shape for a training set of so many seconds of song.

        The width grows with the fourth root of the seconds, 32 at least and 512 at most: 64 for the
        3 hours of 42 songs, 128 for the 43 hours of 600, 256 for 700 hours. Each doubling of the
        width adds a layer, and a narrower model has more dropout.
        """
        d_model = 16 * min(max(round(0.4 * seconds**0.25), 2), 32)
        return cls(
            d_semantic,
            n_layers=max(round(math.log2(d_model / 16)), 1),
            d_model=d_model,
            d_feedforward=2 * d_model,
            dropout=round(min(12.8 / d_model, 0.3), 2),
        )


@dataclass(frozen=True)
class RegressorConfig:
    """Shape of the biGRU that reads note density and loudness off a video's features.

    Attributes:
        normalise: standardise inputs and targets by the training set's mean and deviation, kept
            with the weights.
    """

    d_semantic: int = 768
    d_model: int = 64
    n_layers: int = 2
    dropout: float = 0.3
    normalise: bool = True
