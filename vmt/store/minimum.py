"""The minimum that a store must be able to do, asked of the store itself.

VMT relies on: conditional writes, without which two writers lose each other's work; a listing that
holds what was written just before; etags that are the same in listings and answers; and ranges, by
which browsers seek. Checksums are used where a provider knows them, and Content-MD5 elsewhere.
"""

import contextlib
import secrets
from collections.abc import Callable

from vmt.errors import PreconditionFailed, StoreError
from vmt.store.protocol import MINIMUM, ObjectStore

PROBES = "health/minimum-"


def lacking(store: ObjectStore) -> tuple[str, ...]:
    """What a store cannot do, in words; empty for one that VMT can use. The probe is removed.

    Raises:
        StoreError: if the store cannot be reached, or does not even write and read.
    """
    key, content = PROBES + secrets.token_hex(8), b"0123456789"
    missing: list[str] = []
    written = store.put(key, content)
    try:
        data, etag = store.get_with_etag(key)
        if data != content:
            missing.append("gives back other bytes than were written")
        if store.read_range(key, 2, 5) != content[2:6]:
            missing.append("ignores ranges, so that films cannot be sought in")
        listed = {info.key: info.etag for info in store.list(PROBES)}
        if listed.get(key) != etag or written.etag != etag:
            missing.append("does not list an object with its etag straight after writing it")
        for name, condition in (
            ("If-None-Match", lambda: store.put(key, b"other", if_absent=True)),
            ("If-Match", lambda: store.put(key, b"other", if_match="0" * 32)),
        ):
            if (problem := _conditional(name, condition)) is not None:
                missing.append(problem)
    finally:
        with contextlib.suppress(StoreError):
            store.delete(key)
    return tuple(missing)


def _conditional(name: str, write: Callable[[], object]) -> str | None:
    try:
        write()
    except PreconditionFailed:
        return None
    except StoreError as error:
        if error.transient:
            raise
        return f"refuses {name} ({error})"
    return f"ignores {name}, so that two writers would lose each other's work"


def require_minimum(store: ObjectStore) -> None:
    """Let a store pass that can do what VMT needs.

    Raises:
        StoreError: naming what it cannot do.
    """
    if missing := lacking(store):
        raise StoreError(
            f"store {store.url}: {'; '.join(missing)}; VMT needs {MINIMUM}: use another store"
        )
