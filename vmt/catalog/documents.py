"""Change a JSON object that several writers keep up to date, such that none loses
another's work.
"""

import json
from collections.abc import Callable
from typing import Any

from vmt.errors import ObjectNotFound, PreconditionFailed
from vmt.store import ObjectStore

Json = dict[str, Any]


def merge(store: ObjectStore, key: str, change: Callable[[Json | None], Json]) -> None:
    """Write what `change` makes of the present content (None: there is none); no other writer's
    work is lost.
    """
    while True:
        known, etag = _read(store, key)
        before = json.dumps(known, separators=(",", ":"))
        content = json.dumps(change(known), separators=(",", ":"))
        if content == before:
            return
        try:
            store.put(key, content.encode(), if_absent=etag is None, if_match=etag)
        except PreconditionFailed:
            continue
        return


def _read(store: ObjectStore, key: str) -> tuple[Json | None, str | None]:
    try:
        data, etag = store.get_with_etag(key)
    except ObjectNotFound:
        return None, None
    found: Json = json.loads(data)
    return found, etag
