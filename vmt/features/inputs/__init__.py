"""Inputs that a model may read beside those that every model reads, selected by name.

An input is one module of this package that declares `INPUT`; its name is the module's. It is
computed from `Features` and read by the models whose configuration names it in `inputs`. The common
inputs, which every model reads, are in `vmt.dataset.songs.video_inputs`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from vmt.features.record import Features


@dataclass(frozen=True)
class ModelInput:
    """An input.

    Attributes:
        width: numbers a second.
        compute: features of T seconds to (T, width) numbers.
    """

    width: int
    compute: Callable[[Features], Float32[np.ndarray, "time width"]]


def model_inputs() -> dict[str, ModelInput]:
    """Every input there is, by name, sorted."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").INPUT for name in names}


def compute_inputs(features: Features) -> Mapping[str, Float32[np.ndarray, "time width"]]:
    """Every input of a video, by name."""
    return {name: known.compute(features) for name, known in model_inputs().items()}
