"""The benches' published steps compute what VMT computes, or the factor would mean nothing."""

import pytest
import torch

from tests.bench import published
from tests.bench.songs import make_songs
from vmt.dataset.songs import collate
from vmt.model.config import ModelConfig
from vmt.model.transformer import VideoMusicTransformer
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective


def test_the_published_steps_give_the_same_logits_and_loss() -> None:
    torch.manual_seed(0)
    songs = make_songs(2)
    config = ModelConfig(d_model=32, n_heads=2, n_layers=2, d_feedforward=48)
    model = VideoMusicTransformer(config).eval()
    batch = collate(songs[1:], 300, fixed=True)
    with torch.no_grad():
        theirs = published.forward(model, batch.video, batch.inputs, batch.minor)
        torch.testing.assert_close(
            theirs, model(batch.video, batch.inputs, batch.minor), atol=1e-5, rtol=0
        )
        loss = published.loss(model, published.TextSongs(songs), 1, 0.0)
        ours = ChordObjective(model, TrainConfig()).training_losses(batch)
    assert loss.item() == pytest.approx(ours.item(), abs=1e-5)
