"""Long sounds in parts: spans with context on both sides, so that memory does not grow with the
length of a sound.
"""

import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

IMPORTING = threading.Lock()
"""Held while a recogniser's package is imported, since imports change process-wide state."""


@dataclass(frozen=True)
class Span:
    """Part of a sound, in samples.

    Attributes:
        start, end: what the model gets, `sound[start:end]`.
        first, last: of its results, those between these two are kept.
    """

    start: int
    end: int
    first: int
    last: int


def spans(samples: int, length: int, context: int) -> Iterator[Span]:
    """Spans whose kept parts tile `samples`.

    Args:
        samples: of the sound.
        length: of a kept part. A sound of at most `length + context` is one span.
        context: samples on both sides of a kept part.
    """
    first = 0
    while first < samples:
        last = first + length if samples - first > length + context else samples
        yield Span(max(0, first - context), min(samples, last + context), first, last)
        first = last


def padded(sound: Float32[np.ndarray, " samples"], samples: int) -> Float32[np.ndarray, " padded"]:
    """The sound with zeros at its end, at least `samples` long."""
    return np.pad(sound, (0, max(0, samples - len(sound))))


def finite(sound: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, " samples"]:
    """The sound with 0 in place of infinities and NaN, which broken streams decode to."""
    clean: Float32[np.ndarray, " samples"] = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    return clean


def package_folder(package: str) -> str:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, package
    assert spec.submodule_search_locations, package
    return str(next(iter(spec.submodule_search_locations)))
