"""Videos from this machine into the inbox, where those stand that want a soundtrack."""

from collections.abc import Sequence
from pathlib import Path

from vmt import media
from vmt.errors import VmtError
from vmt.jobs.compose import Failure
from vmt.jobs.index import video_id
from vmt.store import ObjectStore


def put_in_inbox(store: ObjectStore, videos: Sequence[Path]) -> tuple[list[str], tuple[Failure, ...]]:
    """Upload each video that can be read to `inbox/<id>.<ext>`; what cannot is reported and does not stop the others.

    Returns:
        The keys of the uploaded, and the failures.
    """
    keys: list[str] = []
    failures: list[Failure] = []
    for path in videos:
        key = f"inbox/{path.name}"
        try:
            video_id(key)
            media.probe(path)
            store.put_file(key, path)
        except VmtError as error:
            failures.append(Failure(str(path), str(error)))
        else:
            keys.append(key)
    return keys, tuple(failures)
