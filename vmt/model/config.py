"""`ModelConfig`, the shape of a transformer, and the presets that have a name."""

import dataclasses
from dataclasses import dataclass

from vmt.errors import TrainingError

EXTRA_INPUTS = 8
"""Inputs beside the semantic ones: scene offset + 1, motion, six emotions."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a Video Music Transformer.

    Attributes:
        d_semantic: width of the CLIP embedding; belongs to the dataset's extractor.
        n_layers: layers of the encoder and of the decoder.
        max_seconds: seconds of video and chords that the model sees at once; longer songs slide a window.
        relative_positions: relative positions in the decoder's self-attention (Huang et al. 2018).
        normalise_inputs: standardise the video's inputs by the training set's mean and deviation, kept with the
            weights.
        mask_padding: never attend to or count what lies past the end of a song. The published model pads every song to
            `max_seconds` and attends to the padding, so `amt` has it off.
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
        if self.d_model % self.n_heads or self.d_model % 2:
            raise TrainingError(f"d_model {self.d_model} must be even and a multiple of n_heads {self.n_heads}")
        if self.max_seconds < 2:
            raise TrainingError(f"max_seconds {self.max_seconds} must be 2 or more")
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"dropout {self.dropout} must be 0 or more and under 1")

    @property
    def d_video(self) -> int:
        """Inputs for each second of video."""
        return self.d_semantic + EXTRA_INPUTS

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.n_heads


MODEL_PRESETS: dict[str, ModelConfig] = {
    "amt": ModelConfig(),
    "demo": ModelConfig(
        n_layers=2,
        n_heads=4,
        d_model=128,
        d_feedforward=256,
        normalise_inputs=True,
        mask_padding=True,
    ),
}


def model_preset(name: str, d_semantic: int) -> ModelConfig:
    """The shape of preset `name` for a dataset whose semantic features are `d_semantic` wide.

    Raises:
        TrainingError: if there is no such preset, or `amt` meets features that are not 768 wide.
    """
    if name not in MODEL_PRESETS:
        raise TrainingError(f"preset {name!r} is unknown; known: {', '.join(MODEL_PRESETS)}")
    if name == "amt" and d_semantic != 768:
        raise TrainingError(
            f"preset amt takes 768 semantic features and the dataset has {d_semantic}; extract with ViT-L-14-336, "
            "or take another preset"
        )
    return dataclasses.replace(MODEL_PRESETS[name], d_semantic=d_semantic)
