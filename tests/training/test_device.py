"""The code that runs on a GPU, driven without one: on the `meta` device every copy to the host and
every number that is read from a tensor is an error.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.songs import make_song
from vmt.model.architectures import build
from vmt.model.chord_model import begin
from vmt.model.copying import CopyConfig
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective
from vmt.training.trainer import Trainer

DEVICE = torch.device("meta")
SHAPE = CopyConfig(d_semantic=4, n_layers=2, n_heads=2, d_model=16, d_feedforward=32)
TRAIN = TrainConfig(
    epochs=1, batch_size=2, gradient_clip=1.0, precision="float32", stretch=0.1, transpose=0.5
)


def test_the_meta_device_refuses_copies_to_the_host() -> None:
    there = torch.zeros(3, device=DEVICE)
    for copy in (there.cpu, there.sum().item, there.sum().__bool__, there.tolist):
        with pytest.raises((NotImplementedError, RuntimeError)):
            copy()


def test_a_training_step_copies_nothing_to_the_host() -> None:
    songs = [make_song(f"t{n}", 20 + n) for n in range(4)]
    objective = ChordObjective(build(SHAPE), TRAIN)
    objective.learn_inputs(songs)
    trainer = Trainer(objective, TRAIN, songs, songs, d_model=16, device=torch.device("cpu"))
    batch = trainer._prepare(songs[:2], np.random.default_rng(0))

    # PyTorch's fused AdamW has no kernel for `meta`; another optimizer stands in for it alone.
    model = build(SHAPE).to(DEVICE)
    trainer.objective, trainer.model, trainer.device = ChordObjective(model, TRAIN), model, DEVICE
    trainer.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # type: ignore[assignment]
    trainer._failed = torch.zeros((), device=DEVICE)
    assert trainer._take_step(batch, 2).device == DEVICE
    assert all(parameter.grad is not None for parameter in model.layers.parameters())


@torch.inference_mode()
def test_writing_chords_copies_nothing_to_the_host() -> None:
    model = build(replace(SHAPE, max_seconds=40)).to(DEVICE).eval()
    video = torch.zeros(3, 40, SHAPE.d_video, device=DEVICE)
    lengths = torch.full((3,), 40, device=DEVICE)
    state = begin(model, video, torch.zeros(3, device=DEVICE), lengths, 40)
    logits = state.prefill(torch.zeros(3, 5, dtype=torch.int64, device=DEVICE))
    for _ in range(3):
        logits = state.step(logits.argmax(-1))
    assert logits.device == DEVICE
