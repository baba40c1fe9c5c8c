"""What people bring to a generation: lists of videos and curves of emotion, checked before any
work.
"""

import csv
import io
from pathlib import Path, PurePosixPath

from vmt import chords
from vmt.arrange.spotting import HIT_KINDS
from vmt.catalog.records import loads
from vmt.catalog.records.soundtracks import SoundtrackRecord
from vmt.catalog.videos import candidates
from vmt.errors import GenerationError, RecordError
from vmt.store import ObjectStore


def videos_under(store: ObjectStore, prefix: str) -> list[str]:
    """The keys of the videos under a prefix.

    Raises:
        GenerationError: if there is none.
    """
    keys = [video.key for video in candidates(store.list(prefix))]
    if not keys:
        raise GenerationError(
            f"no video under {prefix}; put .mp4 files there, or name another prefix"
        )
    return keys


def listed_videos(path: Path) -> list[str | Path]:
    """The videos that a text file names, one a line: files on this machine, else keys in the store.
    Empty lines and those that begin with `#` say nothing.

    Raises:
        GenerationError: if the file cannot be read or names nothing.
    """
    names = _lines(_text(path))
    if not names:
        raise GenerationError(f"list {path}: names no video; write one key or file a line")
    return [Path(name) if Path(name).is_file() else name for name in names]


def manifest_videos(store: ObjectStore, key: str) -> list[str]:
    """The keys of the videos that an object in the store lists.

    Args:
        store: where it is.
        key: of a dataset's `manifest.parquet` or a `.csv`, whose column `key` names them, or of a
            text as `listed_videos` reads it.

    Raises:
        GenerationError: if it cannot be read or names nothing.
    """
    import pandas as pd  # a second of import, which files alone need not pay
    import pyarrow

    data, kind = store.get(key), PurePosixPath(key).suffix
    try:
        if kind == ".parquet":
            names = pd.read_parquet(io.BytesIO(data))["key"].tolist()
        elif kind == ".csv":
            names = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)["key"].tolist()
        else:
            names = _lines(data.decode("utf-8-sig"))
    except KeyError as error:
        raise GenerationError(
            f"manifest {key}: has no column 'key', which names the videos' keys"
        ) from error
    except (
        ValueError,
        pyarrow.ArrowException,
    ) as error:  # pandas' and the decoder's errors are ValueErrors
        raise GenerationError(
            f"manifest {key}: cannot be read ({error}); give .parquet, .csv or lines"
        ) from error
    # Songs that were imported have no video.
    videos = [name.strip() for name in names if name.strip()]
    if not videos:
        raise GenerationError(
            f"manifest {key}: names no video; its column 'key', or its lines, must"
        )
    return videos


def read_emotions(path: Path) -> tuple[tuple[float, ...], ...]:
    """A curve of emotion from a CSV file, one row a second.

    Its first line names the columns: `emotion` (each row one of the six names), or all six names
    (each row their shares, which are scaled to sum to 1).

    Raises:
        GenerationError: naming the file, the line and what is wrong there.
    """
    try:
        rows = list(csv.reader(_text(path).splitlines()))
    except csv.Error as error:
        raise GenerationError(f"{path}: is not a CSV file ({error}); export it again") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if header != ["emotion"] and sorted(header) != sorted(chords.EMOTIONS):
        raise GenerationError(
            f"{path}: its first line must be 'emotion', or all of '{','.join(chords.EMOTIONS)}'"
        )
    curve = [
        _row(row, header, f"{path}, line {number}")
        for number, row in enumerate(rows[1:], start=2)
        if row
    ]
    if not curve:
        raise GenerationError(f"{path}: no row under its first line; write one a second")
    return tuple(curve)


def read_hits(path: Path) -> tuple[tuple[float, str], ...]:
    """Points of a film that the music must stand on, from a CSV file with the columns `time`
    (seconds, or minutes:seconds) and `kind` (hit, section or stop), rising in time.

    Raises:
        GenerationError: naming the file, the line and what is wrong there.
    """
    rows = list(csv.reader(_text(path).splitlines()))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if sorted(header) != ["kind", "time"]:
        raise GenerationError(f"{path}: its first line must be 'time,kind'")
    points: list[tuple[float, str]] = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
        points.append(_point(cells, f"{path}, line {number}"))
    if not points:
        raise GenerationError(f"{path}: no point under its first line; write one a line")
    return tuple(sorted(points))


def _point(cells: dict[str, str], place: str) -> tuple[float, str]:
    kind = cells.get("kind", "").lower()
    if kind not in HIT_KINDS:
        raise GenerationError(f"{place}: kind {kind!r} must be one of {', '.join(HIT_KINDS)}")
    minutes, _, seconds = cells["time"].rpartition(":")
    try:
        time_s = 60 * float(minutes or 0) + float(seconds)
    except ValueError as error:
        raise GenerationError(
            f"{place}: time {cells['time']!r} must be seconds or minutes:seconds"
        ) from error
    if not 0 <= time_s < float("inf"):
        raise GenerationError(f"{place}: time {cells['time']!r} must be 0 or more")
    return time_s, kind


def read_record(path: Path) -> SoundtrackRecord:
    """The record of a soundtrack from its JSON file.

    Raises:
        GenerationError: if the file cannot be read, or is no record.
    """
    try:
        return loads(SoundtrackRecord, _text(path).encode(), str(path))
    except RecordError as error:
        problem = str(error).partition("; ")[0]
        raise GenerationError(f"{problem}; give an <id>_cgen_rd.json") from error


def _row(row: list[str], header: list[str], place: str) -> tuple[float, ...]:
    if header == ["emotion"]:
        if len(row) != 1 or row[0].strip() not in chords.EMOTIONS:
            raise GenerationError(
                f"{place}: {','.join(row)!r} must be one of {', '.join(chords.EMOTIONS)}"
            )
        return tuple(float(name == row[0].strip()) for name in chords.EMOTIONS)
    try:
        shares = dict(zip(header, (float(cell) for cell in row), strict=True))
    except ValueError as error:
        raise GenerationError(
            f"{place}: {','.join(row)!r} must be {len(header)} numbers"
        ) from error
    total = sum(shares.values())
    if min(shares.values()) < 0 or not 0 < total < float("inf"):
        raise GenerationError(f"{place}: {','.join(row)!r} must be shares of 0 and more, not all 0")
    return tuple(shares[name] / total for name in chords.EMOTIONS)


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GenerationError(f"{path}: cannot be read ({error})") from error
