"""Weights in the published form: a `.pickle` of a `state_dict` by `torch.save`, read without
running code in it.

The shape of a model follows from its tensors. The exception is the number of heads of a model
without relative positions.

Source: the published code of Kang et al. 2024 (AMAAI-Lab/Video2Music), which saves
    `model.state_dict()`.
"""

import io
import re
import struct
from collections import OrderedDict
from collections.abc import Mapping
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from vmt.errors import WeightsError
from vmt.model.chord_model import ChordModel
from vmt.model.config import EXTRA_INPUTS, ModelConfig
from vmt.model.regressor import RegressorConfig, VideoRegressor
from vmt.model.transformer import VideoMusicTransformer

PUBLISHED_HEADS = 8
_DAMAGED = (
    *(UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(AssertionError, OverflowError, ImportError, struct.error),
)
"""Raised when a pickle is damaged, or holds more than tensors."""
_NAMED = 3


def read_transformer(data: bytes, name: str, n_heads: int | None = None) -> VideoMusicTransformer:
    """The transformer of a published file, in eval mode.

    Args:
        data: the file's bytes.
        name: of the file, for messages.
        n_heads: number of heads of a model without relative positions; 8 where None.

    Raises:
        WeightsError: if `data` holds anything but tensors, or not those of a Video Music
            Transformer.
    """
    tensors = read_tensors(data, name)
    config = _transformer_config(tensors, name, n_heads)
    with torch.device("meta"):
        _check_fit(VideoMusicTransformer(config), tensors, name)
    model = VideoMusicTransformer(config)
    model.load_state_dict(tensors)
    return model.eval()


def read_regressor(data: bytes, name: str) -> tuple[VideoRegressor, dict[str, Tensor]]:
    """The biGRU of a published file, in eval mode, and the other tensors of the file, which VMT
    does not use.

    The published file holds an LSTM and a GRU, one- and two-directional, at once; the biGRU is what
    the published code generates with.

    Raises:
        WeightsError: if `data` holds anything but tensors, or no biGRU.
    """
    tensors = read_tensors(data, name)
    taken = {key: tensor for key, tensor in tensors.items() if key.startswith(("bigru.", "bifc."))}
    d_video = _shape(taken, "bigru.weight_ih_l0", 2, name)[1]
    d_model = _shape(taken, "bigru.weight_hh_l0", 2, name)[1]
    n_layers = len([key for key in taken if re.fullmatch(r"bigru\.weight_hh_l\d+", key)])
    config = RegressorConfig(d_video - EXTRA_INPUTS, d_model, n_layers, normalise=False)
    with torch.device("meta"):
        _check_fit(VideoRegressor(config), taken, name)
    model = VideoRegressor(config)
    model.load_state_dict(taken)
    return model.eval(), {key: tensor for key, tensor in tensors.items() if key not in taken}


def transformer_pickle(model: ChordModel, name: str) -> bytes:
    """The model as the published code saves it, tensor for tensor.

    Args:
        name: of the weights, for messages.

    Raises:
        WeightsError: if the published code would compute something else with these weights.
    """
    if model.unpublished:
        raise WeightsError(
            f"{name}: its model has {model.unpublished[0]}, which the published code does not "
            "know; only models trained as preset amt can be exported"
        )
    return _pickled(model.state_dict())


def regressor_pickle(model: VideoRegressor, unused: Mapping[str, Tensor], name: str) -> bytes:
    """The biGRU as the published code saves it, with the tensors that VMT does not use.

    Args:
        model: the biGRU.
        unused: the other tensors, as `read_regressor` gave them.
        name: of the weights, for messages.

    Raises:
        WeightsError: if the published code would compute something else with these weights.
    """
    if model.config.normalise:
        raise WeightsError(
            f"{name}: its biGRU standardises its inputs, which the published code does not; "
            "only a regression that was imported can be exported"
        )
    return _pickled({**unused, **model.state_dict()})


def _pickled(tensors: Mapping[str, Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(OrderedDict((key, tensor.detach().cpu()) for key, tensor in tensors.items()), file)
    return file.getvalue()


def read_tensors(data: bytes, name: str) -> dict[str, Tensor]:
    """All tensors of a published file; pickled code in it is refused, not run.

    Raises:
        WeightsError: if it holds anything else, or a tensor that is not finite float32.
    """
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        reason = str(error).strip().partition("\n")[0][:120]
        raise WeightsError(
            f"{name}: damaged, or it holds more than tensors, which is never run ({reason}); "
            "bring a file that torch.save made of a state_dict"
        ) from error

    if not isinstance(content, Mapping) or not content:
        raise WeightsError(
            f"{name}: holds a {type(content).__name__} and must hold a state_dict, names with "
            "tensors"
        )
    for key, value in content.items():
        _check_tensor(key, value, name)
    return dict(content)


def _check_tensor(key: object, value: object, name: str) -> None:
    if not isinstance(key, str) or not isinstance(value, Tensor):
        raise WeightsError(
            f"{name}: {key!r} is a {type(value).__name__} and must be a tensor under a name"
        )

    if value.dtype != torch.float32 or value.layout != torch.strided:
        raise WeightsError(
            f"{name}: tensor {key} is {value.dtype} ({value.layout}) and must be dense float32"
        )
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        raise WeightsError(
            f"{name}: tensor {key} of shape {tuple(value.shape)} holds fewer numbers than it claims"
        )
    if not value.isfinite().all():
        raise WeightsError(
            f"{name}: tensor {key} holds numbers that are not finite; choose another epoch"
        )


def _transformer_config(
    tensors: Mapping[str, Tensor], name: str, n_heads: int | None
) -> ModelConfig:
    d_model, d_video = _shape(tensors, "Linear_vis.weight", 2, name)
    layers = {
        layer[1]
        for key in tensors
        if (layer := re.match(r"transformer\.encoder\.layers\.(\d+)\.", key))
    }

    relative = "transformer.decoder.layers.0.self_attn.Er" in tensors
    if relative:
        d_head = _shape(tensors, "transformer.decoder.layers.0.self_attn.Er", 2, name)[1]
        if n_heads not in (None, d_model // d_head):
            raise WeightsError(
                f"{name}: has {d_model // d_head} heads, by its relative positions, not {n_heads}"
            )
        n_heads = d_model // d_head

    heads = PUBLISHED_HEADS if n_heads is None else n_heads
    seconds = _shape(tensors, "positional_encoding.pe", 3, name)[0]
    if heads < 1 or d_model % heads or d_model % 2 or d_video <= EXTRA_INPUTS or seconds < 2:
        raise WeightsError(
            f"{name}: {d_model} wide, {heads} heads, {d_video} inputs and {seconds} seconds "
            "make no transformer; the width must be even and a multiple of the heads"
        )

    return ModelConfig(
        d_semantic=d_video - EXTRA_INPUTS,
        n_layers=len(layers),
        n_heads=heads,
        d_model=d_model,
        d_feedforward=_shape(tensors, "transformer.encoder.layers.0.linear1.weight", 2, name)[0],
        max_seconds=seconds,
        relative_positions=relative,
    )


def _shape(tensors: Mapping[str, Tensor], key: str, axes: int, name: str) -> tuple[int, ...]:
    if key not in tensors:
        raise WeightsError(f"{name}: has no tensor {key}; it is another model's file")
    shape = tuple(tensors[key].shape)
    if len(shape) != axes or 0 in shape:
        raise WeightsError(
            f"{name}: tensor {key} has shape {shape} and must have {axes} axes, none empty"
        )
    return shape


def _check_fit(model: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Check that the file has every tensor of `model`, in its shape, and no other.

    Raises:
        WeightsError: naming what is missing, unknown or of another shape.
    """
    wanted = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    for what, keys in (
        ("lacks", wanted.keys() - tensors.keys()),
        ("has unknown", tensors.keys() - wanted.keys()),
    ):
        if keys:
            shown = ", ".join(sorted(keys)[:_NAMED]) + (", ..." if len(keys) > _NAMED else "")
            raise WeightsError(
                f"{name}: {what} {len(keys)} tensors, {shown}; it is another model's file"
            )

    for key, shape in wanted.items():
        if tuple(tensors[key].shape) != shape:
            raise WeightsError(
                f"{name}: tensor {key} has shape {tuple(tensors[key].shape)}, beside the "
                f"others {shape}"
            )
