"""Published weights: what goes in comes out, and nothing in a file is run."""

import io
import os
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from vmt.errors import WeightsError
from vmt.model.config import ModelConfig
from vmt.model.published import (
    read_regressor,
    read_tensors,
    read_transformer,
    regressor_pickle,
    transformer_pickle,
)
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer

SMALL = ModelConfig(d_semantic=4, n_layers=2, n_heads=2, d_model=16, d_feedforward=8, max_seconds=9)


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "config",
    [SMALL, replace(SMALL, relative_positions=False), ModelConfig()],
    ids=["small", "no-relative", "full"],
)
def test_every_tensor_comes_back(config: ModelConfig) -> None:
    torch.manual_seed(0)
    published = VideoMusicTransformer(config).state_dict()
    published["positional_encoding.pe"] += 1  # even what VMT could compute itself is the file's
    model = read_transformer(
        saved(published), "w.pickle", n_heads=None if config.relative_positions else 2
    )
    assert model.config == replace(config, dropout=0.1)
    again = read_tensors(transformer_pickle(model, "run"), "again")
    assert list(again) == list(published)
    for name, tensor in published.items():
        assert again[name].dtype == tensor.dtype
        assert torch.equal(again[name], tensor), name


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    tensors = VideoMusicTransformer(SMALL).state_dict()
    for data in (
        saved({**tensors, "x": Trap(tmp_path / "ran")}),
        saved(Trap(tmp_path / "ran")),
        saved(nn.Linear(1, 1)),
    ):
        with pytest.raises(
            WeightsError, match=r"^bad\.pickle: damaged, or it holds more than tensors"
        ) as refused:
            read_transformer(data, "bad.pickle")
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "data", [b"", b"no pickle", saved({"a": torch.ones(9)})[:-300], b"PK\x03\x04" + bytes(99)]
)
def test_damaged_files(data: bytes) -> None:
    with pytest.raises(WeightsError, match=r"w: damaged") as refused:
        read_tensors(data, "w")
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings(
    "ignore:Validating sparse tensor"
)  # PyTorch says so of any sparse tensor in a file
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list and must hold a state_dict"),
        ({}, "holds a dict and must hold a state_dict"),
        ({"a": 1}, "'a' is a int and must be a tensor"),
        ({1: torch.ones(1)}, "1 is a Tensor and must be a tensor under a name"),
        ({"a": torch.ones(1).half()}, r"tensor a is torch.float16 .* must be dense float32"),
        ({"a": torch.eye(3).to_sparse()}, "must be dense float32"),
        ({"a": torch.tensor([1.0, float("nan")])}, "tensor a holds numbers that are not finite"),
        ({"a": torch.ones(1).expand(1000)}, r"tensor a of shape \(1000,\) holds fewer numbers"),
    ],
)
def test_what_is_no_state_dict(content: Any, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_tensors(saved(content), "w")


def change(**changes: Tensor | None) -> bytes:
    tensors = VideoMusicTransformer(SMALL).state_dict()
    for name, value in changes.items():
        if value is None:
            del tensors[name.replace("__", ".")]
        else:
            tensors[name.replace("__", ".")] = value
    return saved(OrderedDict(tensors))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (change(Wout__bias=None), r"w: lacks 1 tensors, Wout\.bias; it is another model's file"),
        (change(Linear_vis__weight=None), r"w: has no tensor Linear_vis\.weight"),
        (change(extra=torch.ones(1)), "w: has unknown 1 tensors, extra"),
        (
            change(Wout__weight=torch.ones(158, 16)),
            r"Wout\.weight has shape \(158, 16\), beside the others \(159, 16\)",
        ),
        (
            change(Linear_vis__weight=torch.ones(16)),
            r"Linear_vis\.weight has shape \(16,\) and must have 2 axes",
        ),
        (change(Linear_vis__weight=torch.ones(15, 12)), "15 wide, 1 heads"),
    ],
)
def test_other_models(data: bytes, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_transformer(data, "w")


def test_heads() -> None:
    assert read_transformer(change(), "w").config.n_heads == 2
    with pytest.raises(WeightsError, match="has 2 heads, by its relative positions, not 4"):
        read_transformer(change(), "w", n_heads=4)
    plain = saved(VideoMusicTransformer(replace(SMALL, relative_positions=False)).state_dict())
    assert read_transformer(plain, "w").config.n_heads == 8
    with pytest.raises(WeightsError, match="16 wide, 5 heads"):
        read_transformer(plain, "w", n_heads=5)


@pytest.mark.parametrize("extra", ["normalise_inputs", "mask_padding"])
def test_what_the_published_code_cannot_use_stays(extra: str) -> None:
    model = VideoMusicTransformer(replace(SMALL, **{extra: True}))
    with pytest.raises(WeightsError, match=f"run r epoch 3: its model has {extra}"):
        transformer_pickle(model, "run r epoch 3")


def test_the_regression_gives_its_bigru() -> None:
    torch.manual_seed(0)
    own = VideoRegressor(RegressorConfig(d_semantic=4, d_model=6, normalise=False))
    others = {"gru": nn.GRU(12, 6), "bilstm": nn.LSTM(12, 6), "fc": nn.Linear(6, 2)}
    rest = {
        f"{name}.{key}": value
        for name, other in others.items()
        for key, value in other.state_dict().items()
    }
    regressor, unused = read_regressor(saved({**own.state_dict(), **rest}), "r")
    assert unused.keys() == rest.keys()
    assert regressor.config == own.config
    for name, tensor in own.state_dict().items():
        assert torch.equal(regressor.state_dict()[name], tensor)
    with pytest.raises(WeightsError, match=r"r: has no tensor bigru\.weight_ih_l0"):
        read_regressor(saved(rest), "r")


@pytest.mark.data
@pytest.mark.parametrize("name", ["amt_rpr", "amt_norpr"])
def test_published_files(name: str) -> None:
    parity = Path(os.environ["VMT_TEST_DATA"]) / "parity"
    tensors = safetensors.torch.load_file(parity / f"{name}.weights.safetensors")
    model = read_transformer(saved(tensors), name, n_heads=4)
    assert model.config == ModelConfig(
        n_layers=2, n_heads=4, d_model=64, d_feedforward=128, relative_positions=name == "amt_rpr"
    )
    again = read_tensors(transformer_pickle(model, name), name)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in tensors.items())
    tensors = safetensors.torch.load_file(parity / "regression.weights.safetensors")
    regressor, unused = read_regressor(saved(tensors), "regression")
    assert regressor.config == RegressorConfig(d_model=16, normalise=False)
    assert {key.partition(".")[0] for key in unused} == {"bilstm", "fc", "gru", "lstm"}
    again = read_tensors(regressor_pickle(regressor, unused, "regression"), "regression")
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in tensors.items())
    with pytest.raises(WeightsError, match=r"has no tensor Linear_vis\.weight"):
        read_transformer(
            saved(safetensors.torch.load_file(parity / "mt_rpr.weights.safetensors")), "mt"
        )
