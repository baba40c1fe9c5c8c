"""Bring a folder of this machine's videos to the store, with the annotations beside them."""

from pathlib import Path

from vmt import media
from vmt.catalog.videos import ANNOTATIONS, video_id
from vmt.errors import DatasetError, VmtError
from vmt.jobs.soundtrack.composer import Failure
from vmt.store import ObjectStore


def bring(store: ObjectStore, folder: Path) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video of a folder to `videos/<id>.<ext>`, and what people said of it: `<id>.lab`,
    `.mid`, `.json`.

    What is no video is reported and does not stop the others; folders within are left alone.

    Returns:
        The keys of the videos, and the failures.

    Raises:
        DatasetError: if `folder` is none, or holds no video.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; name one that holds videos, or MuVi-Sync's vevo_* folders"
        )
    keys: list[str] = []
    failures: list[Failure] = []
    for path in sorted(
        each for each in folder.iterdir() if each.is_file() and each.suffix not in ANNOTATIONS
    ):
        key = f"videos/{path.name}"
        try:
            video_id(key)
            media.probe(path)
        except VmtError as error:
            failures.append(Failure(str(path), str(error)))
            continue
        for beside in filter(Path.is_file, (path.with_suffix(suffix) for suffix in ANNOTATIONS)):
            store.put_file(f"videos/{beside.name}", beside)
        store.put_file(key, path)
        keys.append(key)
    if not keys:
        raise DatasetError(
            f"{folder}: no video in it; the first trouble: "
            f"{failures[0].reason if failures else 'empty'}"
        )
    return keys, tuple(failures)
