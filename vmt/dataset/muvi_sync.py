"""MuVi-Sync in its published layout (`vevo_*` folders of text and .npy files) to features.

Source: Kang, Poria and Herremans 2024, "MuVi-Sync" (Zenodo record 10057093).
"""

import hashlib
import io
import re
from collections import Counter
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
    "semantic": ("vevo_semantic/all/2d/clip_l14p/{id}.npy",),
    "emotion": ("vevo_emotion/6c_l14p/all/{id}.lab", "vevo_emotion/*/all/{id}.lab"),
    "scene_offset": ("vevo_scene_offset/all/{id}.lab",),
    "motion": ("vevo_motion/all/{id}.lab",),
    "loudness": ("vevo_loudness/all/{id}.lab",),
    "note_density": ("vevo_note_density/all/{id}.lab",),
    "chord": ("vevo_chord/lab_v2/all/{id}.lab", "vevo_chord/lab_v2_norm/all/{id}.lab"),
}
"""Where each field stands, the published place first; a `*` is any one folder. The first users of
AMT write their own chords in C major or A minor, to `lab_v2_norm` alone.
"""
_SIDES: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_MOST_MISSING = 2
"""Seconds by which a field may be shorter than another; what differs by more is another song."""
_RANGES = {
    "scene_offset": (0.0, 1e6),
    "motion": (0.0, 255.0),
    "loudness": (0.0, 100.0),  # 1 is full scale, and some files are scaled otherwise
    "note_density": (0.0, 1000.0),
}


def split_lists(folder: Path) -> dict[str, Split]:
    """The published side of each song, by id. A song of several lists goes to the last of train,
    validation and test, so that no test song is trained on.

    Raises:
        DatasetError: if `folder` does not hold the split's lists, or one is no text.
    """
    sides: dict[str, Split] = {}
    for side, songs in _lists(folder).items():
        sides |= dict.fromkeys(sorted(songs), side)
    return sides


def repeated_songs(folder: Path) -> tuple[str, ...]:
    """Songs that stand in several lists.

    Raises:
        DatasetError: as `split_lists`.
    """
    times = Counter(song for songs in _lists(folder).values() for song in songs)
    return tuple(sorted(song for song, number in times.items() if number > 1))


def _lists(folder: Path) -> dict[Split, set[str]]:
    lists: dict[Split, set[str]] = {}
    for name, side in _SIDES.items():
        path = folder / "vevo_meta" / "split" / "v1" / f"{name}.txt"
        if not path.is_file():
            raise DatasetError(
                f"{folder}: no vevo_meta/split/v1/{name}.txt in it; name the folder of "
                "MuVi-Sync's vevo_* folders"
            )
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path}: is not UTF-8 text ({error.reason})") from error
        lists[side] = {line.strip().removesuffix(".mp4") for line in lines} - {""}
    return lists


def _place(folder: Path, field: str, song: str) -> Path | None:
    """The file of a field, or None."""
    if "/" in song or song in (".", ".."):
        return None
    for pattern in _FILES[field]:
        before, star, after = pattern.partition("*")
        folders = sorted((folder / before).glob("*")) if star else [folder]
        for base in folders:
            path = base / (after.removeprefix("/") if star else pattern).replace("{id}", song)
            if path.is_file():
                return path
    return None


def missing_files(folder: Path, song: str) -> list[str]:
    """Names of the fields whose file a song lacks."""
    return [field for field in _FILES if _place(folder, field, song) is None]


