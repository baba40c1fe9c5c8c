"""Upload videos of this machine to the store, to train on or to get a soundtrack."""

from collections.abc import Iterable
from pathlib import Path

from vmt import media
from vmt.catalog import keys
from vmt.catalog.records.soundtracks import Failure
from vmt.catalog.videos import video_id
from vmt.errors import DatasetError, VmtError
from vmt.store import ObjectStore


def upload(
    store: ObjectStore, videos: Iterable[Path], folder: str = keys.INBOX
) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video that can be read to `<folder><id>.<ext>`; what cannot is reported and does
    not stop the others.

    Annotations beside a training video (`<id>.lab`, `.mid`, `.json`) are uploaded before it.

    Args:
        store: the store.
        videos: files on this machine.
        folder: `inbox/` for videos that want a soundtrack, `videos/` for those to train on.

    Returns:
        The keys of the uploaded, and the failures.
    """
    uploaded: list[str] = []
    failures: list[Failure] = []
    for path in videos:
        key = f"{folder}{path.name}"
        try:
            video_id(key)
            media.probe(path)
            if folder == keys.VIDEOS:
                for annotation in _beside(path):
                    store.put_file(f"{folder}{annotation.name}", annotation)
            store.put_file(key, path)
        except VmtError as error:
            failures.append(Failure(str(path), str(error)))
        else:
            uploaded.append(key)
    return uploaded, tuple(failures)


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
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in keys.ANNOTATIONS
    ]
    uploaded, failures = upload(store, files, keys.VIDEOS)
    if not uploaded:
        raise DatasetError(
            f"{folder}: no video in it; the first failure: "
            f"{failures[0].reason if failures else 'it is empty'}"
        )
    return uploaded, failures
