"""Soundtracks as one zip file, streamed: one file of it at a time lies on this machine's disk, none
of it in memory.
"""

import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vmt.catalog import documents, keys
from vmt.catalog.identity import identities
from vmt.catalog.records.soundtracks import BatchSummary
from vmt.errors import ObjectNotFound, VmtError
from vmt.store import ObjectInfo, ObjectStore

ZIP_ROUTE = "/zip"
LIMIT_GIB = 8
READERS = 16
_CHUNK = 1 << 20
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"/\\|?*]')  # what Windows takes in no file name
_TITLE_BYTES = 190


class ArchiveRefused(VmtError):
    """The name is not that of soundtracks, or they are more than a zip may hold."""


def members(store: ObjectStore, name: str) -> list[ObjectInfo]:
    """The objects of one zip.

    Args:
        store: where the soundtracks are.
        name: the folder of a video's takes, of one take, or the key of a batch's summary.

    Raises:
        ArchiveRefused: if `name` is none of these, nothing stands there, or it is over `LIMIT_GIB`.
    """
    if keys.BATCH.parse(name) is not None:
        with ThreadPoolExecutor(READERS) as pool:
            heads = pool.map(store.head, _of_batch(store, name))
            objects = [info for info in heads if info is not None]
    elif keys.OUTPUT_FOLDER.parse(name) or keys.VIDEO_FOLDER.parse(name):
        objects = list(store.list(name))
    else:
        raise ArchiveRefused(
            f"{name}: not the folder of a soundtrack, nor a batch; take the link that the page "
            "gives"
        )
    if not objects:
        raise ArchiveRefused(f"{name}: nothing stands there; it may have been deleted")
    total = sum(info.size for info in objects)
    if total > LIMIT_GIB << 30:
        raise ArchiveRefused(
            f"{name}: {total / 2**30:.1f} GiB, and a zip holds up to {LIMIT_GIB}; copy "
            "outputs/ with an S3 client"
        )
    return objects


def _of_batch(store: ObjectStore, name: str) -> list[str]:
    batch = documents.read(store, name, BatchSummary)
    soundtracks = batch.soundtracks if batch is not None else ()
    files = [key for soundtrack in soundtracks for key in soundtrack.files.values()]
    return [key for key in files if key.startswith(keys.OUTPUTS)]


def _titled(store: ObjectStore, files: Sequence[ObjectInfo]) -> dict[str, str]:
    """Names in the zip by key: a video's title in place of an id that is a slug of it.

    Where two videos of one zip have the same title, their ids tell them apart.
    """
    titles = {
        identity.id: _FORBIDDEN.sub("_", identity.title).strip(". ")
        for identity in identities(store).values()
    }
    ids = {info.key.split("/")[3] for info in files if info.key.count("/") > 3}
    shown = Counter(titles.get(video, video) for video in ids)
    names = {}
    for info in files:
        parts = info.key.removeprefix(keys.OUTPUTS).split("/")
        video = parts[2] if len(parts) > 3 else ""
        title = titles.get(video, video)
        if video and title and title != video:
            title = title if shown[title] == 1 else f"{title} ({video})"
            short = title.encode()[:_TITLE_BYTES].decode(errors="ignore")
            parts[2], parts[-1] = short, parts[-1].replace(video, short, 1)
        names[info.key] = "/".join(parts)
    return names


class _Pipe:
    """What the zip writes, until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def stream(store: ObjectStore, objects: Sequence[ObjectInfo]) -> Iterator[bytes]:
    """The zip of these objects in pieces, stored as they are: films and sound are compressed
    already.

    An object that was deleted meanwhile is left out.
    """
    pipe = _Pipe()
    names = _titled(store, objects)
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        with zipfile.ZipFile(pipe, "w") as archive:
            for info in objects:
                path = Path(folder) / "member"
                try:
                    store.get_file(info.key, path)
                except ObjectNotFound:
                    continue
                entry = zipfile.ZipInfo(names[info.key], info.modified.timetuple()[:6])
                with (
                    path.open("rb") as source,
                    archive.open(entry, "w", force_zip64=True) as target,
                ):
                    while piece := source.read(_CHUNK):
                        target.write(piece)
                        yield pipe.take()
        yield pipe.take()
