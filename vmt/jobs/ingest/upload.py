"""Upload videos of this machine to the store, to train on or to get a soundtrack."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from vmt import media
from vmt.catalog import keys
from vmt.catalog.identity import assign, digest, local_name, lying_beside, printable, title_of
from vmt.catalog.records.soundtracks import Failure
from vmt.catalog.videos import sha256_of
from vmt.errors import DatasetError, VmtError
from vmt.store import ObjectStore


def upload(
    store: ObjectStore, videos: Iterable[Path], folder: str = keys.INBOX
) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video that can be read to `<folder><id>.<ext>`; what cannot is reported and does
    not stop the others. Two files of one name that differ become two videos.

    Annotations beside a training video (`<id>.lab`, `.mid`, `.json`) are uploaded before it.

    Args:
        store: the store.
        videos: files on this machine.
        folder: `inbox/` for videos that want a soundtrack, `videos/` for those to train on.

    Returns:
        The keys of the uploaded, and the failures.
    """
    placed: dict[str, Path] = {}
    titles: dict[str, str] = {}
    failures: list[Failure] = []
    for path in videos:
        try:
            media.probe(path)
            key = place_of(store, path, placed, folder)
            if folder == keys.VIDEOS:
                for annotation in _beside(path):
                    ending = annotation.suffix
                    store.put_file(str(PurePosixPath(key).with_suffix(ending)), annotation)
            store.put_file(key, path)
        except VmtError as error:
            failures.append(Failure(printable(str(path)), printable(str(error))))
        else:
            placed[key], titles[key] = path.resolve(), title_of(path.name)
    assign(store, placed, titles)
    return list(placed), tuple(failures)


def place_of(
    store: ObjectStore, path: Path, placed: Mapping[str, Path], folder: str = keys.INBOX
) -> str:
    """The key that a file of this machine gets; it takes none that another video has.

    Args:
        store: where it goes.
        path: of the file.
        placed: files by the keys that they got before in the same batch.
        folder: `inbox/` or `videos/`.
    """
    sha256 = sha256_of(path)
    key = f"{folder}{local_name(path.name, sha256)}"
    number = 0
    while placed.get(key, path.resolve()) != path.resolve() or (
        key not in placed and store.head(key) is not None and not _holds(store, key, path, sha256)
    ):
        told_apart = digest(f"{sha256}/{number}") if number else sha256
        key = f"{folder}{local_name(path.name, told_apart, taken=True)}"
        number += 1
    return key


def _holds(store: ObjectStore, key: str, path: Path, sha256: str) -> bool:
    """Whether an object has a file's bytes."""
    info = store.head(key)
    if info is None or info.size != path.stat().st_size:
        return False
    with tempfile.TemporaryDirectory(prefix="vmt-") as folder:
        present = Path(folder) / "video"
        store.get_file(key, present)
        return sha256_of(present) == sha256


def _beside(video: Path) -> list[Path]:
    files = (video.with_suffix(ending) for ending in keys.ANNOTATIONS)
    return [file for file in files if file.is_file()]


def upload_folder(store: ObjectStore, folder: Path) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video of a folder to train on, with its annotations; folders within are left
    alone.

    Returns:
        The keys of the videos, and the failures.

    Raises:
        DatasetError: if `folder` is none, or holds no video.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; name one that holds videos, or MuVi-Sync's vevo_* folders"
        )
    present = [path for path in sorted(folder.iterdir()) if path.is_file()]
    left_out = lying_beside(path.name for path in present)
    files = [
        path
        for path in present
        if path.suffix.lower() not in keys.ANNOTATIONS and path.name not in left_out
    ]
    uploaded, failures = upload(store, files, keys.VIDEOS)
    if not uploaded:
        raise DatasetError(
            f"{folder}: no video in it; the first failure: "
            f"{failures[0].reason if failures else 'it is empty'}"
        )
    return uploaded, failures
