"""Weights as bytes: safetensors that know which model they belong to."""

import json
from dataclasses import asdict
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vmt.errors import TrainingError, WeightsError
from vmt.model.architectures import architecture
from vmt.model.chord_model import ChordModel
from vmt.model.mode import ModeModel
from vmt.model.regressor import RegressorConfig, VideoRegressor

_MODE_ARRAYS = ("mean", "scale", "weights")


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
    shape = {"kind": model.config.kind, **asdict(model.config)}
    return to_bytes(model.state_dict(), model=shape)


def regressor_bytes(model: VideoRegressor) -> bytes:
    """The regressor's weights in float32, with its shape."""
    return to_bytes(model.state_dict(), regressor=asdict(model.config))


def mode_bytes(model: ModeModel) -> bytes:
    """The model of the mode, with what is one number of it."""
    arrays = {name: torch.tensor(getattr(model, name)) for name in _MODE_ARRAYS}
    numbers = {"bias": model.bias, "share": model.share, "threshold": model.threshold}
    return to_bytes(arrays, mode=numbers)


def load_mode(data: bytes, name: str) -> ModeModel:
    """The model that `mode_bytes` wrote.

    Raises:
        WeightsError: if `data` is damaged or holds something else.
    """
    tensors, metadata = from_bytes(data, name)
    numbers = _shape(metadata, "mode", name)
    if set(tensors) != set(_MODE_ARRAYS) or set(numbers) != {"bias", "share", "threshold"}:
        raise WeightsError(f"{name}: holds no model of the mode; train the run again")
    mean, scale, weights = (tensors[field].numpy() for field in _MODE_ARRAYS)
    return ModeModel(mean, scale, weights, **numbers)


def load_transformer(data: bytes, name: str) -> ChordModel:
    """The model that `transformer_bytes` wrote, in eval mode.

    Raises:
        WeightsError: if `data` is damaged or holds something else.
    """
    tensors, metadata = from_bytes(data, name)
    shape = _shape(metadata, "model", name)
    try:
        kind = architecture(str(shape.pop("kind", "amt")))
    except TrainingError as error:
        raise WeightsError(f"{name}: {error}; update VMT, or choose another run") from error
    model = kind.build(kind.config(**shape))
    _fill(model, tensors, name)
    return model.eval()


def load_regressor(data: bytes, name: str) -> VideoRegressor:
    """The regressor that `regressor_bytes` wrote, in eval mode.

    Raises:
        WeightsError: if `data` is damaged or holds something else.
    """
    tensors, metadata = from_bytes(data, name)
    model = VideoRegressor(RegressorConfig(**_shape(metadata, "regressor", name)))
    _fill(model, tensors, name)
    return model.eval()


def _shape(metadata: dict[str, object], key: str, name: str) -> dict[str, Any]:
    shape = metadata.get(key)
    if not isinstance(shape, dict):
        raise WeightsError(
            f"{name}: holds no shape of a {key}; it was not written by VMT's training"
        )
    return shape


def _fill(model: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    with torch.no_grad():
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise WeightsError(
                f"{name}: its tensors do not fit its own configuration: {error}"
            ) from error
