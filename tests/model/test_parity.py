"""The published implementation's own outputs, on its own weights (`parity/README.md` in the test
data).
"""

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from vmt import chords
from vmt.model.config import ModelConfig
from vmt.model.loss import losses
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def parity() -> Path:
    return Path(os.environ["VMT_TEST_DATA"]) / "parity"


@pytest.fixture(scope="module")
def io(parity: Path) -> dict[str, Tensor]:
    values = safetensors.torch.load_file(parity / "io.safetensors")
    extras = [values["scene_offset"][..., None], values["motion"][..., None], values["emotion"]]
    return values | {"video": torch.cat([values["semantic"], *extras], dim=-1)}


def load(parity: Path, name: str) -> VideoMusicTransformer:
    config = ModelConfig(
        n_layers=2, n_heads=4, d_model=64, d_feedforward=128, relative_positions=name == "amt_rpr"
    )
    model = VideoMusicTransformer(config).eval()
    model.load_state_dict(safetensors.torch.load_file(parity / f"{name}.weights.safetensors"))
    return model


@pytest.mark.parametrize("name", ["amt_rpr", "amt_norpr"])
class TestTransformer:
    @torch.inference_mode()
    def test_logits(self, parity: Path, io: dict[str, Tensor], name: str) -> None:
        model = load(parity, name)
        together = model(io["video"], io["x"], io["key"])
        torch.testing.assert_close(together, io[f"logits.{name}"], atol=1e-4, rtol=0)
        for song in range(3):
            alone = model(
                io["video"][song : song + 1], io["x"][song : song + 1], io["key"][song : song + 1]
            )
            torch.testing.assert_close(alone[0], together[song], atol=1e-5, rtol=0)

    @torch.inference_mode()
    def test_a_prefix_alone(self, parity: Path, io: dict[str, Tensor], name: str) -> None:
        prefix = load(parity, name)(io["video"][:1], io["x"][:1, :120], io["key"][:1])
        torch.testing.assert_close(prefix[0], io[f"logits_prefix120.{name}"], atol=1e-4, rtol=0)

    @torch.inference_mode()
    def test_losses(self, parity: Path, io: dict[str, Tensor], name: str) -> None:
        exists = io["scene_offset"] > 0
        emotions = torch.where(exists, io["emotion"].argmax(-1), chords.PAST_END)[:, 1:]
        table = torch.from_numpy(chords.AFFECTIVE_TARGETS).float()
        torch.testing.assert_close(table[emotions], io["tgt_emotion"])
        found = losses(
            load(parity, name)(io["video"], io["x"], io["key"]),
            io["tgt"],
            emotions,
            count_padding=True,
        )
        stacked = torch.stack([found.chord, found.emotion, found.total], dim=1)
        torch.testing.assert_close(stacked, io[f"losses.{name}"], atol=1e-5, rtol=0)

    @torch.inference_mode()
    def test_cached_equals_uncached(self, parity: Path, io: dict[str, Tensor], name: str) -> None:
        model = load(parity, name)
        whole = model(io["video"], io["x"], io["key"])
        cache = model.start(io["video"], io["key"])
        steps = [
            model.prefill(io["x"][:, :50], cache),
            *(model.step(io["x"][:, i], cache) for i in range(50, 299)),
        ]
        torch.testing.assert_close(torch.stack(steps, dim=1), whole[:, 49:], atol=1e-5, rtol=0)


def test_embedding_indices(io: dict[str, Tensor]) -> None:
    root, quality = chords.root_quality(io["x"].numpy())
    assert (root == io["x_root"].numpy()).all()
    assert (quality == io["x_attr"].numpy()).all()


@torch.inference_mode()
def test_bigru(parity: Path, io: dict[str, Tensor]) -> None:
    weights = safetensors.torch.load_file(parity / "regression.weights.safetensors")
    model = VideoRegressor(RegressorConfig(d_model=16, normalise=False)).eval()
    model.load_state_dict(
        {name: value for name, value in weights.items() if name.startswith(("bigru.", "bifc."))}
    )
    torch.testing.assert_close(model(io["video"]), io["regression.bigru"], atol=1e-5, rtol=0)
