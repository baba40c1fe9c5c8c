"""Weights as bytes: exact, and clear about what is wrong with others."""

import pytest
import safetensors.torch
import torch

from vmt.errors import WeightsError
from vmt.model import checkpoints
from vmt.model.config import ModelConfig
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer

CONFIG = ModelConfig(
    d_semantic=4,
    n_layers=1,
    n_heads=2,
    d_model=16,
    d_feedforward=8,
    max_seconds=9,
    normalise_inputs=True,
)


def test_round_trips() -> None:
    transformer, regressor = (
        VideoMusicTransformer(CONFIG),
        VideoRegressor(RegressorConfig(d_semantic=4, d_model=8)),
    )
    again = checkpoints.load_transformer(checkpoints.transformer_bytes(transformer), "w")
    assert again.config == CONFIG
    assert not again.training
    for name, tensor in transformer.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    other = checkpoints.load_regressor(checkpoints.regressor_bytes(regressor), "w")
    for name, tensor in regressor.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


def test_what_is_wrong_is_said() -> None:
    data = checkpoints.transformer_bytes(VideoMusicTransformer(CONFIG))
    with pytest.raises(WeightsError, match="epoch_0001: not safetensors, or damaged"):
        checkpoints.load_transformer(data[:1000], "epoch_0001")
    with pytest.raises(WeightsError, match="holds no shape of a model"):
        checkpoints.load_transformer(safetensors.torch.save({"a": torch.zeros(1)}), "foreign")
    with pytest.raises(WeightsError, match="holds no shape of a regressor"):
        checkpoints.load_regressor(data, "w")
    tensors, metadata = checkpoints.from_bytes(data, "w")
    del tensors["Wout.bias"]
    with pytest.raises(WeightsError, match=r"its tensors do not fit[\s\S]*Wout.bias"):
        checkpoints.load_transformer(checkpoints.to_bytes(tensors, **metadata), "w")
