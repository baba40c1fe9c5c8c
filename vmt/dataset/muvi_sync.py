"""MuVi-Sync in its published layout (`vevo_*` folders of text and .npy files) to features.

Source: Kang, Poria and Herremans 2024, "MuVi-Sync" (Zenodo record 10057093).
"""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from vmt import chords
from vmt.dataset.splits import Split
from vmt.errors import AnnotationError, DatasetError
from vmt.features.record import Features

EXTRACTOR = "muvi-sync-v1"
_FILES = {
    "semantic": "vevo_semantic/all/2d/clip_l14p/{id}.npy",
    "emotion": "vevo_emotion/6c_l14p/all/{id}.lab",
    "scene_offset": "vevo_scene_offset/all/{id}.lab",
    "motion": "vevo_motion/all/{id}.lab",
    "loudness": "vevo_loudness/all/{id}.lab",
    "note_density": "vevo_note_density/all/{id}.lab",
    "chord": "vevo_chord/lab_v2/all/{id}.lab",
}
_SIDES: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}


def split_lists(folder: Path) -> dict[str, Split]:
    """The published side of each song, by id.

    Raises:
        DatasetError: if `folder` does not hold the split's lists.
    """
    sides: dict[str, Split] = {}
    for name, side in _SIDES.items():
        path = folder / "vevo_meta" / "split" / "v1" / f"{name}.txt"
        if not path.is_file():
            raise DatasetError(
                f"{folder}: no vevo_meta/split/v1/{name}.txt in it; name the folder of "
                "MuVi-Sync's vevo_* folders"
            )
        sides |= dict.fromkeys(path.read_text().split(), side)
    return sides


def missing_files(folder: Path, song: str) -> list[str]:
    """Names of the fields whose file a song lacks."""
    return [
        field
        for field, pattern in _FILES.items()
        if not (folder / pattern.format(id=song)).is_file()
    ]


def read_song(folder: Path, song: str) -> Features:
    """Features of one song, cut to the shortest of its fields.

    Raises:
        DatasetError: naming the file that is missing or damaged.
    """
    digest = hashlib.sha256()
    data = {}
    for field, pattern in _FILES.items():
        path = folder / pattern.format(id=song)
        try:
            data[field] = path.read_bytes()
        except FileNotFoundError as error:
            raise DatasetError(f"song {song}: no {path.relative_to(folder)}") from error
        digest.update(data[field])
    columns = {
        field: _column(data[field], song, field)
        for field in ("scene_offset", "motion", "loudness", "note_density")
    }
    semantic = _semantic(data["semantic"], song)
    emotion = _rows(data["emotion"], song, "emotion", 7)[:, 1:]
    try:
        annotation = chords.parse_lab(data["chord"].decode(), _FILES["chord"].format(id=song))
    except AnnotationError as error:
        raise DatasetError(f"song {song}: {error}") from error
    if annotation.key is None:
        raise DatasetError(f"song {song}: {_FILES['chord'].format(id=song)} has no key line")
    seconds = min(
        len(semantic),
        len(emotion),
        len(annotation.labels),
        *(len(column) for column in columns.values()),
    )
    return Features(
        semantic=semantic[:seconds],
        emotion=emotion[:seconds],
        scene_offset=columns["scene_offset"][:seconds].astype(np.int32),
        motion=columns["motion"][:seconds],
        loudness=columns["loudness"][:seconds],
        note_density=columns["note_density"][:seconds],
        chord=annotation.each_second(seconds),
        key=annotation.key,
        duration_s=float(seconds),
        source_sha256=digest.hexdigest(),
        extractors=dict.fromkeys(_FILES, EXTRACTOR),
    )


def _semantic(data: bytes, song: str) -> Float32[np.ndarray, "time d"]:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise DatasetError(f"song {song}: its semantic .npy is damaged ({error})") from error
    if array.ndim != 2:
        raise DatasetError(f"song {song}: its semantic .npy has {array.ndim} axes and must have 2")
    return np.ascontiguousarray(array, dtype=np.float32)


def _rows(data: bytes, song: str, field: str, width: int) -> Float32[np.ndarray, "time columns"]:
    lines = _numeric_lines(data)
    try:
        rows = np.array(
            [[float(word) for word in line.split()] for line in lines], dtype=np.float32
        )
    except ValueError as error:
        raise DatasetError(
            f"song {song}: {_FILES[field].format(id=song)} is damaged ({error})"
        ) from error
    if rows.ndim != 2 or rows.shape[1] != width:
        raise DatasetError(
            f"song {song}: {_FILES[field].format(id=song)} must have {width} columns"
        )
    return rows


def _numeric_lines(data: bytes) -> Iterator[str]:
    for line in data.decode().splitlines():
        if line.strip() and line[0].isdigit():
            yield line


def _column(data: bytes, song: str, field: str) -> Float32[np.ndarray, " time"]:
    return _rows(data, song, field, 2)[:, 1]
