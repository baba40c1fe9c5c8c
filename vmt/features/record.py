"""`Features`: everything that VMT knows about a video, one value a second at the seconds 0, 1, 2,
... of its own clock.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Float32, Int32

from vmt import chords
from vmt.errors import AnnotationError, DatasetError

SCHEMA = "vmt-features-1"
_PICTURE = ("semantic", "emotion", "scene_offset", "motion")
_ARRAYS = (*_PICTURE, "loudness", "note_density")


@dataclass(frozen=True)
class Features:
    """Features of one video of T seconds.

    A musical field is None when it is not known: loudness without sound, note_density without sound
    and `.mid`, chord and key without sound and `.lab`.

    Attributes:
        semantic: CLIP image embedding, not normalised.
        emotion: softmax over `chords.EMOTIONS` of CLIP's image-text logits.
        scene_offset: seconds since the last cut, from 0.
        motion: mean absolute RGB difference of two neighbouring frames, 0 to 255; 0 at second 0.
        loudness: root mean square of the mono mix over the second, 0 to 1.
        note_density: notes sounding during the second.
        chord: labels of AMT's vocabulary, as heard (not normalised to C).
        key: as annotated, or estimated from the chords.
        duration_s: exact length of the video.
        source_sha256: of the video's bytes.
        extractors: name and version of the tool that made each field; `annotation` where people
            did.
        cuts_s: exact times of the hard cuts, rising.
    """

    semantic: Float32[np.ndarray, "time d"]
    emotion: Float32[np.ndarray, "time 6"]
    scene_offset: Int32[np.ndarray, " time"]
    motion: Float32[np.ndarray, " time"]
    loudness: Float32[np.ndarray, " time"] | None
    note_density: Float32[np.ndarray, " time"] | None
    chord: tuple[str, ...] | None
    key: chords.Key | None
    duration_s: float
    source_sha256: str
    extractors: Mapping[str, str]
    cuts_s: tuple[float, ...] = ()

    @property
    def seconds(self) -> int:
        """T, the number of seconds on the grid."""
        return len(self.motion)

    @property
    def untrained(self) -> bool:
        """Whether the picture was embedded with untrained weights."""
        return "untrained" in self.extractors.get("semantic", "")

    def to_bytes(self) -> bytes:
        """As safetensors, the labels and the rest as JSON in its metadata."""
        arrays = {name: getattr(self, name) for name in _ARRAYS if getattr(self, name) is not None}
        meta = {
            "schema": SCHEMA,
            "duration_s": self.duration_s,
            "source_sha256": self.source_sha256,
            "extractors": dict(sorted(self.extractors.items())),
            "key": str(self.key) if self.key else None,
            "chord": list(self.chord) if self.chord is not None else None,
            "cuts_s": list(self.cuts_s),
        }
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return bytes(
            safetensors.numpy.save(contiguous, metadata={"vmt": json.dumps(meta, sort_keys=True)})
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Features":
        """The record that `to_bytes` wrote.

        Raises:
            DatasetError: if `data` is not such a record.
        """
        try:
            arrays = safetensors.numpy.load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            meta = json.loads(header["__metadata__"]["vmt"])

            fields: dict[str, Any] = {
                name: arrays[name] if name in _PICTURE else arrays.get(name) for name in _ARRAYS
            }
            chord, key = meta["chord"], meta["key"]
            return cls(
                **fields,
                chord=tuple(chord) if chord is not None else None,
                key=chords.parse_key(key) if key else None,
                duration_s=float(meta["duration_s"]),
                source_sha256=meta["source_sha256"],
                extractors=meta["extractors"],
                cuts_s=tuple(meta["cuts_s"]),
            )
        except (
            KeyError,
            TypeError,
            ValueError,
            AnnotationError,
            safetensors.SafetensorError,
        ) as error:
            reason = str(error).partition("\n")[0]
            raise DatasetError(
                f"features record is damaged ({reason}); delete it and run `vmt ingest` again"
            ) from error

    def first(self, seconds: int) -> "Features":
        """The first `seconds` seconds alone."""
        cut = {
            name: getattr(self, name)[:seconds]
            for name in _ARRAYS
            if getattr(self, name) is not None
        }
        chord = self.chord[:seconds] if self.chord is not None else None
        cuts_s = tuple(cut_s for cut_s in self.cuts_s if cut_s < seconds)
        return dataclasses.replace(
            self, **cut, chord=chord, cuts_s=cuts_s, duration_s=min(self.duration_s, float(seconds))
        )
