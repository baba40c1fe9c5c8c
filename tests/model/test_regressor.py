"""The biGRU: padding, and the units it speaks in."""

import numpy as np
import torch

from vmt.model.regressor import RegressorConfig, VideoRegressor


def make() -> VideoRegressor:
    torch.manual_seed(0)
    return VideoRegressor(RegressorConfig(d_semantic=4, d_model=8)).eval()


@torch.inference_mode()
def test_padding_changes_nothing() -> None:
    model, video = make(), torch.randn(2, 9, 12)
    alone = model(video[:1, :4], torch.tensor([4]))
    torch.testing.assert_close(model(video, torch.tensor([4, 9]))[:1, :4], alone, atol=1e-6, rtol=0)


@torch.inference_mode()
def test_statistics_move_the_output() -> None:
    model, video = make(), torch.randn(1, 6, 12)
    plain = model(video)
    zero, one = np.zeros(12, np.float32), np.ones(12, np.float32)
    model.set_statistics(zero, one, np.array([5, 0.1], np.float32), np.array([2, 0], np.float32))
    torch.testing.assert_close(
        model(video), plain * torch.tensor([2.0, 1.0]) + torch.tensor([5.0, 0.1])
    )
