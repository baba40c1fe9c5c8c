"""The biGRU that reads note density and loudness off a video's features.

Source: Kang et al. 2024 (arXiv 2311.00968), section 4.4; parameters carry the published names
    (`bigru`, `bifc`).
"""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from vmt.model.config import EXTRA_INPUTS, RegressorConfig

__all__ = ["TARGETS", "RegressorConfig", "VideoRegressor"]

TARGETS = ("note_density", "loudness")


class VideoRegressor(nn.Module):
    """Note density and loudness of each second from the features of all seconds."""

    input_mean: Tensor
    input_scale: Tensor
    target_mean: Tensor
    target_deviation: Tensor

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        d_video = config.d_semantic + EXTRA_INPUTS
        dropout = config.dropout if config.n_layers > 1 else 0.0
        self.bigru = nn.GRU(
            d_video, config.d_model, config.n_layers, bidirectional=True, dropout=dropout
        )
        self.bifc = nn.Linear(2 * config.d_model, len(TARGETS))
        self.register_buffer("input_mean", torch.zeros(d_video), persistent=config.normalise)
        self.register_buffer("input_scale", torch.ones(d_video), persistent=config.normalise)
        self.register_buffer("target_mean", torch.zeros(len(TARGETS)), persistent=config.normalise)
        self.register_buffer(
            "target_deviation", torch.ones(len(TARGETS)), persistent=config.normalise
        )

    def set_statistics(
        self,
        input_mean: Float[np.ndarray, " f"],
        input_deviation: Float[np.ndarray, " f"],
        target_mean: Float[np.ndarray, " 2"],
        target_deviation: Float[np.ndarray, " 2"],
    ) -> None:
        """Store the training set's statistics; what never varies is only centred.

        Args:
            input_mean: of each input.
            input_deviation: of each input.
            target_mean: of note density and loudness.
            target_deviation: of note density and loudness.
        """
        assert self.config.normalise
        self.input_mean.copy_(torch.from_numpy(input_mean))
        self.input_scale.copy_(
            torch.from_numpy(1 / np.where(input_deviation > 1e-6, input_deviation, 1.0))
        )
        self.target_mean.copy_(torch.from_numpy(target_mean))
        self.target_deviation.copy_(
            torch.from_numpy(np.where(target_deviation > 1e-6, target_deviation, 1.0))
        )

    def standardised(
        self,
        video: Float[Tensor, "batch seconds f"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch seconds 2"]:
        """Predictions in units of the targets' deviation, what training compares.

        Args:
            lengths: seconds of each video that exist; without them padding is read as the published
                code reads it.
        """
        x = ((video - self.input_mean) * self.input_scale).transpose(0, 1)
        if lengths is None:
            hidden, _ = self.bigru(x)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
            hidden, _ = nn.utils.rnn.pad_packed_sequence(
                self.bigru(packed)[0], total_length=video.shape[1]
            )
        out: Tensor = self.bifc(hidden).transpose(0, 1)
        return out

    def forward(
        self,
        video: Float[Tensor, "batch seconds f"],
        lengths: Int64[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch seconds 2"]:
        """Note density (notes sounding) and loudness (RMS, full scale = 1) of each second."""
        return self.standardised(video, lengths) * self.target_deviation + self.target_mean
