"""Weights as bytes: safetensors that know which model they belong to."""

import json
from dataclasses import asdict
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vmt.errors import WeightsError
from vmt.model.chord_model import ChordModel, build
from vmt.model.config import CopyConfig, ModelConfig
from vmt.model.copying import CopyTransformer
from vmt.model.regressor import RegressorConfig, VideoRegressor

_Config = TypeVar("_Config", ModelConfig, CopyConfig, RegressorConfig)


def to_bytes(tensors: dict[str, Tensor], **metadata: object) -> bytes:
    """Tensors and JSON metadata as safetensors."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return bytes(
        safetensors.torch.save(
            plain, {name: json.dumps(value, sort_keys=True) for name, value in metadata.items()}
        )
    )


def from_bytes(data: bytes, name: str) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Tensors and metadata that `to_bytes` wrote.

    Raises:
        WeightsError: if `data` is not safetensors.
    """
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = {key: json.loads(value) for key, value in header.get("__metadata__", {}).items()}
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(
            f"{name}: not safetensors, or damaged ({error}); upload it again or choose another "
            "epoch"
        ) from error
    return tensors, metadata


def transformer_bytes(model: ChordModel) -> bytes:
    """The model's weights in float32, with its kind and shape."""
    kind = "copy" if isinstance(model, CopyTransformer) else "amt"
    return to_bytes(model.state_dict(), model={"kind": kind, **asdict(model.config)})


def regressor_bytes(model: VideoRegressor) -> bytes:
    """The regressor's weights in float32, with its shape."""
    return to_bytes(model.state_dict(), regressor=asdict(model.config))


def load_transformer(data: bytes, name: str) -> ChordModel:
    """The model that `transformer_bytes` wrote, in eval mode.

    Raises:
        WeightsError: if `data` is damaged or holds something else.
    """
    tensors, metadata = from_bytes(data, name)
    shape = metadata.get("model")
    copies = isinstance(shape, dict) and shape.pop("kind", "amt") == "copy"
    model = build(_config(CopyConfig, shape, name) if copies else _config(ModelConfig, shape, name))
    _fill(model, tensors, name)
    return model.eval()


def load_regressor(data: bytes, name: str) -> VideoRegressor:
    """The regressor that `regressor_bytes` wrote, in eval mode.

    Raises:
        WeightsError: if `data` is damaged or holds something else.
    """
    tensors, metadata = from_bytes(data, name)
    model = VideoRegressor(_config(RegressorConfig, metadata.get("regressor"), name))
    _fill(model, tensors, name)
    return model.eval()


def _config(kind: type[_Config], fields: object, name: str) -> _Config:
    if not isinstance(fields, dict):
        raise WeightsError(
            f"{name}: holds no {kind.__name__}; it was not written by VMT's training"
        )
    return kind(**fields)


def _fill(model: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    with torch.no_grad():
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise WeightsError(
                f"{name}: its tensors do not fit its own configuration: {error}"
            ) from error
