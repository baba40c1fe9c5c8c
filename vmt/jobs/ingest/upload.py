"""Bring a folder of this machine's videos to the store, with the annotations beside them."""

from pathlib import Path, PurePosixPath

from vmt import media
from vmt.catalog.identity import ANNOTATIONS, assign, local_name, lying_beside, title_of
from vmt.errors import DatasetError, VmtError
from vmt.jobs.ingest.ingest import sha256_of
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
    titles: dict[str, str] = {}
    failures: list[Failure] = []
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    left_out = lying_beside(path.name for path in files)
    for path in files:
        if path.suffix.lower() in ANNOTATIONS or path.name in left_out:
            continue
        try:
            media.probe(path)
            name = local_name(path.name, sha256_of(path))
        except VmtError as error:
            failures.append(Failure(str(path), str(error)))
            continue
        for beside in filter(Path.is_file, (path.with_suffix(suffix) for suffix in ANNOTATIONS)):
            store.put_file(f"videos/{PurePosixPath(name).stem}{beside.suffix}", beside)
        key = f"videos/{name}"
        store.put_file(key, path)
        titles[key] = title_of(path.name)
        keys.append(key)
    if not keys:
        raise DatasetError(
            f"{folder}: no video in it; the first trouble: "
            f"{failures[0].reason if failures else 'empty'}"
        )
    assign(store, keys, titles)
    return keys, tuple(failures)
