"""The architectures of chord models: a new one is its own file and an entry here.

An entry is a function, so that reading a name or a preset loads no model code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmt.errors import TrainingError
from vmt.model.config import ChordConfig

if TYPE_CHECKING:
    from vmt.model.chord_model import ChordModel


@dataclass(frozen=True)
class Architecture:
    """An architecture.

    Attributes:
        config: the class of its shape, whose `kind` is the architecture's name.
        build: makes an untrained model of a shape.
    """

    config: type[ChordConfig]
    build: "Callable[..., ChordModel]"


def _amt() -> Architecture:
    from vmt.model.config import ModelConfig
    from vmt.model.transformer import VideoMusicTransformer

    return Architecture(ModelConfig, VideoMusicTransformer)


def _copy() -> Architecture:
    from vmt.model.config import CopyConfig
    from vmt.model.copying import CopyTransformer

    return Architecture(CopyConfig, CopyTransformer)


ARCHITECTURES: dict[str, Callable[[], Architecture]] = {"amt": _amt, "copy": _copy}
"""By the name that is stored with the weights."""


def architecture(kind: str) -> Architecture:
    """The architecture of that name.

    Raises:
        TrainingError: if there is none.
    """
    if kind not in ARCHITECTURES:
        raise TrainingError(
            f"architecture {kind!r} is unknown; known: {', '.join(sorted(ARCHITECTURES))}"
        )
    return ARCHITECTURES[kind]()


def build(config: ChordConfig) -> "ChordModel":
    """An untrained model of that shape.

    Raises:
        TrainingError: if the shape's architecture is not registered.
    """
    return architecture(config.kind).build(config)


def recorded_config(kind: str | None, fields: Mapping[str, Any]) -> ChordConfig:
    """The shape that a run recorded.

    Args:
        kind: the architecture's name; None where the run is of VMT 0.1.0, which did not record it.
        fields: of the configuration.
    """
    if kind is None:
        kind = "amt" if "relative_positions" in fields else "copy"
    return architecture(kind).config(**fields)
