"""`ModelConfig`, the shape of a transformer, and the presets that have a name."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vmt.errors import TrainingError

EXTRA_INPUTS = 8
"""Inputs beside the semantic ones: scene offset + 1, motion, six emotions."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a Video Music Transformer.

    Attributes:
        d_semantic: width of the CLIP embedding; belongs to the dataset's extractor.
        n_layers: layers of the encoder and of the decoder.
        max_seconds: seconds of video and chords that the model sees at once; longer songs slide a
            window.
        relative_positions: relative positions in the decoder's self-attention (Huang et al. 2018).
        normalise_inputs: standardise the video's inputs by the training set's mean and deviation,
            kept with the weights.
        mask_padding: never attend to or count what lies past the end of a song. The published model
            pads every song to `max_seconds` and attends to the padding, so `amt` has it off.
    """

    d_semantic: int = 768
    n_layers: int = 6
    n_heads: int = 8
    d_model: int = 512
    d_feedforward: int = 1024
    dropout: float = 0.1
    max_seconds: int = 300
    relative_positions: bool = True
    normalise_inputs: bool = False
    mask_padding: bool = False

    def __post_init__(self) -> None:
        _check_shape(self)

    @property
    def d_video(self) -> int:
        """Inputs for each second of video."""
        return self.d_semantic + EXTRA_INPUTS

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True)
class CopyConfig:
    """Shape of a copying transformer, which standardises its inputs and masks padding always.

    Attributes:
        d_semantic: width of the CLIP embedding; belongs to the dataset's extractor. The model
            itself reads the other inputs alone: 768 numbers a second are more than some dozen songs
            can teach (docs/recipe.md).
        n_layers: layers of causal self-attention.
        max_seconds: seconds of a song that the model sees at once; longer songs slide a window.
    """

    d_semantic: int = 768
    n_layers: int = 3
    n_heads: int = 4
    d_model: int = 128
    d_feedforward: int = 256
    dropout: float = 0.1
    max_seconds: int = 300
    normalise_inputs: ClassVar[bool] = True
    mask_padding: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_shape(self)

    @property
    def d_video(self) -> int:
        """Inputs for each second of video."""
        return self.d_semantic + EXTRA_INPUTS

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.n_heads


ChordConfig = ModelConfig | CopyConfig


def _check_shape(config: ChordConfig) -> None:
    if config.d_model % config.n_heads or config.d_model % 2:
        raise TrainingError(
            f"d_model {config.d_model} must be even and a multiple of n_heads {config.n_heads}"
        )
    if config.max_seconds < 2:
        raise TrainingError(f"max_seconds {config.max_seconds} must be 2 or more")
    if not 0 <= config.dropout < 1:
        raise TrainingError(f"dropout {config.dropout} must be 0 or more and under 1")


def copy_config(d_semantic: int, seconds: int) -> CopyConfig:
    """The shape for a training set of so many seconds of song.

    The width grows with the fourth root of the seconds, 32 at least and 512 at most: 64 for the 3
    hours of 42 songs, 128 for the 43 hours of 600, 256 for 700 hours. Each doubling of the width
    adds a layer, and the narrower the model, the more is dropped out.
    """
    d_model = 16 * min(max(round(0.4 * seconds**0.25), 2), 32)
    return CopyConfig(
        d_semantic,
        n_layers=max(round(math.log2(d_model / 16)), 1),
        d_model=d_model,
        d_feedforward=2 * d_model,
        dropout=round(min(12.8 / d_model, 0.3), 2),
    )


MODEL_PRESETS: dict[str, ChordConfig] = {
    "amt": ModelConfig(),
    "vmt": CopyConfig(),
    "demo": ModelConfig(
        n_layers=2,
        n_heads=4,
        d_model=128,
        d_feedforward=256,
        normalise_inputs=True,
        mask_padding=True,
    ),
}


def recorded_config(preset: str, fields: Mapping[str, Any]) -> ChordConfig:
    """The shape that a run of that preset recorded; imported weights have `amt`'s kind."""
    return type(MODEL_PRESETS.get(preset, MODEL_PRESETS["amt"]))(**fields)


def model_preset(name: str, d_semantic: int, seconds: int = 0) -> ChordConfig:
    """The shape of preset `name` for a dataset whose semantic features are `d_semantic` wide.

    Args:
        seconds: of song to train on, which the width and depth of `vmt` follow.

    Raises:
        TrainingError: if there is no such preset, or `amt` meets features that are not 768 wide.
    """
    if name not in MODEL_PRESETS:
        raise TrainingError(f"preset {name!r} is unknown; known: {', '.join(MODEL_PRESETS)}")
    if name == "amt" and d_semantic != 768:
        raise TrainingError(
            f"preset amt takes 768 semantic features and the dataset has {d_semantic}; extract "
            "with ViT-L-14-336, "
            "or take another preset"
        )
    preset = MODEL_PRESETS[name]
    if isinstance(preset, CopyConfig):
        return copy_config(d_semantic, seconds)
    return dataclasses.replace(preset, d_semantic=d_semantic)