def read_song(folder: Path, song: str) -> Features:
    """Features of one song, cut to the shortest of its fields.

    Raises:
        DatasetError: naming the song, the field and the row that is missing or no value.
    """
    digest = hashlib.sha256()
    data: dict[str, bytes] = {}
    for field in _FILES:
        path = _place(folder, field, song)
        if path is None:
            raise DatasetError(f"song {song}: no {_FILES[field][0].replace('{id}', song)}")
        data[field] = path.read_bytes()
        digest.update(data[field])

    columns = {field: _column(data[field], song, field) for field in _RANGES}
    semantic = _semantic(data["semantic"], song)
    emotion = _emotion(data["emotion"], song)
    try:
        annotation = chords.parse_lab(chords.lab_text(data["chord"], "chord"), "chord")
    except AnnotationError as error:
        raise DatasetError(f"song {song}: {error}") from error
    if annotation.key is None:
        raise DatasetError(f"song {song}: chord: has no key line; write one, such as key C major")

    lengths = {"semantic": len(semantic), "emotion": len(emotion)}
    lengths |= {field: len(values) for field, values in columns.items()}
    lengths["chord"] = int(annotation.end_s)
    seconds, longest = min(lengths.values()), max(lengths.values())
    if longest - seconds > _MOST_MISSING:
        short = min(lengths, key=lambda field: lengths[field])
        raise DatasetError(
            f"song {song}: {short}: {seconds} rows, and another field has {longest}; write one "
            "row for each second"
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


def song_warnings(features: Features, song: str) -> tuple[str, ...]:
    """What makes training on a song meaningless, though each value is right."""
    warnings = []
    if features.chord is not None and set(features.chord) == {"N"}:
        warnings.append(f"song {song}: chord: all N, so that nothing is learned of harmony")
    for field in ("note_density", "loudness"):
        values = getattr(features, field)
        if len(values) > 1 and np.ptp(values) == 0:
            warnings.append(
                f"song {song}: {field}: {values[0]:g} in every second, so that nothing is learned "
                "of it"
            )
    return tuple(warnings)


def _refuse_not_finite(values: np.ndarray, song: str, field: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row = int(bad[0][0])
        raise DatasetError(
            f"song {song}: {field}, row {row}: {values[tuple(bad[0])]:g} is no value; write a "
            "finite number"
        )


def _semantic(data: bytes, song: str) -> Float32[np.ndarray, "time d"]:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        if array.ndim != 2:
            raise DatasetError(f"song {song}: semantic: has {array.ndim} axes and must have 2")
        values = np.ascontiguousarray(array, dtype=np.float32)
    except (ValueError, EOFError, OSError, SyntaxError, TypeError, AttributeError) as error:
        raise DatasetError(f"song {song}: its semantic .npy is damaged ({error})") from error
    _refuse_not_finite(values, song, "semantic")
    return values


def _emotion(data: bytes, song: str) -> Float32[np.ndarray, "time 6"]:
    """Shares of the six emotions; classes are known by their names in the first line.

    Classes that VMT does not know are left out and the others scaled to sum to 1; those that a file
    does not have are 0. Six classes without known names are VMT's, in its order.
    """
    lines = _text(data, song, "emotion").splitlines()
    header = lines[0].lower().split() if lines and not lines[0][:1].isdigit() else []
    names = [name.removesuffix("_prob") for name in header[1:]]
    rows = _rows(data, song, "emotion")[:, 1:]
    known = [name for name in chords.EMOTIONS if name in names]
    if not known and rows.shape[1] == len(chords.EMOTIONS):
        shares = rows
    elif known and rows.shape[1] == len(names):
        shares = np.zeros((len(rows), len(chords.EMOTIONS)), dtype=np.float32)
        for name in known:
            shares[:, chords.EMOTIONS.index(name)] = rows[:, names.index(name)]
    else:
        raise DatasetError(
            f"song {song}: emotion: {rows.shape[1]} classes, of which VMT knows none; name them "
            f"in the first line: time {' '.join(f'{name}_prob' for name in chords.EMOTIONS)}"
        )

    total = shares.sum(axis=1)
    bad = np.flatnonzero((shares < 0).any(axis=1) | (shares > 1.001).any(axis=1) | (total <= 0))
    if len(bad):
        row = int(bad[0])
        raise DatasetError(
            f"song {song}: emotion, row {row}: {rows[row].tolist()} must be shares of 0 to 1, not "
            "all 0"
        )
    if known and set(names) != set(chords.EMOTIONS):
        shares = shares / total[:, None]
    return np.asarray(shares, dtype=np.float32)


def _rows(data: bytes, song: str, field: str) -> Float32[np.ndarray, "time columns"]:
    lines = list(_numeric_lines(_text(data, song, field)))
    try:
        rows = np.array(
            [[float(word) for word in line.replace(",", " ").split()] for line in lines],
            dtype=np.float32,
        )
    except ValueError as error:
        raise DatasetError(f"song {song}: {field}: is damaged ({error})") from error
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise DatasetError(f"song {song}: {field}: must have rows of a second and its values")
    _refuse_not_finite(rows, song, field)
    return rows


def _text(data: bytes, song: str, field: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"song {song}: {field}: is not UTF-8 text ({error.reason})") from error


def _numeric_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if re.match(r"\s*[-+]?\.?\d", line):
            yield line


def _column(data: bytes, song: str, field: str) -> Float32[np.ndarray, " time"]:
    rows = _rows(data, song, field)
    if rows.shape[1] != 2:
        raise DatasetError(f"song {song}: {field}: {rows.shape[1]} columns and must have 2")
    low, high = _RANGES[field]
    bad = np.flatnonzero((rows[:, 1] < low) | (rows[:, 1] > high))
    if len(bad):
        row = int(bad[0])
        raise DatasetError(
            f"song {song}: {field}, row {row}: {rows[row, 1]:g} must be {low:g} to {high:g}"
        )
    return rows[:, 1]
